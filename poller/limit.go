package poller

// adaptiveLimit is how many records a read requests. An answer that did not arrive in time halves it; a run of good
// reads doubles it again.
type adaptiveLimit struct {
	now, max int32
	good     int // good reads since it last changed, while it is below max
}

// goodReads is how many reads in a row must succeed before the limit is doubled.
const goodReads = 5

// halve makes the reads smaller, down to a single record.
func (l *adaptiveLimit) halve() {
	l.now, l.good = max(l.now/2, 1), 0
}

// succeeded counts a good read, and reports whether the limit rose.
func (l *adaptiveLimit) succeeded() bool {
	if l.now == l.max {
		return false
	}
	if l.good++; l.good < goodReads {
		return false
	}
	l.now, l.good = min(l.now*2, l.max), 0
	return true
}
