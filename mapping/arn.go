package mapping

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/shardmill/shardmill/internal/arns"
)

// sourceARN is the ARN of a Kinesis stream, or of a consumer of it, in its parts.
type sourceARN struct {
	partition, region, account, name string

	stream   string // the stream's ARN
	consumer string // the consumer's, empty if the source is the stream itself
}

// parseSourceARN reads the ARN of a stream, or of a consumer of one.
func parseSourceARN(s string) (sourceARN, error) {
	if s == "" {
		return sourceARN{}, errors.New("must be set")
	}
	form, stream, consumer := arns.Stream, s, ""
	if before, _, ok := strings.Cut(s, "/consumer/"); ok {
		form, stream, consumer = arns.Consumer, before, s
	}
	a, err := form.Parse(s)
	if errors.Is(err, arns.ErrForm) {
		return sourceARN{}, fmt.Errorf("Unrecognized event source. %q %w", s, err) //nolint:staticcheck // AWS's text
	}
	if err != nil {
		return sourceARN{}, fmt.Errorf("%q: %w", s, err)
	}
	return sourceARN{
		partition: a.Partition, region: a.Region, account: a.Account, stream: stream, consumer: consumer,
		name: stream[strings.LastIndexByte(stream, '/')+1:],
	}, nil
}

// StoreKey returns the name with which a Store identifies the mapping of a source to a function, from the fields
// EventSourceARN and FunctionName of its Config. It is the same for all forms of a function's name.
func StoreKey(eventSourceARN, functionName string) (string, error) {
	function, err := functionOf(functionName, eventSourceARN)
	if err != nil {
		return "", fmt.Errorf("mapping: store key: %w", err)
	}
	return nameOf(eventSourceARN, function), nil
}

func nameOf(eventSourceARN, functionARN string) string {
	return eventSourceARN + " " + strings.TrimSuffix(functionARN, ":$LATEST")
}

// FunctionARN returns a function's ARN in a mapping of a source, from the fields FunctionName and EventSourceARN of its
// Config. A qualifier is kept.
func FunctionARN(functionName, eventSourceARN string) (string, error) {
	arn, err := functionOf(functionName, eventSourceARN)
	if err != nil {
		return "", fmt.Errorf("mapping: function name: %w", err)
	}
	return arn, nil
}

// functionOf returns the ARN of a function name in a mapping of a source.
func functionOf(name, source string) (string, error) {
	from, err := parseSourceARN(source)
	if err != nil {
		return "", err
	}
	return functionARN(name, &from)
}

// functionARN returns the ARN of a function name: the name may be an ARN, a partial ARN (ACCOUNT:function:NAME or
// function:NAME) or a plain name, each with an optional qualifier, which is kept. Missing parts are those of the
// stream.
func functionARN(name string, from *sourceARN) (string, error) {
	full, err := expand(name, from)
	if err != nil {
		return "", err
	}
	if _, err := arns.Function.Parse(full); err != nil {
		return "", fmt.Errorf("%q: %w", name, err)
	}
	return full, nil
}

// expand returns a function's name with its missing parts, for all forms of FunctionName.
func expand(name string, stream *sourceARN) (string, error) {
	prefix := fmt.Sprintf("arn:%s:lambda:%s:", stream.partition, stream.region)
	p := strings.Split(name, ":")
	switch {
	case name == "":
		return "", errors.New("must be set")
	case utf8.RuneCountInString(name) > maxFunctionName:
		return "", fmt.Errorf("is %d characters long, must be at most %d", utf8.RuneCountInString(name), maxFunctionName)
	case p[0] == "arn":
		return name, nil
	case len(p) >= 3 && len(p) <= 4 && p[1] == "function":
		return prefix + name, nil
	case len(p) >= 2 && len(p) <= 3 && p[0] == "function":
		return prefix + stream.account + ":" + name, nil
	case len(p) <= 2:
		return prefix + stream.account + ":function:" + name, nil
	}
	return "", fmt.Errorf("%q is neither a name, nor an ARN, nor a partial ARN of a function", name)
}

// maxFunctionName is the longest FunctionName in characters, by Lambda's model.
const maxFunctionName = 256
