package batch_test

import (
	"fmt"
	"strconv"
	"time"

	"github.com/shardmill/shardmill/batch"
)

// group is some records of an offer that share their attributes.
type group struct {
	numbers []string
	record  batch.Record // without its sequence number
	set     bool         // an attribute was given, so that a further number begins a new group
	members int          // of each record's aggregate, 0 without one
}

// The defaults of a record in a script.
const (
	scriptKey  = "a"
	scriptSize = 100
)

func (w *world) newGroup() *group {
	return &group{record: batch.Record{PartitionKey: scriptKey, Size: scriptSize, ArrivalTime: w.sourceNow()}}
}

func (w *world) sourceNow() time.Time { return w.now.Add(w.ahead) }

// offer reads groups of records with their attributes, and the attributes of the page.
func (w *world) offer(c *cursor) error {
	var p batch.Page
	g := w.newGroup()
	groups := []*group{g}
	for !c.done() {
		word := c.tokens[0].text
		switch {
		case c.accept(","):
			g = w.newGroup()
			groups = append(groups, g)
		case c.tokens[0].mark:
			return fmt.Errorf("unexpected %q", word)
		case word != "" && word[0] >= '0' && word[0] <= '9':
			if g.set {
				g = w.newGroup()
				groups = append(groups, g)
			}
			c.accept(word)
			numbers, err := parseNumbers(word)
			if err != nil {
				return err
			}
			g.numbers = append(g.numbers, numbers...)
		default:
			c.accept(word)
			if err := w.attribute(c, word, g, &p); err != nil {
				return err
			}
		}
	}
	var err error
	if p.Records, err = records(groups); err == nil {
		w.s.Offer(w.now, p)
	}
	return err
}

// attribute reads one attribute of a group of records or of the page.
func (w *world) attribute(c *cursor, name string, g *group, p *batch.Page) error {
	if set, ok := pageAttributes[name]; ok {
		return set(w, c, p)
	}
	set, ok := recordAttributes[name]
	switch {
	case !ok:
		return fmt.Errorf("unknown attribute %q; those of records are key, nokey, lane, size, data, age, arrived, filtered, members, sub, more; those of the page are end, caughtup, behind", name)
	case len(g.numbers) == 0:
		return fmt.Errorf("%s stands before any record; attributes follow the records that they belong to", name)
	}
	g.set = true
	return set(w, c, g)
}

var pageAttributes = map[string]func(*world, *cursor, *batch.Page) error{
	"end": func(_ *world, _ *cursor, p *batch.Page) error { p.End = true; return nil },
	"caughtup": func(w *world, c *cursor, p *batch.Page) error {
		p.CaughtUpTo = w.sourceNow()
		if !c.at(0, "=") {
			return nil
		}
		d, err := timed(c, "caughtup", parseElapsed)
		p.CaughtUpTo = w.start.Add(d)
		return err
	},
	"behind": func(_ *world, c *cursor, p *batch.Page) (err error) {
		p.Behind, err = timed(c, "behind", parseElapsed)
		return err
	},
}

var recordAttributes = map[string]func(*world, *cursor, *group) error{
	"key": func(_ *world, c *cursor, g *group) (err error) {
		g.record.PartitionKey, err = c.value("key")
		return err
	},
	"nokey":    func(_ *world, _ *cursor, g *group) error { g.record.PartitionKey = ""; return nil },
	"filtered": func(_ *world, _ *cursor, g *group) error { g.record.Filtered = true; return nil },
	"more":     func(_ *world, _ *cursor, g *group) error { g.record.More = true; return nil },
	"lane": func(w *world, c *cursor, g *group) error {
		lane, err := counted(c, "lane")
		if err == nil && lane >= w.factor() {
			err = fmt.Errorf("lane %d: there are lanes 0 to %d", lane, w.factor()-1)
		}
		if err == nil {
			g.record.PartitionKey = keyOfLane(lane, w.factor())
		}
		return err
	},
	"size": func(_ *world, c *cursor, g *group) (err error) {
		g.record.Size, err = counted(c, "size")
		return err
	},
	"data": func(_ *world, c *cursor, g *group) error {
		n, err := counted(c, "data")
		if err == nil && n > 64<<20 {
			err = fmt.Errorf("data: %d is more than 64 MiB", n)
		}
		if err == nil {
			g.record.Data = make([]byte, n)
		}
		return err
	},
	"age": func(w *world, c *cursor, g *group) error {
		d, err := timed(c, "age", parseDuration)
		g.record.ArrivalTime = w.sourceNow().Add(-d)
		return err
	},
	"arrived": func(w *world, c *cursor, g *group) error {
		if c.at(0, "=") && c.at(1, "unknown") {
			c.tokens = c.tokens[2:]
			g.record.ArrivalTime = time.Time{}
			return nil
		}
		d, err := timed(c, "arrived", parseDuration)
		g.record.ArrivalTime = w.start.Add(d)
		return err
	},
	"members": func(_ *world, c *cursor, g *group) (err error) {
		if g.members, err = counted(c, "members"); err == nil && (g.members < 1 || g.members > 1000) {
			err = fmt.Errorf("members: %d is not between 1 and 1000", g.members)
		}
		return err
	},
	"sub": func(_ *world, c *cursor, g *group) error {
		n, err := counted(c, "sub")
		g.record.SubSequence = int64(n)
		return err
	},
}

func counted(c *cursor, name string) (int, error) {
	s, err := c.value(name)
	if err != nil {
		return 0, err
	}
	return parseCount(name, s)
}

func timed(c *cursor, name string, parse func(string, string) (time.Duration, error)) (time.Duration, error) {
	s, err := c.value(name)
	if err != nil {
		return 0, err
	}
	return parse(name, s)
}

// keyOfLane returns a partition key that belongs to a lane.
func keyOfLane(lane, factor int) string {
	for i := 0; ; i++ {
		if key := "k" + strconv.Itoa(i); batch.LaneOf(&batch.Record{PartitionKey: key}, factor) == lane {
			return key
		}
	}
}

// records lists the records of the groups, which must be in the order of the stream.
func records(groups []*group) ([]batch.Record, error) {
	var all []batch.Record
	for _, g := range groups {
		for _, number := range g.numbers {
			r := g.record
			r.SequenceNumber = number
			for i := range g.members {
				r.SubSequence, r.More = int64(i), i < g.members-1
				all = append(all, r)
			}
			if g.members == 0 {
				all = append(all, r)
			}
		}
		if len(all) > maxScriptRecords {
			return nil, fmt.Errorf("more than %d records", maxScriptRecords)
		}
	}
	for i := range all[:max(0, len(all)-1)] {
		if p, q := batch.PositionOf(&all[i]), batch.PositionOf(&all[i+1]); p.Compare(q) >= 0 {
			return nil, fmt.Errorf("record %s stands before %s: the records of a page are in the order of the stream, each once", p, q)
		}
	}
	return all, nil
}
