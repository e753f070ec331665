package kinesistest

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// The limits of a stream for consumers with enhanced fan-out. Source:
// https://docs.aws.amazon.com/kinesis/latest/APIReference/API_RegisterStreamConsumer.html
const (
	maxConsumers         = 20
	maxCreatingConsumers = 5
	maxConsumersListed   = 100
)

// consumer is a registered consumer with enhanced fan-out, guarded by Service.mu.
type consumer struct {
	name, arn string
	created   time.Time

	// until is when the present transition ends: CREATING, or DELETING.
	until    time.Time
	deleting bool

	seats map[int]*seat // by the shard's number
}

// status returns the consumer's state at now.
func (c *consumer) status(now time.Time) types.ConsumerStatus {
	switch {
	case c.deleting:
		return types.ConsumerStatusDeleting
	case now.Before(c.until):
		return types.ConsumerStatusCreating
	}
	return types.ConsumerStatusActive
}

// gone reports whether the deletion of the consumer is done.
func (c *consumer) gone(now time.Time) bool { return c.deleting && !now.Before(c.until) }

func (c *consumer) describe(now time.Time) types.Consumer {
	return types.Consumer{
		ConsumerName: new(c.name), ConsumerARN: new(c.arn), ConsumerStatus: c.status(now),
		ConsumerCreationTimestamp: new(c.created.UTC()),
	}
}

// registered drops the consumers whose deletion is done, and returns the others by name.
func (st *stream) registered(now time.Time) []*consumer {
	st.consumers = slices.DeleteFunc(st.consumers, func(c *consumer) bool { return c.gone(now) })
	return st.consumers
}

// consumer returns a consumer that exists at now, or nil.
func (st *stream) consumer(name string, now time.Time) *consumer {
	all := st.registered(now)
	if i := slices.IndexFunc(all, func(c *consumer) bool { return c.name == name }); i >= 0 {
		return all[i]
	}
	return nil
}

func (s *Service) registerStreamConsumer(in *kinesis.RegisterStreamConsumerInput, r *request) (*kinesis.RegisterStreamConsumerOutput, error) {
	st, err := s.registrable(in, r.now)
	if err != nil {
		return nil, err
	}
	name := *in.ConsumerName
	// The ARN of a consumer differs from that of an earlier one of the same name.
	second := max(r.now.Unix(), st.lastConsumer[name]+1)
	if st.lastConsumer == nil {
		st.lastConsumer = map[string]int64{}
	}
	st.lastConsumer[name] = second
	c := &consumer{
		name: name, arn: st.arn + consumerPart + name + ":" + strconv.FormatInt(second, 10),
		created: time.Unix(second, 0), until: after(r.now, s.config.TransitionTime), seats: map[int]*seat{},
	}
	st.consumers = append(st.consumers, c)
	slices.SortFunc(st.consumers, func(a, b *consumer) int { return cmp.Compare(a.name, b.name) })
	s.journal.changed(RegisterStreamConsumer, in, r.now)
	return &kinesis.RegisterStreamConsumerOutput{Consumer: new(c.describe(r.now))}, nil
}

// registrable returns the stream that may have the consumer.
func (s *Service) registrable(in *kinesis.RegisterStreamConsumerInput, now time.Time) (*stream, error) {
	st, err := s.usable(in.StreamARN, now)
	if err != nil {
		return nil, err
	}
	all, creating := st.registered(now), 0
	for _, c := range all {
		if c.name == *in.ConsumerName {
			return nil, &types.ResourceInUseException{Message: new(fmt.Sprintf(
				"Consumer %s of stream %s under account %s already exists.", c.name, st.name, s.config.Account))}
		}
		if c.status(now) == types.ConsumerStatusCreating {
			creating++
		}
	}
	if len(all) >= maxConsumers || creating >= maxCreatingConsumers {
		return nil, &types.LimitExceededException{Message: new(fmt.Sprintf(
			"Stream %s under account %s has %d consumers, %d of them in state CREATING. The limits are %d and %d.",
			st.name, s.config.Account, len(all), creating, maxConsumers, maxCreatingConsumers))}
	}
	return st, nil
}

func (s *Service) describeStreamConsumer(in *kinesis.DescribeStreamConsumerInput, r *request) (*kinesis.DescribeStreamConsumerOutput, error) {
	st, c, err := s.findConsumer(in.ConsumerARN, in.StreamARN, in.ConsumerName, r.now)
	if err != nil {
		return nil, err
	}
	d := c.describe(r.now)
	return &kinesis.DescribeStreamConsumerOutput{ConsumerDescription: &types.ConsumerDescription{
		ConsumerName: d.ConsumerName, ConsumerARN: d.ConsumerARN, ConsumerStatus: d.ConsumerStatus,
		ConsumerCreationTimestamp: d.ConsumerCreationTimestamp, StreamARN: new(st.arn),
	}}, nil
}

