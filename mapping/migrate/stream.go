package migrate

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shardmill/shardmill/internal/arns"
)

// SingleStream is the Table.Stream of the rows of a KCL table whose keys are only the IDs of shards. An application
// that was changed to read several streams leaves such rows behind.
const SingleStream = "-"

// KCLStream returns the name of a stream in the table of a KCL application that reads several streams:
// account:name:epoch, where the epoch is the second at which the stream was created (DescribeStreamSummary's
// StreamCreationTimestamp). It distinguishes streams of one name in several accounts, and a stream from a deleted one
// of the same name.
func KCLStream(streamARN string, created time.Time) (string, error) {
	a, err := arns.Stream.Parse(streamARN)
	if err != nil {
		return "", fmt.Errorf("migrate: %q is not the ARN of a stream: %w", streamARN, err)
	}
	if created.IsZero() {
		return "", fmt.Errorf("migrate: the time at which %s was created is not known", streamARN)
	}
	return a.Account + ":" + strings.TrimPrefix(a.Resource, "stream/") + ":" + strconv.FormatInt(created.Unix(), 10), nil
}

// row is a row of a table that is about a shard.
type row struct {
	key    string // in the program's form
	stream string // the program's name for it; empty if the table has one stream only
	shard  Shard
}

// pick returns the rows of the stream. It returns an error if they may belong to several streams, or if there are two
// of one shard, because this package cannot decide which one counts.
func (t *Table) pick(rows []row) ([]row, error) {
	picked := slices.DeleteFunc(slices.Clone(rows), func(r row) bool { return !t.isOf(r.stream) })
	named := func(r row) bool { return r.stream != "" }
	if len(picked) == 0 && isKCLStream(t.Stream) && !slices.ContainsFunc(rows, named) {
		picked = rows // the application reads one stream, and its table does not name it
	}
	streams := map[string]bool{}
	first := map[string]row{}
	twice := ""
	for _, r := range picked {
		streams[r.choice()] = true
		if before, ok := first[r.shard.ID]; ok && twice == "" {
			twice = fmt.Sprintf(" (shard %s has the rows %q and %q)", r.shard.ID, before.key, r.key)
		}
		first[r.shard.ID] = r
	}
	switch {
	case len(streams) > 1:
		return nil, fmt.Errorf("migrate: table %s has rows of several streams%s: set Stream to one of %s", t.Name, twice, names(streams))
	case twice != "":
		return nil, fmt.Errorf("migrate: table %s has two rows of a shard%s: delete the invalid one", t.Name, twice)
	}
	return picked, nil
}

// choice returns the Stream that chooses the row.
func (r row) choice() string {
	if r.stream == "" {
		return SingleStream
	}
	return r.stream
}

// isOf reports whether rows with this name of a stream are selected.
func (t *Table) isOf(stream string) bool {
	switch {
	case t.Format == Harlow:
		return stream == t.App+"-"+t.Stream
	case t.Stream == "":
		return true
	case t.Format != KCL:
		return stream == "" || stream == t.Stream
	case t.Stream == SingleStream:
		return stream == ""
	case isKCLStream(t.Stream):
		return stream == t.Stream
	}
	return stream == "" || nameOf(stream) == t.Stream
}

// isKCLStream reports whether s has the form account:name:epoch.
func isKCLStream(s string) bool { return strings.Count(s, ":") == 2 }

// nameOf returns the name in account:name:epoch.
func nameOf(stream string) string {
	parts := strings.Split(stream, ":")
	if len(parts) != 3 {
		return stream
	}
	return parts[1]
}

// otherStream is otherStream of the streams of a table's rows, which are one.
func (t *Target) otherStream(shards []Shard) string {
	i := slices.IndexFunc(shards, func(s Shard) bool { return isKCLStream(s.stream) })
	if i < 0 {
		return ""
	}
	return otherStream(shards[i].stream, t.Mapping, t.StreamCreated)
}

// otherStream says how the stream of a KCL table's rows differs from a mapping's, which was created at a time, as far as
// both are known. It is empty if they do not differ.
func otherStream(stream, name string, created time.Time) string {
	if !isKCLStream(stream) {
		return ""
	}
	parts := strings.Split(stream, ":")
	source, _, _ := strings.Cut(name, " ") // of a name by mapping.StoreKey
	source, _, _ = strings.Cut(source, "/consumer/")
	a, err := arns.Stream.Parse(source)
	if err == nil && (a.Account != parts[0] || a.Resource != "stream/"+parts[1]) {
		return fmt.Sprintf("they are of %q, and the mapping is of %s", stream, source)
	}
	epoch, err := strconv.ParseInt(parts[2], 10, 64)
	if err == nil && !created.IsZero() && created.Sub(time.Unix(epoch, 0)).Abs() > createdSlack {
		return fmt.Sprintf("they are of %q, and the mapping's stream was created at %s", stream, created.UTC().Format(time.RFC3339))
	}
	return ""
}

// createdSlack is the greatest distance of two creation times of one stream: KCL truncates them to the second.
const createdSlack = 2 * time.Second

// others lists the streams of a table's rows, for an error that none of them is the selected one; empty without any.
func others(rows []row) string {
	streams := map[string]bool{}
	for _, r := range rows {
		if r.stream != "" {
			streams[r.stream] = true
		}
	}
	if len(streams) == 0 {
		return ""
	}
	return ", only rows of " + names(streams)
}
