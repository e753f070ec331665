package kinesistest

import (
	"fmt"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/shardmill/shardmill/internal/arns"
)

// Config configures a Service. Its zero value is the service's behaviour with a quiet account.
type Config struct {
	// Region is the region in stream ARNs. Empty: us-east-1.
	Region string

	// Account is the account id in stream ARNs and messages. Empty: 123456789012.
	Account string

	// NoLimits switches off the read limits of a shard: 5 GetRecords and 5 GetShardIterator calls per second, 2 MiB per
	// second, and the 5 s after a page of 10 MiB; also the 2 MiB per second of a subscription. The size of a page stays
	// limited, and SubscribeAtOnce is a separate switch. Write limits and the call limits of an account are never
	// enforced.
	NoLimits bool

	// SubscribeAtOnce switches off the rule that a consumer may subscribe to a shard again only 5 s after its last
	// granted subscription. A new subscription then ends an older one at any time.
	SubscribeAtOnce bool

	// TransitionTime is how long a stream stays CREATING, UPDATING or DELETING, and a consumer CREATING or DELETING.
	// Zero: it is ACTIVE, or gone, when the call returns. A reshard takes effect immediately in either case.
	TransitionTime time.Duration

	// MaxRecordsPerRead caps the records of every GetRecords page below the requested Limit, and those of a
	// subscription's events. Zero: no cap.
	MaxRecordsPerRead int

	// MaxShardsPerListing caps the page of ListShards below the 1,000 of the service, so that a listing of few shards has
	// many pages. Zero: no cap.
	MaxShardsPerListing int

	// EndWithRecords makes the page with the last records of a closed shard the final one, without a next iterator.
	// Otherwise a final empty page follows. Consumers meet both on the service. The same holds for a subscription's
	// events.
	EndWithRecords bool

	// ChildrenEarly makes every page and event of a closed shard name its children, even if more of the shard follows,
	// as a service may that ignores the position of its reader. Such a page or event still has a place to resume from.
	ChildrenEarly bool

	// RefuseCBOR, if set, is the answer to every request in CBOR, as from an endpoint that supports AWS JSON only. An
	// endpoint that checks the content type answers UnknownOperationException; one that parses everything as JSON
	// answers SerializationException; both are a smithy.GenericAPIError here. The answer is in JSON, and logged by
	// Calls.
	RefuseCBOR error

	// OnCall, if set, sees every call before it takes effect. An error that it returns is the call's answer. It may be
	// called concurrently, and may use the Service.
	OnCall func(Call) error

	// OnAnswer, if set, is called with the input and the output of each call, before the caller gets the output. It
	// must be safe for concurrent use, and may use the Service.
	OnAnswer func(Answered)

	// Principal returns the principal of the credentials that signed a request over HTTP, from their access key and
	// session token: the ARN for Authorize. Its error is the call's answer, such as an ExpiredTokenException; a
	// smithy.APIError is sent unchanged. Nil, and in a Client: the account's root. Signatures are not verified.
	Principal func(accessKeyID, sessionToken string) (string, error)

	// Authorize decides whether a principal may call an action ("kinesis:GetRecords") on a resource (the ARN of a
	// stream or a consumer, or "*"). It is called after OnCall and before faults. Its error makes the answer an
	// AccessDeniedException in AWS's words, with the error's Reason() string instead of "because no identity-based
	// policy allows the … action", if it has that method. Nil: everything is allowed.
	Authorize func(principal, action, resource string) error

	// Now is the service's clock. Nil: time.Now, which is the fake clock inside a synctest bubble. Durations, such as
	// delays and the heartbeats, pace and end of a subscription, use timers.
	Now func() time.Time
}

// Service is one account's Kinesis in one region, in memory. Use it through a Client or a Server; its own methods and
// those of Stream prepare a test, and disturb it. A Service of New needs no closing and starts no goroutine. All
// methods are safe for concurrent use.
type Service struct {
	config Config // its Now includes skew
	seed   maphash.Seed
	skew   atomic.Pointer[skew] // of the clock; nil: none

	// mu is a leaf: never held during a callback or a wait, except for the journal's disk.
	mu       sync.Mutex
	streams  map[string]*stream
	lastID   uint64
	faults   []*Fault
	mischief []*Misbehaviour // in the order in which they began
	calls    callLog
	journal  *journal // nil unless made by Open
}

