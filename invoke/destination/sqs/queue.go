package sqs

import (
	"errors"
	"fmt"
	"net/url"
	"path"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
)

// service is the service part of the ARNs.
const service = "sqs"

// queue is a queue as New was given it.
type queue struct {
	given string

	partition, region, account string // of the ARN; empty for a URL
	name                       string
}

// arnForm is what the ARN of a queue looks like, from its first byte to its last.
var arnForm = regexp.MustCompile(`^arn:aws[a-zA-Z-]*:sqs:[a-z0-9-]+:[0-9]{12}:[a-zA-Z0-9_-]{1,80}(\.fifo)?$`)

// errFIFO is ours: AWS Lambda lists standard queues only, and its own text is not known.
var errFIFO = errors.New("is a FIFO queue: on-failure documents go to standard queues only")

// parseQueue reads "arn:<partition>:sqs:<region>:<account>:<name>" or the URL of a queue.
func parseQueue(s string) (queue, error) {
	q := queue{given: s}
	if arn.IsARN(s) {
		a, err := arn.Parse(s)
		if err != nil || a.Service != service || !arnForm.MatchString(s) {
			return q, errors.New("does not have the form arn:PARTITION:sqs:REGION:ACCOUNT:NAME, with an account of 12 digits and a name of 1 to 80 letters, digits, - and _")
		}
		q.partition, q.region, q.account, q.name = a.Partition, a.Region, a.AccountID, a.Resource
	} else {
		u, err := url.Parse(s)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || strings.Trim(u.Path, "/") == "" {
			return q, errors.New("is neither the ARN nor the URL of a queue")
		}
		q.name = path.Base(u.Path)
	}
	if strings.HasSuffix(q.name, ".fifo") {
		return q, errFIFO
	}
	return q, nil
}

// byARN reports whether the queue was given by its ARN.
func (q *queue) byARN() bool { return q.region != "" }

// options makes a call go to the region of the queue's ARN.
func (q *queue) options(o *sqs.Options) {
	if q.byARN() {
		o.Region = q.region
	}
}

// documentedURL returns the URL that the queue has by the developer guide, "Queue and message identifiers"; nothing in
// partitions whose domain it does not tell.
func (q *queue) documentedURL() string {
	domain, ok := map[string]string{
		"aws":        "amazonaws.com",
		"aws-us-gov": "amazonaws.com",
		"aws-cn":     "amazonaws.com.cn",
	}[q.partition]
	if !ok {
		return ""
	}
	return fmt.Sprintf("https://sqs.%s.%s/%s/%s", q.region, domain, q.account, q.name)
}

// maybeDenied reports whether a call may have been refused for want of a permission. Amazon SQS does not always tell:
// "The specified queue does not exist or you do not have access to it."
func maybeDenied(err error) bool {
	var missing *types.QueueDoesNotExist
	if errors.As(err, &missing) {
		return true
	}
	var api smithy.APIError
	if !errors.As(err, &api) {
		return false
	}
	return api.ErrorCode() == "AccessDenied" || api.ErrorCode() == "AccessDeniedException" // by protocol
}
