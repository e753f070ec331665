package rig

import (
	"fmt"
	"net/url"
	"testing"
)

// KPL says how a producer with the Kinesis Producer Library is started: .ci/rig/kpl, which lists what it reads and prints.
type KPL struct {
	Stream  string // its name
	Kinesis string // an endpoint on 127.0.0.1 with TLS, whose certificate the producer does not check
	Count   int    // the most user records in an aggregate; zero: 50
}

// Start runs the producer until t ends, and passes each line that it prints to line. Its input are user records. Stop
// makes it put the remaining records. It is skipped or fails like KCL.Start.
func (k KPL) Start(t testing.TB, line func(string)) *Peer {
	t.Helper()
	endpoint, err := url.Parse(k.Kinesis)
	if err != nil || endpoint.Scheme != "https" {
		t.Fatalf("rig: the endpoint %q is not one with TLS: %v", k.Kinesis, err)
	}
	settings := []string{"stream=" + k.Stream, "port=" + endpoint.Port(), "java.io.tmpdir=" + t.TempDir()}
	if k.Count > 0 {
		settings = append(settings, fmt.Sprint("count=", k.Count))
	}
	return startPeer(t, "KPL", java(t, "kpl", "", "Producer", settings), line)
}
