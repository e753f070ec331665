package poller

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

const (
	// maxListings is how often a listing is begun if its token expires or is refused.
	maxListings = 3
	// maxListPages bounds a listing: a million shards by pages of 1,000, more than any stream has.
	maxListPages = 1000
)

var listShards = operation{name: "list shards"}

// Poller is the Source that reads a Kinesis stream, with GetRecords or, if Config.ConsumerARN is set, by enhanced
// fan-out. It is a Clock and a Describer as well. It has no goroutine and needs no closing. Its Readers are
// ChildFinders, GapFinders and Sharers, and those that subscribe are io.Closers. The Readers of a process that read the
// same shard of the same service (see Identified), even of several Pollers, share what the shard grants.
type Poller struct {
	cfg       Config        // never changed after New
	subscribe subscribeFunc // nil without a subscription
	clock     serviceClock
	turns     turns

	// http makes the calls if the Client's own HTTP client is not suited for many calls; otherwise it is nil. Never
	// changed after New.
	http *http.Client

	// calls has an element for each running call except listings; listings has those.
	calls, listings chan struct{}

	// ends confirms that a shard has ended, if the service names no children.
	ends *ends

	// suspect is set by a call that exceeded its deadline: its connection may be dead, and the next call makes sure
	// that it is not reused. See ownConnection.
	suspect atomic.Bool

	// opened counts the Readers.
	opened atomic.Int64

	// decodes is set if the Poller decodes the answers of reads, and not the Client. Never changed after New.
	decodes bool

	// inJSON is set if reads must not be in CBOR: from the start, or after the endpoint refused it.
	inJSON atomic.Bool

	// heaviest is the heaviest record that its readers have read.
	heaviest heaviest

	// outside counts the members of aggregates that its readers skipped.
	outside atomic.Int64

	// identity is that of the service: see identityOf. Never changed after New.
	identity any
}

// New returns a Poller. It makes no call. Its error names all violations of cfg.
func New(cfg Config) (*Poller, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	_, plain := cfg.Client.(*kinesis.Client)
	p := &Poller{cfg: cfg, decodes: plain && !cfg.SDKDecoding, http: transportOf(cfg.Client), calls: make(chan struct{}, maxCalls), listings: make(chan struct{}, maxListCalls), ends: newEnds(), identity: identityOf(cfg.Client)}
	p.inJSON.Store(!cfg.CBOR)
	if cfg.ConsumerARN != "" {
		p.subscribe = subscribeFuncOf(cfg.Client)
	}
	return p, nil
}

// Shards lists the stream's shards to the last page. An error is an *Error, or the cause of ctx's end. Every stream has
// shards, so an empty listing is an error too, and so is one that omits what each shard has.
func (p *Poller) Shards(ctx context.Context) ([]Shard, error) {
	for n := 1; ; n++ {
		began := time.Now()
		shards, again, err := p.list(ctx)
		if err == nil {
			p.ends.learn(shards, began, time.Now())
			return shards, nil
		}
		if !again || n == maxListings {
			return nil, err
		}
	}
}

// Open returns a Reader with the pace, the back-off and the iterator, or the subscription, of one shard.
func (p *Poller) Open(shard Shard, from Start) (Reader, error) {
	if shard.ID == "" {
		return nil, errors.New("poller: open: the shard has no ID")
	}
	switch {
	case from.Type > AtPosition:
		return nil, fmt.Errorf("poller: shard %s: open: unknown start %v", shard.ID, from)
	case from.Type == AtPosition && from.Position.SequenceNumber == "":
		return nil, fmt.Errorf("poller: shard %s: open: the start has no sequence number", shard.ID)
	}
	if p.subscribe != nil {
		return newFanoutReader(p, &shard, from), nil
	}
	return newReader(p, &shard, from), nil
}

// Now returns the service's time according to its answers: never later than the true time, and earlier by up to a
// second plus the time of an answer, because answers carry whole seconds. It returns false before the first answer, or
// before the second if the first is far ahead of this host's clock, and always if the Client passes on no server time.
func (p *Poller) Now() (time.Time, bool) {
	return p.clock.when(time.Now())
}

// PassedOver returns how many members of aggregates its Readers have skipped since New, because their hash keys lie
// outside the aggregate's shard (Config.Deaggregate). The first of them are logged as well.
func (p *Poller) PassedOver() int64 {
	return p.outside.Load()
}

