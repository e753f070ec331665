package kinesistest

import (
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// The errors below are the service's, with its words. Client wraps them as the SDK would, Server writes them as JSON.

func invalidArgument(format string, args ...any) error {
	return &types.InvalidArgumentException{Message: new(fmt.Sprintf(format, args...))}
}

// notTogether is the answer to a request that has a member in addition to a page token, which excludes it.
func notTogether(member string) error {
	return invalidArgument("NextToken and %s cannot be provided together.", member)
}

func (s *Service) streamNotFound(name string) error {
	return &types.ResourceNotFoundException{Message: new(fmt.Sprintf(
		"Stream %s under account %s not found.", name, s.config.Account))}
}

func (s *Service) shardNotFound(stream, shard string) error {
	return &types.ResourceNotFoundException{Message: new(fmt.Sprintf(
		"Shard %s in stream %s under account %s does not exist", shard, stream, s.config.Account))}
}

func (s *Service) noShardToChange(stream, shard string) error {
	return &types.ResourceNotFoundException{Message: new(fmt.Sprintf(
		"Could not find shard %s in stream %s under account %s.", shard, stream, s.config.Account))}
}

func (s *Service) streamInUse(name, wanted string, status types.StreamStatus) error {
	return &types.ResourceInUseException{Message: new(fmt.Sprintf(
		"Stream %s under account %s not %s, instead in state %s", name, s.config.Account, wanted, status))}
}

func (s *Service) streamExists(name string) error {
	return &types.ResourceInUseException{Message: new(fmt.Sprintf(
		"Stream %s under account %s already exists.", name, s.config.Account))}
}

func (s *Service) consumerNotFound(stream, name string) error {
	return &types.ResourceNotFoundException{Message: new(fmt.Sprintf(
		"Consumer %s of stream %s under account %s not found.", name, stream, s.config.Account))}
}

func (s *Service) consumerInUse(c *consumer, now time.Time) error {
	return &types.ResourceInUseException{Message: new(fmt.Sprintf(
		"Consumer %s under account %s not ACTIVE, instead in state %s", c.arn, s.config.Account, c.status(now)))}
}

// rateExceeded is the throttle of the operations that touch one shard.
func (s *Service) rateExceeded(stream, shard string) error {
	return &types.ProvisionedThroughputExceededException{Message: new(s.rateExceededText(stream, shard))}
}

func (s *Service) rateExceededText(stream, shard string) string {
	return fmt.Sprintf("Rate exceeded for shard %s in stream %s under account %s.", shard, stream, s.config.Account)
}

// callsExceeded is the throttle of the operations that touch a whole stream, or none.
func (s *Service) callsExceeded(stream string) error {
	text := fmt.Sprintf("Rate exceeded for account %s.", s.config.Account)
	if stream != "" {
		text = fmt.Sprintf("Rate exceeded for stream %s under account %s.", stream, s.config.Account)
	}
	return &types.LimitExceededException{Message: &text}
}

func iteratorExpired(created, now time.Time) error {
	return &types.ExpiredIteratorException{Message: new(fmt.Sprintf(
		"Iterator expired. The iterator was created at time %s while right now it is %s which is further in the future "+
			"than the tolerated delay of %d milliseconds.",
		created.UTC().Format(serviceTime), now.UTC().Format(serviceTime), iteratorAge.Milliseconds()))}
}

func nextTokenExpired() error {
	return &types.ExpiredNextTokenException{Message: new("The NextToken has expired.")}
}

// serviceTime is how the service writes a time in its messages: Thu Jan 22 01:22:02 UTC 2015.
const serviceTime = "Mon Jan 02 15:04:05 UTC 2006"
