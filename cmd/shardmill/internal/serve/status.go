package serve

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"time"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/registry"
	"github.com/shardmill/shardmill/poller"
)

// standing is the state of a mapping. Its fields are listed one by one, so that no part of a record, of a window's
// state or of a function's answer is among them, even if Status gets new fields. Filters, which contain values of
// records, are omitted. URLs in texts are reduced to scheme, host and path.
type standing struct {
	Configuration registry.Configuration `json:"configuration"`
	Status        *standingStatus        `json:"status"` // null: it does not run here
}

// standingStatus is a mapping.Status.
type standingStatus struct {
	UUID                 string
	Worker               string // of a fleet
	Running              bool
	LastProcessingResult string
	Problem              string
	Counts               mapping.Counts
	Shards               []standingShard
}

// standingShard is a mapping.ShardStatus, with its duration as a text.
type standingShard struct {
	ShardID, Owner                           string
	Read, Frontier, Stored                   batch.Position
	Behind                                   string
	BufferedRecords, BufferedBytes, InFlight int
	Lanes                                    []standingLane
	Shared                                   *poller.Share `json:",omitempty"`
	Waiting                                  string
}

// standingLane is a mapping.LaneStatus, with its cause by name. The text of the last error is omitted, because
// functions quote records.
type standingLane struct {
	Lane              int
	State             batch.LaneState
	Since, Until      time.Time `json:",omitzero"`
	Attempt, Failures int
	Cause             string `json:",omitempty"`
	RequestID         string `json:",omitempty"`
	Records, Buffered int
	First             batch.Position `json:",omitzero"`
}

func newStanding(c registry.Configuration, s mapping.Status, runs bool) standing {
	c.FilterCriteria = nil
	c.LastProcessingResult = withoutQueries(c.LastProcessingResult)
	if !runs {
		return standing{Configuration: c}
	}
	status := &standingStatus{
		UUID: s.UUID, Worker: s.Worker, Running: s.Running, LastProcessingResult: withoutQueries(s.LastProcessingResult),
		Problem: withoutQueries(s.Problem), Counts: s.Counts, Shards: make([]standingShard, 0, len(s.Shards)),
	}
	for i := range s.Shards {
		status.Shards = append(status.Shards, newStandingShard(&s.Shards[i]))
	}
	return standing{Configuration: c, Status: status}
}

func newStandingShard(s *mapping.ShardStatus) standingShard {
	shard := standingShard{
		ShardID: s.ShardID, Owner: s.Owner, Read: s.Read, Frontier: s.Frontier, Stored: s.Stored, Behind: s.Behind.String(),
		BufferedRecords: s.BufferedRecords, BufferedBytes: s.BufferedBytes, InFlight: s.InFlight, Shared: s.Shared, Waiting: withoutQueries(s.Waiting),
	}
	for _, l := range s.Lanes {
		lane := standingLane{
			Lane: l.Lane, State: l.State, Since: l.Since, Until: l.Until, Attempt: l.Attempt, Failures: l.Failures,
			Records: l.Records, Buffered: l.Buffered, First: l.First, RequestID: l.RequestID,
		}
		if l.Cause != batch.None {
			lane.Cause = l.Cause.String()
		}
		shard.Lanes = append(shard.Lanes, lane)
	}
	return shard
}

// anyURL is a URL in a text, up to the first character that cannot be part of it.
var anyURL = regexp.MustCompile(`\b[a-zA-Z][a-zA-Z0-9+.-]*://[^\s"'<>` + "`" + `]+`)

// withoutQueries reduces each URL in a text to scheme, host and path.
func withoutQueries(text string) string {
	return anyURL.ReplaceAllStringFunc(text, func(found string) string {
		u, err := url.Parse(found)
		if err != nil {
			return hiddenValue
		}
		return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}).String()
	})
}

// serveStatus answers with the state of each mapping.
func (f *front) serveStatus(w http.ResponseWriter, r *http.Request) {
	all := []standing{}
	for in := (registry.ListInput{}); ; {
		page, err := f.registry.List(r.Context(), in)
		if err != nil {
			f.log.Debug("the status is not available", "error", err)
			say(w, http.StatusServiceUnavailable, "the definitions can't be read")
			return
		}
		for _, c := range page.EventSourceMappings {
			status, runs := f.registry.Status(c.UUID)
			all = append(all, newStanding(c, status, runs))
		}
		if in.Marker = page.NextMarker; in.Marker == "" {
			break
		}
	}
	w.Header().Set("Content-Type", "application/json")
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	_ = e.Encode(all) // an absent client misses nothing
}
