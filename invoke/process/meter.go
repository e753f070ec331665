package process

import (
	"log/slog"
	"sync"
	"time"
)

const (
	// burstTime is the part of the rate that may be used in one burst, such as a stack trace, after a silence of that
	// length.
	burstTime = 4 * time.Second

	// lineCost is the cost of a line in addition to its text: the rest of its log line.
	lineCost = 128

	// reportTime is the interval at which omitted output is logged.
	reportTime = time.Second
)

// meter decides which output of a function is logged: rate bytes per second in the long run. The zero meter has no
// room.
type meter struct {
	rate int       // bytes per second; negative means unlimited
	room float64   // bytes that may be logged now, up to burstTime of the rate
	at   time.Time // when room was computed

	left leftOut
}

// leftOut counts the output that was omitted.
type leftOut struct{ lines, bytes int64 }

// newMeter returns a meter with its full room.
func newMeter(rate int, now time.Time) meter {
	return meter{rate: rate, room: float64(rate) * burstTime.Seconds(), at: now}
}

// admit reports whether a line of n bytes is logged, and counts it if not.
func (m *meter) admit(now time.Time, n int) bool {
	if m.rate < 0 {
		return true
	}
	rate := float64(m.rate)
	m.room = min(m.room+rate*max(0, now.Sub(m.at).Seconds()), rate*burstTime.Seconds())
	m.at = now
	cost := float64(n + lineCost)
	if cost > m.room {
		m.left.lines++
		m.left.bytes += int64(n)
		return false
	}
	m.room -= cost
	return true
}

// take returns the count of output omitted since the last take.
func (m *meter) take() leftOut {
	left := m.left
	m.left = leftOut{}
	return left
}

// outlet passes a function's output to the log. Its methods are safe for concurrent use.
type outlet struct {
	log     *slog.Logger
	lives   *sync.WaitGroup // the Function's, which counts the reporter
	closing chan struct{}   // closed by close

	mu        sync.Mutex
	meter     meter
	reporting bool // a reporter is waiting
	closed    bool
}

func newOutlet(log *slog.Logger, lives *sync.WaitGroup, rate int) *outlet {
	return &outlet{log: log, lives: lives, closing: make(chan struct{}), meter: newMeter(rate, time.Now())}
}

// admit reports whether a line of n bytes should be logged. Its caller is counted in lives.
func (o *outlet) admit(n int) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.meter.admit(time.Now(), n) {
		return true
	}
	if !o.reporting && !o.closed {
		o.reporting = true
		o.lives.Go(o.report)
	}
	return false
}

// report logs the omitted output after reportTime, or as soon as the Function is being closed.
func (o *outlet) report() {
	timer := time.NewTimer(reportTime)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-o.closing:
	}
	o.flush()
}

// flush logs the output omitted since the last time, if there was any.
func (o *outlet) flush() {
	o.mu.Lock()
	left := o.meter.take()
	o.reporting = false
	o.mu.Unlock()
	if left.lines > 0 {
		o.log.Warn("function output omitted", "lines", left.lines, "bytes", left.bytes, "bytesPerSecond", o.meter.rate)
	}
}

// close stops reporters from waiting: the last flush logs later omissions. It may be called more than once.
func (o *outlet) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.closed {
		o.closed = true
		close(o.closing)
	}
}
