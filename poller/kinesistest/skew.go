package kinesistest

import "time"

// skew is the error of the service's clock by a mischief.
type skew struct {
	by    time.Duration
	until time.Time // of timers; zero: until it is stopped
}

// of returns t as the clock shows it. A nil skew shows it as it is.
func (k *skew) of(t time.Time) time.Time {
	if k == nil || !k.until.IsZero() && !time.Now().Before(k.until) {
		return t
	}
	return t.Add(k.by)
}

// maxSkew is the largest error of a clock, so that no young record leaves the shortest retention.
const maxSkew = 12 * time.Hour

// offBy returns by how much a clock is off: 20 minutes to maxSkew, ahead or behind.
func offBy(d *dice) time.Duration {
	return oneOf(d, time.Duration(1), -1) * d.between(20*time.Minute, maxSkew)
}

// setClock sets the service's clock off, if the mischief does so.
func (m *Misbehaviour) setClock() {
	call := Call{Op: m.plan.Ops[0], Stream: m.plan.Stream, Shard: m.plan.Shard, Time: m.service.config.Now()}
	d, ok := m.has(ClockOff, call)
	if !ok {
		return
	}
	m.skew = &skew{by: offBy(d)}
	if m.plan.For > 0 {
		m.skew.until = m.began.Add(m.plan.For)
	}
	m.service.skew.Store(m.skew)
	m.did(ClockOff, Call{Time: call.Time})
}
