package process

import "sync"

// tally counts running work. Its zero value is ready.
type tally struct {
	mu    sync.Mutex
	n     int
	none  chan struct{} // made by end
	ended bool
}

// enter adds one. It returns false after end.
func (t *tally) enter() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		return false
	}
	t.n++
	return true
}

// leave subtracts one.
func (t *tally) leave() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.n--
	if t.ended && t.n == 0 {
		close(t.none)
	}
}

// end refuses further entries, and returns a channel that is closed when all have left. It is called once.
func (t *tally) end() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended, t.none = true, make(chan struct{})
	if t.n == 0 {
		close(t.none)
	}
	return t.none
}
