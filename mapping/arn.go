package mapping

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// sourceARN is the ARN of a Kinesis stream, or of a consumer of it, in its parts.
type sourceARN struct {
	partition, region, account, name string

	stream   string // the stream's ARN
	consumer string // the consumer's, empty where the source is the stream itself
}

// The forms of names in ARNs, by the service models of Kinesis and of Lambda. Each matches the whole text: a newline, as a file
// that was read brings it, is not part of a name.
var (
	partitionForm = regexp.MustCompile(`^aws[a-zA-Z-]*$`)
	regionForm    = regexp.MustCompile(`^(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-[0-9]$`)
	accountForm   = regexp.MustCompile(`^[0-9]{12}$`)
	streamForm    = regexp.MustCompile(`^[a-zA-Z0-9_.-]{1,128}$`) // of a consumer's name too
	numberForm    = regexp.MustCompile(`^[0-9]+$`)
)

// parseSourceARN reads "arn:<partition>:kinesis:<region>:<account>:stream/<name>", or the same followed by
// "/consumer/<name>:<number>".
func parseSourceARN(s string) (sourceARN, error) {
	if s == "" {
		return sourceARN{}, errors.New("must be set")
	}
	p := strings.SplitN(s, ":", 6)
	if len(p) != 6 || p[0] != "arn" || p[2] != "kinesis" {
		return sourceARN{}, fmt.Errorf("Unrecognized event source. %q is not the ARN of a Kinesis stream", s) //nolint:staticcheck // AWS's text
	}
	resource, consumer, isConsumer := strings.Cut(p[5], "/consumer/")
	name, ok := strings.CutPrefix(resource, "stream/")
	consumerName, number, numbered := strings.Cut(consumer, ":")
	if !ok || name == "" || p[1] == "" || p[3] == "" || p[4] == "" || isConsumer && (!numbered || consumerName == "" || number == "") {
		return sourceARN{}, fmt.Errorf("Unrecognized event source. %q does not have the form arn:PARTITION:kinesis:REGION:ACCOUNT:stream/NAME, or that and /consumer/NAME:NUMBER", s) //nolint:staticcheck // AWS's text
	}
	parts := []arnPart{
		{"partition", p[1], partitionForm, "aws, or aws- and letters"},
		{"region", p[3], regionForm, "such as us-east-1"},
		{"account", p[4], accountForm, "12 digits"},
		{"stream name", name, streamForm, "1 to 128 letters, digits, and _.-"},
	}
	if isConsumer {
		parts = append(parts, arnPart{"consumer name", consumerName, streamForm, "1 to 128 letters, digits, and _.-"},
			arnPart{"consumer's creation time", number, numberForm, "a number"})
	}
	if err := checkARN(s, parts); err != nil {
		return sourceARN{}, err
	}
	a := sourceARN{partition: p[1], region: p[3], account: p[4], name: name, stream: s}
	if isConsumer {
		a.stream, a.consumer = strings.TrimSuffix(s, "/consumer/"+consumer), s
	}
	return a, nil
}

// arnPart is a part of an ARN with the form that it must have.
type arnPart struct {
	name, value string
	form        *regexp.Regexp
	want        string // the form in words
}

// checkARN returns an error that names the first part of an ARN that does not have its form.
func checkARN(arn string, parts []arnPart) error {
	for _, p := range parts {
		if !p.form.MatchString(p.value) {
			return fmt.Errorf("%q: the %s is %q, must be %s", arn, p.name, p.value, p.want)
		}
	}
	return nil
}

// Name returns the name under which a Store knows the mapping of a source to a function, from the fields EventSourceARN and
// FunctionName of its Config. It is the same for all forms in which a function can be named.
func Name(eventSourceARN, functionName string) (string, error) {
	function, err := functionARN(functionName, eventSourceARN)
	if err != nil {
		return "", fmt.Errorf("mapping: name: %w", err)
	}
	return nameOf(eventSourceARN, function), nil
}

func nameOf(eventSourceARN, functionARN string) string {
	return eventSourceARN + " " + strings.TrimSuffix(functionARN, ":$LATEST")
}

// FunctionARN returns the ARN that a function is known by to a mapping of a source, from the fields FunctionName and
// EventSourceARN of its Config. A qualifier is kept.
func FunctionARN(functionName, eventSourceARN string) (string, error) {
	arn, err := functionARN(functionName, eventSourceARN)
	if err != nil {
		return "", fmt.Errorf("mapping: function name: %w", err)
	}
	return arn, nil
}

// functionARN returns the ARN that a function name stands for: the name may be an ARN, a partial ARN
// (ACCOUNT:function:NAME or function:NAME) or a plain name, each with a qualifier if need be, which is kept. What is
// missing is taken from the stream.
func functionARN(name, source string) (string, error) {
	stream, err := parseSourceARN(source)
	if err != nil {
		return "", err
	}
	prefix := fmt.Sprintf("arn:%s:lambda:%s:", stream.partition, stream.region)
	var rest string // NAME or NAME:QUALIFIER
	p := strings.Split(name, ":")
	switch {
	case name == "":
		return "", errors.New("must be set")
	case len(name) > 256:
		return "", fmt.Errorf("is %d characters long, must be at most 256", len(name))
	case p[0] == "arn":
		if len(p) < 7 || len(p) > 8 || p[2] != "lambda" || p[5] != "function" {
			return "", fmt.Errorf("%q does not have the form arn:PARTITION:lambda:REGION:ACCOUNT:function:NAME[:QUALIFIER]", name)
		}
		if err := checkARN(name, []arnPart{
			{"partition", p[1], partitionForm, "aws, or aws- and letters"},
			{"region", p[3], regionForm, "such as us-east-1"},
			{"account", p[4], accountForm, "12 digits"},
		}); err != nil {
			return "", err
		}
		prefix, rest = strings.Join(p[:6], ":")+":", strings.Join(p[6:], ":")
	case len(p) >= 3 && p[1] == "function" && len(p) <= 4:
		if !accountForm.MatchString(p[0]) {
			return "", fmt.Errorf("%q: the account is %q, must be 12 digits", name, p[0])
		}
		prefix, rest = prefix+p[0]+":function:", strings.Join(p[2:], ":")
	case p[0] == "function" && len(p) >= 2 && len(p) <= 3:
		prefix, rest = prefix+stream.account+":function:", strings.Join(p[1:], ":")
	case len(p) <= 2:
		prefix, rest = prefix+stream.account+":function:", name
	default:
		return "", fmt.Errorf("%q is neither a name, nor an ARN, nor a partial ARN of a function", name)
	}
	base, qualifier, qualified := strings.Cut(rest, ":")
	if !validName(base, 64) || qualified && !validName(strings.TrimPrefix(qualifier, "$"), 128) {
		return "", fmt.Errorf("%q has a name or a qualifier with other characters than letters, digits, - and _, or a name of more than 64", name)
	}
	return prefix + rest, nil
}

func validName(s string, limit int) bool {
	if s == "" || len(s) > limit {
		return false
	}
	for _, c := range s {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_') {
			return false
		}
	}
	return true
}
