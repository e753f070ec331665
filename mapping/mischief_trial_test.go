package mapping_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/poller"
	"github.com/shardmill/shardmill/poller/kinesistest"
)

// trial is one seed of TestMischief: a stream, a service that misbehaves, processes that come and go, and a witness.
type trial struct {
	*testing.T
	seed    uint64
	rng     *rand.Rand // of the plan
	luck    *luck      // of the functions
	witness *witness

	service  *kinesistest.Service
	stream   *kinesistest.Stream
	client   poller.Client
	face     face
	consumer string // its ARN, where the face is a consumer

	memory driver.Store // of processes that follow each other
	shared *sharedStore // of a fleet, else nil
	base   mapping.Config
	crew   []*actor // that run, or have ended by themselves
	names  int
	begun  bool // the mapping has been started for the first time

	mischief []*kinesistest.Misbehaviour // all that began
	habit    *kinesistest.Misbehaviour   // that stays, or nil
	replaces bool                        // the stream will be replaced
	replaced bool                        // it was
	rests    bool                        // all may stop for more than a day
	keys     int
	n        int // records put

	notes []string
	logs  logs
}

// face is how a mapping reaches the service.
type face string

const (
	typed  face = "client in the process"
	asJSON face = "SDK over JSON"
	asCBOR face = "SDK over CBOR"
	bySDK  face = "SDK with its own decoding"
	fanOut face = "fan-out"
)

// settleTime bounds the time from the end of the mischief until all is processed.
const settleTime = 30 * time.Minute

// run runs the trial, and returns what happened. It must be in a bubble.
func (t *trial) run() string {
	if t.face != typed {
		server := kinesistest.NewPipeServer(t.service)
		defer server.Close()
		t.client = server.Client()
	}
	t.prologue()
	steps := 6 + t.rng.IntN(12)
	for i := range steps {
		if i == steps/2 {
			t.replace()
		}
		t.step()
		t.check()
	}
	t.settle()
	t.epilogue()
	return t.story()
}

func newTrial(t *testing.T, seed uint64) *trial {
	rng := rand.New(rand.NewPCG(seed, 1))
	tr := &trial{
		T: t, seed: seed, rng: rng, luck: &luck{rng: rand.New(rand.NewPCG(seed, 2))}, witness: newWitness(),
		face: pick(rng, typed, typed, typed, asJSON, asCBOR, bySDK, fanOut, fanOut),
		keys: 1 + rng.IntN(6), replaces: rng.IntN(8) == 0 && isWanted(kinesistest.ReplacedStream), rests: rng.IntN(5) == 0,
	}
	tr.service = kinesistest.New(kinesistest.Config{
		NoLimits: rng.IntN(2) == 0, MaxRecordsPerRead: pick(rng, 0, 0, 2, 4, 7), EndWithRecords: rng.IntN(2) == 0,
		MaxShardsPerListing: pick(rng, 0, 0, 0, 1, 2), ChildrenEarly: seed%4 == 3,
	})
	tr.base.StartingPosition = pick(rng, mapping.TrimHorizon, mapping.TrimHorizon, mapping.Latest, mapping.AtTimestamp)
	tr.habits()
	var err error
	tr.stream, err = tr.service.CreateStream("orders", 1+rng.IntN(3))
	require.NoError(t, err)
	tr.client = tr.service.Client()
	tr.retain()
	if rng.IntN(5) < 2 {
		tr.shared = newSharedStore()
	} else {
		tr.memory = mapping.NewMemoryStore()
	}
	return tr
}

// pick returns one of some values.
func pick[T any](rng *rand.Rand, values ...T) T { return values[rng.IntN(len(values))] }

// clockFormat is how notes, and pranks, begin.
const (
	clockFormat = "01-02 15:04:05.000 "
	clockLength = len(clockFormat)
)

func (t *trial) note(format string, args ...any) {
	t.notes = append(t.notes, time.Now().Format(clockFormat)+fmt.Sprintf(format, args...))
}

// prologue is what happens until the mapping runs for the first time.
func (t *trial) prologue() {
	t.settings()
	for range t.rng.IntN(4) {
		t.change()
	}
	if t.base.StartingPosition != mapping.TrimHorizon {
		pass(5 * time.Second) // beyond the margin of LATEST
	}
	if t.base.StartingPosition == mapping.AtTimestamp {
		t.base.StartingPositionTimestamp = time.Now()
	}
	if t.rng.IntN(2) == 0 {
		t.misbehave()
	}
	t.begun = true
	t.hire()
	synctest.Wait()
}

