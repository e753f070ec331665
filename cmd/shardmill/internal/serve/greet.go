package serve

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// greet prints the server's addresses, and commands to try it.
func (s *server) greet(out io.Writer, c *config) error {
	s.log.Info("listening", "url", s.web.url(), "signed", !s.access.unsigned)
	var b strings.Builder
	fmt.Fprintf(&b, "API for event source mappings: %s\n", s.web.url())
	if s.admin != nil {
		s.log.Info("listening for operators", "url", s.admin.url())
		fmt.Fprintf(&b, "Admin: %s\n", s.admin.url())
	}
	if s.streams != nil {
		fmt.Fprintf(&b, "Kinesis: %s\n", s.streams.url())
		for _, arn := range s.streams.arns {
			fmt.Fprintf(&b, "stream: %s\n", arn)
		}
		if name, ok := firstFunction(c); ok && len(s.streams.arns) > 0 && s.access.unsigned {
			fmt.Fprintf(&b, tryIt, c.Region, s.web.url(), name, s.streams.arns[0], s.streams.url(), c.Kinesis.Embedded.Streams[0].Name)
		}
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// tryIt are the commands. Version 2 of the aws command decodes the data as base64 and puts "hello"; version 1 puts it
// unchanged.
const tryIt = `
export AWS_ACCESS_KEY_ID=any AWS_SECRET_ACCESS_KEY=any AWS_DEFAULT_REGION=%s
aws lambda create-event-source-mapping --endpoint-url %s --function-name %s --starting-position TRIM_HORIZON --event-source-arn %s
aws kinesis put-records --endpoint-url %s --stream-name %s --records Data=aGVsbG8=,PartitionKey=customer-7

`

// firstFunction returns the name of a function other than "*".
func firstFunction(c *config) (string, bool) {
	for _, name := range slices.Sorted(maps.Keys(c.Functions)) {
		if name != anyFunction {
			return name, true
		}
	}
	return "", false
}
