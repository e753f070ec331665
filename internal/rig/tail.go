package rig

import "sync"

// tailSize is how much of an emulator's output is kept: enough for the stack of its last error.
const tailSize = 64 << 10

// tail is a Writer that keeps the last tailSize bytes written to it. Its zero value is ready, and it may be read meanwhile.
type tail struct {
	mu   sync.Mutex
	data []byte // at most tailSize
}

// Write implements io.Writer. It never fails.
func (w *tail) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.data = append(w.data, p...)
	if surplus := len(w.data) - tailSize; surplus > 0 {
		w.data = append(w.data[:0], w.data[surplus:]...)
	}
	return len(p), nil
}

// String returns what is kept.
func (w *tail) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return string(w.data)
}