// hire starts the processes that are to run: one, or 2 to 4 workers.
func (t *trial) hire() {
	n := 1
	if t.shared != nil {
		n = 2 + t.rng.IntN(3)
	}
	for range n {
		t.start()
	}
	t.note("start %d, %s", n, t.crew[len(t.crew)-1].name)
}

// step is one thing that happens.
func (t *trial) step() {
	switch t.rng.IntN(12) {
	case 0, 1, 2, 3:
		t.change()
	case 4, 5:
		t.misbehave()
		t.pass(pick(t.rng, time.Second, 5*time.Second, 20*time.Second))
	case 6:
		t.turnOver()
	case 7:
		t.trouble()
	default:
		t.pass(pick(t.rng, time.Millisecond, 300*time.Millisecond, time.Second, 3*time.Second, 10*time.Second, 10*time.Second, 40*time.Second, 3*time.Minute))
	}
	synctest.Wait()
}

func (t *trial) pass(d time.Duration) {
	t.note("%s pass", d)
	pass(d)
}

// turnOver ends processes, in good order or not, and starts others.
func (t *trial) turnOver() {
	t.look()
	leave := len(t.crew)
	if t.shared != nil {
		leave = 1 + t.rng.IntN(leave)
	}
	for range leave {
		i := t.rng.IntN(len(t.crew))
		a := t.crew[i]
		t.crew = append(t.crew[:i], t.crew[i+1:]...)
		if a.over {
			continue
		}
		if t.rng.IntN(2) == 0 {
			t.note("kill %s", a.name)
			a.kill()
			continue
		}
		t.note("stop %s", a.name)
		t.judgeStop(a)
	}
	if len(t.crew) == 0 && t.rng.IntN(2) == 0 {
		t.absence()
	}
	for range max(1, leave-t.rng.IntN(2)) {
		a := t.start()
		t.note("start %s", a.name)
	}
}

// judgeStop stops a process, and judges what Run returns.
func (t *trial) judgeStop(a *actor) {
	if err := a.stop(); err != nil && !(t.replaced && errors.Is(err, mapping.ErrStreamReplaced)) {
		t.fail("Run of %s returned after a stop: %v", a.name, err)
	}
}

// absence lets time pass while nobody processes the stream.
func (t *trial) absence() {
	for range t.rng.IntN(4) {
		t.change()
	}
	if t.rng.IntN(3) == 0 {
		t.replace()
	}
	if t.rests && t.rng.IntN(2) == 0 {
		t.pass(time.Duration(25+t.rng.IntN(30)) * time.Hour)
		for range t.rng.IntN(3) {
			t.change()
		}
	}
}

// trouble cuts a worker off from the store for a while.
func (t *trial) trouble() {
	if t.shared == nil {
		return
	}
	a := t.crew[t.rng.IntN(len(t.crew))]
	d := time.Duration(1+t.rng.IntN(25)) * time.Second
	t.note("%s is cut off from the store for %s", a.name, d)
	a.view.cut.Store(true)
	pass(d)
	a.view.cut.Store(false)
}

// look finds out which processes have ended by themselves, and judges why.
func (t *trial) look() {
	for _, a := range t.crew {
		if a.over {
			continue
		}
		if a.look(); a.over && !(t.replaced && errors.Is(a.err, mapping.ErrStreamReplaced)) {
			t.fail("Run of %s ended by itself: %v", a.name, a.err)
		}
	}
}

// check ends the test if something has gone wrong.
func (t *trial) check() {
	t.look()
	if wrong := t.witness.faults(); len(wrong) > 0 {
		t.fail("%s", strings.Join(wrong, "\n"))
	}
}

// settle ends the mischief, and waits until all is processed.
func (t *trial) settle() {
	for _, m := range t.mischief {
		m.Stop()
	}
	t.luck.setCalm(true)
	t.note("settle")
	began := time.Now()
	for !t.isSettled() && time.Since(began) < settleTime {
		pass(2 * time.Second)
		t.check()
	}
	t.check()
	if !t.isSettled() {
		t.failLost()
	}
}

// isSettled reports whether all is processed, or the processes have said that it never will be: see sayReplaced.
func (t *trial) isSettled() bool {
	return len(t.witness.missing()) == 0 || t.replaced && t.sayReplaced()
}