// New returns a Service without any stream.
func New(config Config) *Service {
	if config.Region == "" {
		config.Region = "us-east-1"
	}
	if config.Account == "" {
		config.Account = "123456789012"
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	s := &Service{config: config, seed: maphash.MakeSeed(), streams: map[string]*stream{}}
	s.config.Now = func() time.Time { return s.skew.Load().of(config.Now()) }
	return s
}

// CreateStream creates a stream with the given number of open shards, and returns its handle.
func (s *Service) CreateStream(name string, shards int) (*Stream, error) {
	in := &kinesis.CreateStreamInput{StreamName: &name, ShardCount: new(int32(shards))}
	if _, err := exclusively(s, opCreateStream.checked, in, Fault{}); err != nil {
		return nil, fmt.Errorf("kinesistest: create stream %s: %w", name, err)
	}
	return &Stream{service: s, name: name}, nil
}

// Stream returns the handle of a stream, whether it exists or not.
func (s *Service) Stream(name string) *Stream { return &Stream{service: s, name: name} }

// ExpireIterators makes all iterators issued until now answer ExpiredIteratorException.
func (s *Service) ExpireIterators() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, st := range s.streams {
		for _, sh := range st.shards {
			sh.generation++
		}
	}
}

// byName returns a stream that exists at now, in any state.
func (s *Service) byName(name string, now time.Time) (*stream, error) {
	st := s.streams[name]
	if st == nil || st.gone(now) {
		delete(s.streams, name)
		return nil, s.streamNotFound(name)
	}
	return st, nil
}

// byID returns a stream by its identity, and nil when it is deleted or about to be.
func (s *Service) byID(id uint64) *stream {
	for _, st := range s.streams {
		if st.id == id && !st.deleting {
			return st
		}
	}
	return nil
}

// find returns the stream that a request names by name, by ARN, or by both.
func (s *Service) find(name, arn *string, now time.Time) (*stream, error) {
	target, err := s.nameOf(name, arn)
	if err != nil {
		return nil, err
	}
	return s.byName(target, now)
}

// live is find for streams that can be written and read: ACTIVE or UPDATING.
func (s *Service) live(name, arn *string, now time.Time) (*stream, error) {
	st, err := s.find(name, arn, now)
	if err != nil {
		return nil, err
	}
	switch st.status(now) {
	case types.StreamStatusActive, types.StreamStatusUpdating:
		return st, nil
	default:
		return nil, s.streamNotFound(st.name)
	}
}

// settled is find for streams that can be changed: ACTIVE.
func (s *Service) settled(name, arn *string, now time.Time) (*stream, error) {
	st, err := s.find(name, arn, now)
	if err != nil {
		return nil, err
	}
	if status := st.status(now); status != types.StreamStatusActive {
		return nil, s.streamInUse(st.name, "ACTIVE", status)
	}
	return st, nil
}

// nameOf returns the name of a request's stream.
func (s *Service) nameOf(name, arn *string) (string, error) {
	if arn == nil {
		if name == nil {
			return "", invalidArgument("Either StreamName or StreamARN must be provided.") // ours
		}
		return *name, nil
	}
	account, target := splitARN(*arn)
	switch {
	case name != nil && *name != target:
		return "", invalidArgument("StreamARN %s does not belong to stream %s.", *arn, *name) // ours
	case *arn != s.arn(target):
		return "", &types.ResourceNotFoundException{Message: new(fmt.Sprintf(
			"Stream %s under account %s not found.", target, account))}
	}
	return target, nil
}

func (s *Service) arn(stream string) string {
	return "arn:" + arns.Partition(s.config.Region) + ":kinesis:" + s.config.Region + ":" + s.config.Account + ":stream/" + stream
}
