package codec

import (
	"fmt"
	"time"

	"github.com/aws/smithy-go"
	smithytime "github.com/aws/smithy-go/time"
	"github.com/aws/smithy-go/traits"
)

// timely is an output, or an event, of the SDK whose times are checked while it is decoded.
//
// The SDK's decoder panics at a time of "NaN", in a goroutine of its own when it decodes an event, and turns an
// infinite or too large number into any year.
type timely struct{ smithy.Deserializable }

// Deserialize implements smithy.Deserializable.
func (t timely) Deserialize(d smithy.ShapeDeserializer) error {
	return t.Deserializable.Deserialize(checkedTimes{d})
}

// checkedTimes is a deserializer of the SDK that refuses a time which it would get wrong.
type checkedTimes struct{ smithy.ShapeDeserializer }

// ReadTime implements smithy.ShapeDeserializer.
func (d checkedTimes) ReadTime(s *smithy.Schema, v *time.Time) error {
	if t, ok := smithy.SchemaTrait[*traits.TimestampFormat](s); ok && t.Format != "epoch-seconds" {
		return d.ShapeDeserializer.ReadTime(s, v)
	}
	var seconds float64
	if err := d.ReadFloat64(s, &seconds); err != nil {
		return err
	}
	if millis := seconds * 1000; !(-maxMillis < millis && millis < maxMillis) { // false of NaN too
		return fmt.Errorf("%s is %v, which is not a time", s.MemberName(), seconds)
	}
	*v = smithytime.ParseEpochSeconds(seconds)
	return nil
}
