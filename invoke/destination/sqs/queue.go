package sqs

import (
	"errors"
	"fmt"
	"net/url"
	"path"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"

	"github.com/shardmill/shardmill/internal/arns"
)

// service is the service part of the ARNs.
const service = "sqs"

// queue is a queue in the form that was passed to New.
type queue struct {
	given string

	arn  arns.ARN // empty for a URL
	host string   // of the URL; empty for an ARN
	name string
}

// errFIFO is ours: AWS Lambda lists standard queues only, and its own text is not known.
var errFIFO = errors.New("is a FIFO queue: on-failure documents go to standard queues only")

// parseQueue parses "arn:<partition>:sqs:<region>:<account>:<name>" or the URL of a queue.
func parseQueue(s string) (queue, error) {
	q := queue{given: s}
	if a, ok := arns.Split(s); ok {
		if _, err := arns.Queue.Parse(s); err != nil {
			return q, err
		}
		q.arn, q.name = a, a.Resource
	} else {
		u, err := url.Parse(s)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || strings.Trim(u.Path, "/") == "" {
			return q, errors.New("is neither the ARN nor the URL of a queue")
		}
		if q.name = path.Base(u.Path); !arns.IsQueueName(q.name) {
			return q, fmt.Errorf("the queue name is %q, must be 1 to 80 letters, digits, - and _", q.name)
		}
		q.host = u.Hostname()
	}
	if strings.HasSuffix(q.name, ".fifo") {
		return q, errFIFO
	}
	return q, nil
}

// byARN reports whether the queue was given by its ARN.
func (q *queue) byARN() bool { return q.arn.Region != "" }

// check returns why a client cannot reach the queue; nil if it can, or if that is not known. A queue given by its URL
// is called in the client's region.
func (q *queue) check(client arns.Reach) error {
	if q.byARN() {
		return client.CheckOwnRegion(q.arn)
	}
	if region, ok := arns.HostRegion(q.host); ok && client.Misses(region) {
		return fmt.Errorf("lies in %s, but the client is for the region %s", region, client.Region)
	}
	return nil
}

// reachOf returns the destination of a client's requests, as far as that is known.
func reachOf(client Client) arns.Reach {
	c, ok := client.(*sqs.Client)
	if !ok || c == nil {
		return arns.Reach{}
	}
	o := c.Options()
	return arns.ReachOf(o.Region, o.BaseEndpoint)
}

// options directs a call to the region of the queue's ARN.
func (q *queue) options(o *sqs.Options) {
	if q.byARN() {
		o.Region = q.arn.Region
	}
}

// documentedURL returns the URL of the queue according to the developer guide, "Queue and message identifiers"; empty
// in partitions whose domain the guide does not mention.
func (q *queue) documentedURL() string {
	domain, ok := map[string]string{
		"aws":        "amazonaws.com",
		"aws-us-gov": "amazonaws.com",
		"aws-cn":     "amazonaws.com.cn",
	}[q.arn.Partition]
	if !ok {
		return ""
	}
	return fmt.Sprintf("https://sqs.%s.%s/%s/%s", q.arn.Region, domain, q.arn.Account, q.name)
}

// maybeDenied reports whether a call may have been refused for a missing permission. Amazon SQS does not always say:
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
