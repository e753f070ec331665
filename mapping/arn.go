package mapping

import (
	"errors"
	"fmt"
	"strings"
)

// streamARN is the ARN of a Kinesis stream in its parts.
type streamARN struct {
	partition, region, account, name string
}

// parseStreamARN reads "arn:<partition>:kinesis:<region>:<account>:stream/<name>".
func parseStreamARN(s string) (streamARN, error) {
	if s == "" {
		return streamARN{}, errors.New("must be set")
	}
	p := strings.SplitN(s, ":", 6)
	if len(p) != 6 || p[0] != "arn" || p[2] != "kinesis" {
		return streamARN{}, fmt.Errorf("Unrecognized event source. %q is not the ARN of a Kinesis stream", s) //nolint:staticcheck // AWS's text
	}
	name, ok := strings.CutPrefix(p[5], "stream/")
	if !ok || name == "" || p[1] == "" || p[3] == "" || p[4] == "" {
		return streamARN{}, fmt.Errorf("Unrecognized event source. %q does not have the form arn:PARTITION:kinesis:REGION:ACCOUNT:stream/NAME", s) //nolint:staticcheck // AWS's text
	}
	if !isAccount(p[4]) {
		return streamARN{}, fmt.Errorf("%q: the account %q must have 12 digits", s, p[4])
	}
	if strings.Contains(name, "/") {
		return streamARN{}, fmt.Errorf("%q is the ARN of a consumer: enhanced fan-out is not supported yet", s)
	}
	return streamARN{partition: p[1], region: p[3], account: p[4], name: name}, nil
}

// functionARN returns the ARN that a function name stands for: the name may be an ARN, a partial ARN
// (ACCOUNT:function:NAME) or a plain name, each with a qualifier if need be, which is kept. What is missing is taken
// from the stream.
func functionARN(name, source string) (string, error) {
	stream, err := parseStreamARN(source)
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
		prefix, rest = strings.Join(p[:6], ":")+":", strings.Join(p[6:], ":")
	case len(p) >= 3 && p[1] == "function" && len(p) <= 4:
		prefix, rest = prefix+p[0]+":function:", strings.Join(p[2:], ":")
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

func isAccount(s string) bool {
	return len(s) == 12 && strings.Trim(s, "0123456789") == ""
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
