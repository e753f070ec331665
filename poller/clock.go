package poller

import (
	"sync"
	"time"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/smithy-go/middleware"
)

// serviceClock is the service's clock, as the Date of its answers tells it. The zero serviceClock knows nothing.
//
// A Date is the service's time cut to the second, and was written before its answer came in: at the moment of reading
// the true time is the Date or later. So each answer gives a bound from below, never one from above, and the highest
// bound of late is kept. A bound ages: after a minute the next one replaces it, be it lower, so that neither a drift
// between the clocks nor a service's clock that was set back stays.
type serviceClock struct {
	mu   sync.Mutex
	date time.Time // zero while no answer told
	at   time.Time // when the answer with date came in, on our monotonic clock
}

const boundLife = time.Minute

// observe learns from the metadata of an answer, which has no time in it where the Client speaks no HTTP.
func (c *serviceClock) observe(md middleware.Metadata) {
	date, ok := awsmiddleware.GetServerTime(md)
	if !ok {
		return
	}
	at, ok := awsmiddleware.GetResponseAt(md)
	if !ok {
		at = time.Now()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	age := at.Sub(c.at)
	if c.date.IsZero() || age > boundLife || date.After(c.date.Add(age)) {
		c.date, c.at = date, at
	}
}

// when returns what the service's clock showed at t, or a little less, and false while no answer told.
func (c *serviceClock) when(t time.Time) (time.Time, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.date.IsZero() {
		return time.Time{}, false
	}
	return c.date.Add(t.Sub(c.at)).UTC(), true
}
