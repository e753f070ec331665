package kinesistest

import "time"

// What a shard grants to all of its readers together.
// Source: https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html
const (
	callsPerSecond  = 5
	bytesPerSecond  = 2 << 20
	maxPageBytes    = 10 << 20
	maxPageRecords  = 10_000
	fullPagePenalty = 5 * time.Second
)

// pace enforces callsPerSecond in any second, and bytesPerSecond for reads: a read of more than a second's worth is
// answered, and the next one must wait until the debt is below one second.
type pace struct {
	calls [callsPerSecond]time.Time // the last calls granted, a ring
	next  int                       // the oldest of them

	paid    time.Time // the time until which past reads have used up the shard's bytes
	blocked time.Time // set by a full page
}

// admit reports whether a call may be made now, and counts it if so. A refused call costs nothing.
func (p *pace) admit(now time.Time) bool {
	oldest := p.calls[p.next]
	if !oldest.IsZero() && now.Sub(oldest) < time.Second {
		return false
	}
	if p.debt(now) > 0 || now.Before(p.blocked) {
		return false
	}
	p.calls[p.next] = now
	p.next = (p.next + 1) % callsPerSecond
	return true
}

// debt is how long the next read must wait because of earlier reads.
func (p *pace) debt(now time.Time) time.Duration {
	ahead := p.paid.Sub(now)
	if ahead < time.Second {
		return 0
	}
	return ahead - time.Second + time.Nanosecond
}

// spend counts the result of an admitted read. full says that only maxPageBytes ended the page.
func (p *pace) spend(now time.Time, bytes int, full bool) {
	if p.paid.Before(now) {
		p.paid = now
	}
	p.paid = p.paid.Add(time.Duration(bytes) * time.Second / bytesPerSecond)
	if full {
		p.blocked = now.Add(fullPagePenalty)
	}
}