func (s *Service) deregisterStreamConsumer(in *kinesis.DeregisterStreamConsumerInput, r *request) (*kinesis.DeregisterStreamConsumerOutput, error) {
	_, c, err := s.findConsumer(in.ConsumerARN, in.StreamARN, in.ConsumerName, r.now)
	if err != nil {
		return nil, err
	}
	if c.deleting {
		return nil, s.consumerInUse(c, r.now)
	}
	c.deregister(after(r.now, s.config.TransitionTime))
	s.journal.changed(DeregisterStreamConsumer, in, r.now)
	return &kinesis.DeregisterStreamConsumerOutput{}, nil
}

func (s *Service) listStreamConsumers(in *kinesis.ListStreamConsumersInput, r *request) (*kinesis.ListStreamConsumersOutput, error) {
	limit := listLimit(in.MaxResults, maxConsumersListed)
	st, err := s.usable(in.StreamARN, r.now)
	if err != nil {
		return nil, err
	}
	after, err := s.listedAfter(st, in, r.now)
	if err != nil {
		return nil, err
	}
	out := &kinesis.ListStreamConsumersOutput{Consumers: []types.Consumer{}}
	for _, c := range st.registered(r.now) {
		if c.name <= after {
			continue
		}
		if len(out.Consumers) == limit {
			out.NextToken, err = s.newToken(consumersKind, consumersToken{st.id, *out.Consumers[limit-1].ConsumerName, r.now})
			return out, err
		}
		out.Consumers = append(out.Consumers, c.describe(r.now))
	}
	return out, nil
}

// listedAfter returns the name behind which a page begins.
func (s *Service) listedAfter(st *stream, in *kinesis.ListStreamConsumersInput, now time.Time) (string, error) {
	created := in.StreamCreationTimestamp
	if in.NextToken == nil {
		if created != nil && created.Unix() != st.created.Unix() {
			return "", s.streamNotFound(st.name)
		}
		return "", nil
	}
	if created != nil {
		return "", notTogether("StreamCreationTimestamp")
	}
	var token consumersToken
	if !s.parseToken(consumersKind, *in.NextToken, &token) || token.Stream != st.id {
		return "", invalidArgument("Invalid NextToken.")
	}
	if now.Sub(token.Issued) > tokenAge {
		return "", nextTokenExpired()
	}
	return token.After, nil
}

// usable is find for streams that can have consumers: ACTIVE or UPDATING.
func (s *Service) usable(arn *string, now time.Time) (*stream, error) {
	st, err := s.find(nil, arn, now)
	if err != nil {
		return nil, err
	}
	if status := st.status(now); status == types.StreamStatusCreating || status == types.StreamStatusDeleting {
		return nil, s.streamInUse(st.name, "ACTIVE or UPDATING", status)
	}
	return st, nil
}

// consumerPart stands between the stream's ARN and the consumer's name in the ARN of a consumer.
const consumerPart = "/consumer/"

// splitConsumerARN takes a consumer ARN apart.
func splitConsumerARN(arn string) (stream, name string) {
	stream, rest, _ := strings.Cut(arn, consumerPart)
	name, _, _ = strings.Cut(rest, ":")
	return stream, name
}

// findConsumer returns the consumer that a request names by its ARN, by its stream and name, or by all three.
func (s *Service) findConsumer(arn, streamARN, name *string, now time.Time) (*stream, *consumer, error) {
	if arn == nil && (streamARN == nil || name == nil) {
		return nil, nil, invalidArgument("Either ConsumerARN, or StreamARN and ConsumerName, must be provided.")
	}
	if arn != nil {
		ofStream, ofName := splitConsumerARN(*arn)
		if streamARN != nil && *streamARN != ofStream || name != nil && *name != ofName {
			return nil, nil, invalidArgument("ConsumerARN %s does not belong to the StreamARN or the ConsumerName.", *arn)
		}
		streamARN, name = &ofStream, &ofName
	}
	st, err := s.find(nil, streamARN, now)
	if err != nil {
		return nil, nil, err
	}
	c := st.consumer(*name, now)
	if c == nil || arn != nil && *arn != c.arn {
		return nil, nil, s.consumerNotFound(st.name, *name)
	}
	return st, c, nil
}
