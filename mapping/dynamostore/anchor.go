package dynamostore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/internal/kcl"
)

// Attributes of the item anchorItem.
const (
	attrAnchor  = "anchor"  // S: a time
	attrSettled = "settled" // BOOL: it is there once the anchor never moves again
)

// anchor is the item anchorItem of a mapping.
type anchor struct {
	text    string // as it is stored
	at      time.Time
	settled bool
}

// Anchor implements driver.Store.
func (s *Store) Anchor(ctx context.Context, name string, proposed time.Time) (time.Time, error) {
	a, err := s.firstAnchor(ctx, name, proposed)
	return a.at, err
}

// SettleAnchor implements driver.Store. Its write requires the anchor that was read before, so that only one of
// several workers settles it.
func (s *Store) SettleAnchor(ctx context.Context, name string, at time.Time) (time.Time, error) {
	for {
		a, err := s.firstAnchor(ctx, name, at)
		if err != nil || a.settled {
			return a.at, err
		}
		x := newExpr()
		x.is(attrAnchor, text(a.text))
		x.is(attrSettled, nil)
		if at.Before(a.at) {
			a = anchor{text: anchorText(at), at: at.Round(0).UTC()}
		}
		x.set(attrAnchor, text(a.text))
		x.set(attrSettled, boolean(true))
		_, err = s.options.Client.UpdateItem(ctx, x.update(s.options.Table, anchorKey(name)))
		if !isRefused(err) {
			return a.at, wrap(err, "anchor of %s in table %s", name, s.options.Table)
		}
	}
}

// firstAnchor stores proposed unless there is an anchor, and returns the stored one.
func (s *Store) firstAnchor(ctx context.Context, name string, proposed time.Time) (anchor, error) {
	if err := ctx.Err(); err != nil {
		return anchor{}, fmt.Errorf("dynamostore: anchor: %w", err)
	}
	if name == "" {
		return anchor{}, errors.New("dynamostore: anchor: the mapping's name is empty")
	}
	x := newExpr()
	x.init(attrAnchor, text(anchorText(proposed)))
	in := x.update(s.options.Table, anchorKey(name))
	in.ReturnValues = types.ReturnValueAllNew
	var out *dynamodb.UpdateItemOutput
	err := s.tables.in(ctx, s.options.Table, otherKeys, func() (err error) {
		out, err = s.options.Client.UpdateItem(ctx, in)
		return err
	})
	if err != nil {
		return anchor{}, wrap(err, "anchor of %s in table %s", name, s.options.Table)
	}
	d := decoder{item: out.Attributes}
	a := anchor{text: kcl.Text(out.Attributes, attrAnchor), at: d.time(attrAnchor)}
	_, a.settled = out.Attributes[attrSettled]
	if _, stored := out.Attributes[attrAnchor]; !stored || d.bad {
		return anchor{}, fmt.Errorf("dynamostore: anchor of %s in table %s is no time: %w", name, s.options.Table, driver.ErrUnreadable)
	}
	return a, nil
}

func anchorKey(name string) kcl.Item {
	return kcl.Item{partKey: text(partOf(name)), itemKey: text(anchorItem)}
}

func anchorText(at time.Time) string { return at.UTC().Format(time.RFC3339Nano) }
