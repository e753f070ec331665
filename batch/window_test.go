package batch_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/batch"
)

// windowed drives a Scheduler with tumbling windows of 10 s by hand.
type windowed struct {
	t   *testing.T
	s   *batch.Scheduler
	now time.Time
}

func newWindowed(t *testing.T, p batch.Policy, resume batch.Commit) *windowed {
	t.Helper()
	p.TumblingWindow = 10 * time.Second
	s, err := batch.New(p, resume)
	require.NoError(t, err)
	return &windowed{t: t, s: s, now: time.Unix(1000, 0).UTC()}
}

// offer hands over records, given as sequence number and second of arrival since 1000.
func (w *windowed) offer(caughtUp bool, end bool, records ...int) {
	p := batch.Page{End: end}
	if caughtUp {
		p.CaughtUpTo = w.now
	}
	for i := 0; i < len(records); i += 2 {
		p.Records = append(p.Records, batch.Record{
			SequenceNumber: fmt.Sprint(records[i]), PartitionKey: "a", ArrivalTime: time.Unix(1000+int64(records[i+1]), 0), Size: 100,
		})
	}
	w.s.Offer(w.now, p)
}

// next returns what is to be done, one line each, windows as seconds since 1000.
func (w *windowed) next() string {
	var lines []string
	for _, a := range w.s.Next(w.now) {
		lines = append(lines, a.String())
	}
	text := strings.Join(lines, "\n")
	for s := range 100 {
		text = strings.ReplaceAll(text, time.Unix(1000+int64(s), 0).UTC().Format(time.RFC3339), fmt.Sprint(s))
	}
	return text
}

func (w *windowed) report(id batch.ID, state string) batch.Disposition {
	return w.s.Report(w.now, id, batch.Outcome{Kind: batch.Success, State: []byte(state)})
}

func TestBatchNeverSpansTwoWindowsAndALaterRecordClosesTheFirst(t *testing.T) {
	w := newWindowed(t, batch.Policy{}, batch.Commit{})
	w.offer(false, false, 1, 0, 2, 9, 3, 10, 4, 5, 5, 35)
	assert.Equal(t, "invoke id=1 lane=0 attempt=1 [1 2] window=0/10 state={}", w.next())
	w.report(1, `{"n":2}`)
	assert.Equal(t, "invoke id=2 lane=0 attempt=1 [] window=0/10 state={\"n\":2} final\n"+
		"commit version=1 position=2 window=0/10 state={\"n\":2}", w.next())
	w.report(2, "")
	assert.Equal(t, "invoke id=3 lane=0 attempt=1 [3 4] window=10/20 state={}\ncommit version=2 position=2", w.next(), "4 is late")
	w.report(3, `{"n":2}`)
	assert.Contains(t, w.next(), "window=10/20 state={\"n\":2} final")
	w.report(4, `{}`)
	assert.Contains(t, w.next(), "[5] window=30/40 state={}", "windows without a record make no invocation")
}

func TestIdleWindowClosesOnlyAfterACaughtUpReadBehindItsGrace(t *testing.T) {
	w := newWindowed(t, batch.Policy{}, batch.Commit{})
	w.offer(true, false, 1, 0)
	w.next()
	w.report(1, `{"n":1}`)
	w.next()
	w.now = w.now.Add(time.Hour)
	assert.Empty(t, w.next(), "the clock alone closes nothing")
	w.offer(false, false)
	assert.Empty(t, w.next(), "nor does a read that is behind")
	w.now = time.Unix(1014, 0)
	w.s.Offer(w.now, batch.Page{CaughtUpTo: time.Unix(1014, 999_999_999)})
	assert.Empty(t, w.next(), "the grace is 5 s")
	w.s.Offer(w.now, batch.Page{CaughtUpTo: time.Unix(1015, 0)})
	assert.Equal(t, "invoke id=2 lane=0 attempt=1 [] window=0/10 state={\"n\":1} final", w.next())
	w.offer(false, false, 2, 3)
	w.report(2, "")
	assert.Contains(t, w.next(), "[2] window=10/20 state={}", "a record that is late joins the window that is current at the source")
}

func TestAnswerWithoutAStateFailsAndTheRetryHasTheStateBefore(t *testing.T) {
	w := newWindowed(t, batch.Policy{}, batch.Commit{})
	w.offer(false, false, 1, 0)
	w.next()
	v := w.s.Report(w.now, 1, batch.Outcome{Kind: batch.Success})
	assert.Equal(t, batch.Retried, v.Step)
	w.now = w.now.Add(v.Delay)
	assert.Equal(t, "invoke id=1 lane=0 attempt=2 [1] window=0/10 state={}", w.next())
}

