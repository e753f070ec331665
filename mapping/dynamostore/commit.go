package dynamostore

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/internal/kcl"
)

// Commit implements driver.Store. It is one write of the row, and before it, if the state of the window is large, one
// for every 384 KiB of it.
func (s *Store) Commit(ctx context.Context, lease driver.Lease, p driver.Progress) error {
	err := s.commitUnder(ctx, lease, s.grants.of(lease), entry{Progress: p})
	if errors.Is(err, driver.ErrLeaseLost) {
		s.grants.drop(lease) // it will not be released
	}
	return err
}

// entry is the content of a commit.
type entry struct {
	driver.Progress
	fleet bool  // whether a worker of a fleet commits: an End is then never unset
	rate  int64 // of a fleet's shard

	also func(*expr) // adds what else is written; nil: nothing
}

// commitUnder stores p under the lease; g has the known state of the lease.
func (s *Store) commitUnder(ctx context.Context, lease driver.Lease, g *grant, p entry) error {
	k := keyOf(lease)
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("dynamostore: commit %s: %w", k, err)
	}
	if lease.Mapping == "" || lease.Shard == "" || lease.Owner == "" {
		return lost(lease)
	}
	if n := p.Position.SequenceNumber; n != "" && !kcl.IsSequenceNumber(n) {
		return fmt.Errorf("dynamostore: commit %s: %q is no sequence number", k, n)
	}
	if err := g.enter(ctx); err != nil {
		return fmt.Errorf("dynamostore: commit %s: %w", k, err)
	}
	defer g.leave()
	return s.store(ctx, lease, g, p)
}

// store writes p until it is stored, or must not be.
func (s *Store) store(ctx context.Context, lease driver.Lease, g *grant, p entry) error {
	for {
		if err := s.know(ctx, keyOf(lease), g); err != nil {
			return err
		}
		stale, err := judge(lease, &g.last, p)
		if err != nil && !g.last.exists {
			return s.clear(ctx, lease, err)
		}
		if err != nil || stale {
			return err
		}
		done, err := s.commit(ctx, lease, g, p)
		if err != nil || done {
			return err
		}
	}
}

// clear removes the written state of a commit that was too late, for a shard that was deleted meanwhile, or whose
// mapping was forgotten, because no other code would. It returns why the commit was refused.
func (s *Store) clear(ctx context.Context, lease driver.Lease, why error) error {
	if err := s.deletePieces(ctx, keyOf(lease)); err != nil {
		return fmt.Errorf("%w (%w)", why, err)
	}
	return why
}

// know reads the row, unless it is already known.
func (s *Store) know(ctx context.Context, k key, g *grant) error {
	if g.known {
		return nil
	}
	item, err := s.item(ctx, k)
	if err != nil {
		return err
	}
	g.last, err = decodeRow(k, item)
	g.last.progress.Window, g.last.state.inline = nil, nil
	g.known = err == nil
	return err
}

// judge applies the rules of driver.Store: it returns an error if p must not be stored under the lease, and reports
// whether that is unnecessary, because p is no newer.
func judge(lease driver.Lease, r *row, p entry) (stale bool, err error) {
	owner, held := r.owner.(*types.AttributeValueMemberS)
	if !held || !r.ours || owner.Value != lease.Owner || r.epoch != lease.Epoch {
		return false, lost(lease)
	}
	if r.written == lease.Epoch && p.Version <= r.progress.Version {
		return true, nil
	}
	if p.fleet && r.progress.End && !p.End {
		return false, fmt.Errorf("dynamostore: %s is complete: that is never unset", keyOf(lease))
	}
	if r.written != lease.Epoch {
		return false, nil
	}
	if p.Position.Compare(r.progress.Position) < 0 {
		return false, fmt.Errorf("dynamostore: %s: position %s is before %s, which is stored: positions never fall under one lease",
			keyOf(lease), p.Position, r.progress.Position)
	}
	return false, nil
}

func lost(l driver.Lease) error {
	return fmt.Errorf("dynamostore: %s, epoch %d: %w", keyOf(l), l.Epoch, driver.ErrLeaseLost)
}

// commit writes p over the known stored state. It returns false if something else is stored.
func (s *Store) commit(ctx context.Context, lease driver.Lease, g *grant, p entry) (done bool, err error) {
	k := keyOf(lease)
	at, data := s.place(g, p.Progress)
	g.known = false // until the answer is there
	err = s.storePieces(ctx, k, data, at, lease.Epoch, p.Version)
	if isRefused(err) {
		g.doubt = append(g.doubt, at.slot) // another lease has it: perhaps this one is lost
		return false, nil
	}
	if err != nil {
		return false, wrap(err, "commit %s: store the state of its window in table %s", k, s.options.Table)
	}
	x := newExpr()
	inForce(x, lease)
	x.is(attrWritten, present(g.last.written))
	x.is(attrVersion, g.last.version)
	x.add(kcl.LeaseCounter, 1)
	x.set(attrWritten, number(lease.Epoch))
	writeProgress(x, p.Progress, at)
	if p.fleet {
		x.set(attrRate, number(p.rate))
	}
	if p.also != nil {
		p.also(x)
	}
	err = s.update(ctx, k, x)
	switch {
	case err == nil:
		g.last.written, g.last.version, g.last.state = lease.Epoch, number(p.Version), stateAt{slot: at.slot}
		g.last.progress = driver.Progress{Version: p.Version, Position: p.Position, End: p.End}
		g.known, g.doubt = true, nil
		return true, nil
	case isRefused(err), isMissing(err) && !s.options.NoCreate:
		return false, nil
	}
	if at.slot > 0 {
		g.doubt = append(g.doubt, at.slot)
	}
	return false, wrap(err, "commit %s in table %s", k, s.options.LeaseTable(k.mapping))
}

// present is a number attribute that is absent when it is 0.
func present(n uint64) types.AttributeValue {
	if n == 0 {
		return nil
	}
	return number(n)
}

// place decides where the state of p goes.
func (s *Store) place(g *grant, p driver.Progress) (stateAt, []byte) {
	if p.Window == nil {
		return stateAt{}, nil
	}
	data, deflated := pack(p.Window.State)
	at := stateAt{size: len(data), deflated: deflated}
	if len(data) <= maxInline {
		at.inline = data
		return at, nil
	}
	at.slot = g.slot()
	return at, data
}