// serviceTime returns t on the service's clock, or on ours while that is not known.
func (p *Poller) serviceTime(t time.Time) time.Time {
	if at, ok := p.clock.when(t); ok {
		return at
	}
	return t.Round(0).UTC()
}

// list lists the shards once. again is set with an error that another listing may avoid: that of a token.
func (p *Poller) list(ctx context.Context) (shards []Shard, again bool, err error) {
	var token *string
	seen := map[string]bool{}
	for range maxListPages {
		out, err := p.listPage(ctx, token)
		if err != nil {
			return nil, token != nil && refusesToken(err), err
		}
		if shards, err = appendShards(shards, out); err != nil {
			return nil, false, listShards.error(err)
		}
		token = out.NextToken
		if aws.ToString(token) == "" {
			return shards, false, nil
		}
		if seen[*token] {
			return nil, false, listShards.error(errors.New("the listing goes in circles: a token was repeated"))
		}
		seen[*token] = true
	}
	return nil, false, listShards.error(fmt.Errorf("the listing does not end within %d pages", maxListPages))
}

// refusesToken reports whether the error of a further page says that its token is invalid: it expired, or its stream
// was replaced since, or an emulator has forgotten it. Such a request contains only its token.
func refusesToken(err error) bool {
	switch Classify(err) {
	case Renew, Stop, StreamGone:
		return true
	default:
		return false
	}
}

var (
	errNoListing = errors.New("the answer is no listing: it has neither shards nor a token of the next page")
	errNoShards  = errors.New("the answer lists no shard, though every stream has some")
	errNoID      = errors.New("the answer lists a shard without an ID")
)

// appendShards adds the shards of a page. A page that is not part of a listing is an error, and so is the last page of
// a listing without shards: an absent member must not look like a shard that has left the stream.
func appendShards(shards []Shard, page *kinesis.ListShardsOutput) ([]Shard, error) {
	last := aws.ToString(page.NextToken) == ""
	if page.Shards == nil && last {
		return nil, errNoListing
	}
	for i := range page.Shards {
		if aws.ToString(page.Shards[i].ShardId) == "" {
			return nil, errNoID
		}
		shards = append(shards, shardOf(&page.Shards[i]))
	}
	if last && len(shards) == 0 {
		return nil, errNoShards
	}
	return shards, nil
}

func (p *Poller) listPage(ctx context.Context, token *string) (*kinesis.ListShardsOutput, error) {
	var out *kinesis.ListShardsOutput
	in := p.listInput(token)
	err := p.call(ctx, listShards, func(ctx context.Context) (err error) {
		out, err = answered(p.cfg.Client.ListShards(ctx, in, p.wire().list))
		return err
	})
	if err != nil {
		return nil, err
	}
	p.clock.observe(out.ResultMetadata)
	return out, nil
}

// listInput returns the request for a page of the listing. A token identifies its stream, and Kinesis refuses a request
// that also names the stream: "NextToken and StreamARN cannot be provided together."
func (p *Poller) listInput(token *string) *kinesis.ListShardsInput {
	if aws.ToString(token) != "" {
		return &kinesis.ListShardsInput{NextToken: token}
	}
	return &kinesis.ListShardsInput{StreamARN: &p.cfg.StreamARN}
}

// childrenOf returns the children of a shard as ListShards will return them, without their sequence numbers.
func childrenOf(named []types.ChildShard) []Shard {
	var children []Shard
	for i := range named {
		s := types.Shard{ShardId: named[i].ShardId, HashKeyRange: named[i].HashKeyRange}
		if parents := named[i].ParentShards; len(parents) > 0 {
			s.ParentShardId = &parents[0]
			if len(parents) > 1 {
				s.AdjacentParentShardId = &parents[1]
			}
		}
		children = append(children, shardOf(&s))
	}
	return children
}

func shardOf(s *types.Shard) Shard {
	shard := Shard{
		ID:             aws.ToString(s.ShardId),
		Parent:         aws.ToString(s.ParentShardId),
		AdjacentParent: aws.ToString(s.AdjacentParentShardId),
	}
	if r := s.HashKeyRange; r != nil {
		shard.StartingHashKey, shard.EndingHashKey = aws.ToString(r.StartingHashKey), aws.ToString(r.EndingHashKey)
	}
	if r := s.SequenceNumberRange; r != nil {
		shard.StartingSequenceNumber = aws.ToString(r.StartingSequenceNumber)
		shard.EndingSequenceNumber = aws.ToString(r.EndingSequenceNumber)
	}
	return shard
}