func TestStateThatIsTooLargeTerminatesTheWindowEarly(t *testing.T) {
	w := newWindowed(t, batch.Policy{BatchSize: 1}, batch.Commit{})
	w.offer(false, false, 1, 0, 2, 1)
	w.next()
	large := `{"x":"` + strings.Repeat("x", 1_048_640) + `"}`
	w.report(1, large)
	got := w.next()
	assert.Contains(t, got, "invoke id=2 lane=0 attempt=1 [] window=0/10 state="+large+" final terminated-early")
	w.report(2, "")
	assert.Equal(t, "invoke id=3 lane=0 attempt=1 [2] window=0/10 state={}\ncommit version=2 position=1", w.next(), "the same window goes on")
	w.report(3, `{"n":1}`)
	w.offer(false, true)
	assert.Contains(t, w.next(), "[] window=0/10 state={\"n\":1} final\n")
	w.report(4, "")
	assert.Equal(t, "commit version=4 position=2 end", w.next())
	assert.True(t, w.s.Ended())
}

func TestEndOfTheShardClosesItsWindowBeforeItIsStored(t *testing.T) {
	w := newWindowed(t, batch.Policy{MaximumBatchingWindow: time.Minute}, batch.Commit{})
	w.offer(false, true, 1, 0)
	w.next()
	w.report(1, `{"n":1}`)
	assert.NotContains(t, w.next(), "end")
	assert.False(t, w.s.Ended())
	w.report(2, `{}`)
	assert.Equal(t, "commit version=2 position=1 end", w.next())
}

func TestFailingFinalHoldsTheShardUntilItIsGivenUp(t *testing.T) {
	w := newWindowed(t, batch.Policy{MaximumRetryAttempts: new(0)}, batch.Commit{})
	w.offer(false, false, 1, 0, 2, 11)
	w.next()
	w.report(1, `{"n":1}`)
	w.next()
	assert.Equal(t, batch.Exhausted, w.s.Report(w.now, 2, batch.Outcome{Kind: batch.FunctionError}).Step)
	assert.Equal(t, "discard id=2 lane=0 condition=RetryAttemptsExhausted count=1 cause=function-error [] window=0/10 state={\"n\":1} final", w.next())
	w.s.Report(w.now, 2, batch.Outcome{Kind: batch.Delivered})
	assert.Contains(t, w.next(), "[2] window=10/20 state={}")
}

func TestFinalOfAnOldWindowIsGivenUpForItsAge(t *testing.T) {
	w := newWindowed(t, batch.Policy{MaximumRecordAge: time.Minute}, batch.Commit{})
	w.offer(false, false, 1, 0, 2, 11)
	w.next()
	w.report(1, `{"n":1}`)
	w.next()
	w.s.Report(w.now, 2, batch.Outcome{Kind: batch.NotRun})
	w.now = w.now.Add(61 * time.Second)
	assert.Contains(t, w.next(), "discard id=2 lane=0 condition=RecordAgeExceeded count=1 cause=none []")
}

func TestPartialFailureKeepsTheStateOfWhatPassed(t *testing.T) {
	w := newWindowed(t, batch.Policy{ReportBatchItemFailures: true}, batch.Commit{})
	w.offer(false, false, 1, 0, 2, 1, 3, 2)
	w.next()
	v := w.s.Report(w.now, 1, batch.Outcome{Kind: batch.Success, FailedItems: []string{"2"}, State: []byte(`{"n":1}`)})
	assert.Equal(t, batch.Continued, v.Step)
	assert.Contains(t, w.next(), "invoke id=2 lane=0 attempt=1 [2 3] window=0/10 state={\"n\":1}\n")
}

func TestWindowGoesOnBehindACommit(t *testing.T) {
	w := newWindowed(t, batch.Policy{}, batch.Commit{
		Position: batch.Position{SequenceNumber: "5"},
		Window:   &batch.Window{Start: time.Unix(1000, 0).UTC(), End: time.Unix(1010, 0).UTC(), State: []byte(`{"n":5}`)},
	})
	w.offer(false, false, 5, 1, 6, 2, 7, 12)
	assert.Equal(t, "invoke id=1 lane=0 attempt=1 [6] window=0/10 state={\"n\":5}", w.next())
}

func TestStateCountsInTheSizeOfTheEvent(t *testing.T) {
	w := newWindowed(t, batch.Policy{PayloadLimit: 400, WindowSize: 50}, batch.Commit{})
	w.offer(false, false, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0)
	assert.Contains(t, w.next(), "[1 2 3] ", "50 + 2 + 3*100 + 2")
	w.report(1, `{"x":"`+strings.Repeat("x", 190)+`"}`)
	assert.Contains(t, w.next(), "[4] ")
}

func TestLanesAndWindowsExcludeEachOther(t *testing.T) {
	_, err := batch.New(batch.Policy{TumblingWindow: time.Second, ParallelizationFactor: 2}, batch.Commit{})
	require.ErrorContains(t, err, "ParallelizationFactor is 2, must be 1 with a TumblingWindow")
}
