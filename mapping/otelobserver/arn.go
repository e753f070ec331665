package otelobserver

import "strings"

// stream is the source of a mapping.
type stream struct{ name, consumer string }

// streamOf takes the ARN of a stream, or of a consumer of it, apart. Of one that mapping.New refuses it makes nothing sensible.
func streamOf(arn string) stream {
	_, path, _ := strings.Cut(arn, ":stream/")
	name, consumer, _ := strings.Cut(path, "/consumer/")
	consumer, _, _ = strings.Cut(consumer, ":") // the number is when it was registered
	return stream{name: name, consumer: consumer}
}

// functionName returns the name in a function's ARN, without the qualifier, as in the dimension FunctionName.
func functionName(arn string) string {
	_, name, _ := strings.Cut(arn, ":function:")
	name, _, _ = strings.Cut(name, ":")
	return name
}