// sayReplaced reports whether each process has ended, because the stream was replaced. A consumer has left with its stream: that
// is a problem of each process that has a shard, while one that began later cannot know of the old stream.
func (t *trial) sayReplaced() bool {
	running := slices.DeleteFunc(slices.Clone(t.crew), func(a *actor) bool { return a.over })
	return len(running) == 0 || t.face == fanOut && slices.ContainsFunc(running, func(a *actor) bool {
		return strings.HasPrefix(a.Status().LastProcessingResult, "PROBLEM")
	})
}

// failLost reports what is lost.
func (t *trial) failLost() {
	var b strings.Builder
	missing := t.witness.missing()
	for _, e := range missing[:min(5, len(missing))] {
		fmt.Fprintf(&b, "lost: %s of key %s in %s, put at %s\n", e.data, e.key, e.shard, e.put.Format("15:04:05.000"))
	}
	fmt.Fprintf(&b, "%d records in all\n", len(missing))
	for _, a := range t.crew {
		b.WriteString(a.state() + "\n")
	}
	t.fail("%s after the end of the mischief:\n%s", settleTime, b.String())
}

// epilogue looks whether what was settled is alive, and ends it.
func (t *trial) epilogue() {
	t.put(3)
	t.settle()
	pass(5 * time.Second)
	for _, a := range t.crew {
		if !a.over {
			t.judgeStop(a)
		}
	}
	t.check()
}

// fail ends the trial with all that is known of it.
func (t *trial) fail(format string, args ...any) {
	t.Helper()
	report := t.report(fmt.Sprintf(format, args...))
	for _, a := range t.crew { // so that nothing is left in the bubble
		_ = a.stop()
	}
	t.Fatal(report)
}

// config returns the configuration of one more process.
func (t *trial) config() mapping.Config {
	cfg := t.base
	rng := t.rng
	cfg.BatchSize = 1 + rng.IntN(6)
	cfg.MaximumBatchingWindow = time.Duration(max(0, rng.IntN(6)-3)) * time.Second
	cfg.Read.PollInterval = pick(rng, time.Second, time.Second, time.Second, 5*time.Second)
	cfg.ShardRefreshInterval = pick(rng, 3*time.Second, 10*time.Second, 30*time.Second)
	cfg.BisectBatchOnFunctionError = rng.IntN(2) == 0
	if t.face != fanOut {
		cfg.Read.Deaggregate = rng.IntN(3) > 0
	}
	if cfg.TumblingWindow == 0 {
		cfg.ParallelizationFactor = 1 + max(0, rng.IntN(5)-2)
	}
	if rng.IntN(3) == 0 {
		cfg.BufferBytes = 1 << 10
	}
	return cfg
}

// settings draws what all processes have in common.
func (t *trial) settings() {
	cfg := mapping.Config{
		EventSourceARN: streamARN, FunctionName: "ship-orders", Client: t.client,
		StartingPosition:      t.base.StartingPosition,
		FunctionResponseTypes: []mapping.FunctionResponseType{mapping.ReportBatchItemFailures},
		Read:                  mapping.ReadOptions{CBOR: t.face == asCBOR, SDKDecoding: t.face == bySDK},
	}
	if t.face == fanOut {
		var err error
		t.consumer, err = t.stream.RegisterConsumer("shipping")
		require.NoError(t, err)
		cfg.EventSourceARN, cfg.Read.FallBackToPolling = t.consumer, t.rng.IntN(3) == 0
	}
	if t.rng.IntN(5) == 0 {
		cfg.TumblingWindow = pick(t.rng, 5*time.Second, 30*time.Second)
	}
	if t.rng.IntN(4) == 0 {
		cfg.MaximumRetryAttempts, t.witness.retries = new(t.rng.IntN(3)), true
	}
	if t.rng.IntN(5) == 0 {
		cfg.MaximumRecordAge = pick(t.rng, time.Minute, 10*time.Minute)
		t.witness.age = cfg.MaximumRecordAge
	}
	cfg.DestinationConfig.OnFailure.Target = invoke.DestinationFunc(func(_ context.Context, f *invoke.Failure) error {
		t.witness.discarded(f)
		return nil
	})
	t.base = cfg
	t.note("%s, fleet %v, from %s, window %s, age %s, retries %v, rests %v, keys %d", t.face, t.shared != nil, cfg.StartingPosition,
		cfg.TumblingWindow, cfg.MaximumRecordAge, t.witness.retries, t.rests, t.keys)
}
