package mapping_test

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/internal/modeltest"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/poller"
	"github.com/shardmill/shardmill/poller/kinesistest"
)

// storySettles bounds the time from the end of all trouble until everything is processed and stored, and windows are closed:
// the longest pause between two attempts, of a minute, a window of a minute with its grace, and a few listings.
const storySettles = 4 * time.Minute

// storyQuiet is how long nothing happens until the status must be sane: a call that hung before may take its deadline of 30 s, and
// one that is not made again is a problem for a minute.
const storyQuiet = 75 * time.Second

// stage is where a plan is carried out: a stream, a store, and the processes.
type stage struct {
	*plot
	*director
	t       *testing.T
	tamper  tamper
	service *kinesistest.Service
	stream  *kinesistest.Stream
	arn     string        // of it, or its consumer
	client  poller.Client // of the service; for a consumer the SDK's
	close   func()        // closes the server that client calls
	memory  driver.Store  // of processes that do not share the shards
	shared  *sharedStore  // of those that do
	journal *journal
	crew    []*player // that run, in the order in which they were started
	n       int       // records put
	settled time.Duration
	logs    logs
}

// play carries a plan out, and returns what was wrong. It must be in a bubble.
func (p *plot) play(t *testing.T, with tamper) *stage {
	s := &stage{
		close: func() {}, plot: p, director: newDirector(p.seed), t: t, tamper: with, journal: newJournal(),
		service: kinesistest.New(modeltest.Watch(t, kinesistest.Config{NoLimits: !p.limits, MaxRecordsPerRead: p.pageSize})),
	}
	var err error
	s.stream, err = s.service.CreateStream("orders", p.shards)
	require.NoError(t, err)
	if s.arn, s.client = streamARN, s.service.Client(); p.fanOut {
		s.arn, err = s.stream.RegisterConsumer("shipping")
		require.NoError(t, err)
		server := kinesistest.NewPipeServer(s.service)
		s.client, s.close = server.Client(), server.Close
	}
	if p.fleet {
		s.shared = newSharedStore()
	} else {
		s.memory = mapping.NewMemoryStore()
	}
	for _, a := range p.acts {
		s.act(a)
		synctest.Wait()
	}
	s.settle()
	s.epilogue()
	return s
}

// act carries out one act.
func (s *stage) act(a act) {
	switch a := a.(type) {
	case putAct:
		s.put(a)
	case reshardAct:
		s.reshard(a)
	case startAct:
		s.start(setup(a))
	case endAct:
		s.end(a)
	case moodAct:
		s.director.set(mood(a))
	case sourceAct:
		s.service.Inject(kinesistest.Fault(a))
	case expireAct:
		s.service.ExpireIterators()
	case storeAct:
		s.trouble(a)
	case passAct:
		pass(time.Duration(a))
	}
}

func (s *stage) put(items putAct) {
	for _, it := range items {
		key := fmt.Sprint("k", it.key)
		members := []string{s.next()}
		raw := []byte(members[0])
		if it.members > 0 {
			for len(members) < it.members {
				members = append(members, s.next())
			}
			raw = aggregateOf(key, members...)
		}
		require.NoError(s.t, s.journal.enter(key, raw, members, func() (string, string, error) { return s.stream.Put(key, raw) }))
	}
}

func (s *stage) next() string {
	s.n++
	return fmt.Sprintf("%03d", s.n-1)
}

// reshard splits or merges a shard, where that can be done.
func (s *stage) reshard(a reshardAct) {
	open := slices.DeleteFunc(s.stream.Shards(), func(sh types.Shard) bool { return sh.SequenceNumberRange.EndingSequenceNumber != nil })
	one := *open[a.nth%len(open)].ShardId
	if a.split {
		if len(open) < 5 {
			if low, high, err := s.stream.Split(one); err == nil {
				s.journal.reshard([]string{one}, low, high)
			}
		}
		return
	}
	for _, other := range open {
		if child, err := s.stream.Merge(one, *other.ShardId); err == nil {
			s.journal.reshard([]string{one, *other.ShardId}, child)
			return
		}
	}
}

// reshard enters that shards were closed, and others follow them.
func (j *journal) reshard(parents []string, children ...string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	at := j.now()
	for _, p := range parents {
		j.closed[p] = at
	}
	for _, c := range children {
		j.parents[c] = parents
	}
}

// end ends a process.
func (s *stage) end(a endAct) {
	s.look()
	if len(s.crew) == 0 {
		return
	}
	i := a.nth % len(s.crew)
	p := s.crew[i]
	switch a.how {
	case crashesBefore, crashesAfter:
		p.gate.arm(a.writes, a.how == crashesAfter)
		pass(5 * time.Second)
		p.crash() // if there were not so many writes
	case crashes:
		p.crash()
	case stops, leaves:
		p.stop()
	}
	s.crew = slices.Delete(s.crew, i, i+1)
	if a.how == stops {
		s.wait(p)
	}
}

// wait waits until a Run has returned, which it must.
func (s *stage) wait(p *player) {
	timer := time.NewTimer(10 * time.Minute)
	defer timer.Stop()
	select {
	case <-p.done:
	case <-timer.C:
		s.t.Fatalf("%s\nRun of %s has not returned 10 minutes after its ctx ended\n%s", s.plot, p.name, s.logs.String())
	}
}

// look drops those that have ended by themselves from the crew. The checks judge why they did.
func (s *stage) look() {
	s.crew = slices.DeleteFunc(s.crew, func(p *player) bool { return p.hasReturned() || p.isDead() })
}

// trouble makes the calls of a process's store fail for a while.
func (s *stage) trouble(a storeAct) {
	s.look()
	if len(s.crew) == 0 {
		return
	}
	p := s.crew[a.nth%len(s.crew)]
	p.gate.set(a.gate, a.rate)
	time.AfterFunc(a.d, func() { p.gate.set(gateOpen, 0) })
}

// settle ends all trouble, and waits until everything is done.
func (s *stage) settle() {
	s.look()
	s.director.set(mood{})
	s.service.ClearFaults()
	for _, p := range s.journal.players {
		p.gate.set(gateOpen, 0)
	}
	if len(s.crew) == 0 {
		s.start(setup{batchSize: 10, factor: 1, filtered: -1, retries: -1, window: 5 * time.Second})
	}
	s.journal.settling = s.journal.mark()
	s.await()
}

// await waits until everything is done.
func (s *stage) await() {
	began := time.Now()
	for time.Since(began) < storySettles {
		pass(time.Second)
		s.exit()
		if len(s.unsettled()) == 0 {
			break
		}
	}
	s.settled = max(s.settled, time.Since(began))
}

// exit ends the processes whose Run has returned and whose functions have, too.
func (s *stage) exit() {
	s.journal.mu.Lock()
	defer s.journal.mu.Unlock()
	for _, p := range s.journal.players {
		if p.returned.came() {
			p.exit()
		}
	}
}

// unsettled returns what is left to do, by what is stored.
func (s *stage) unsettled() (left []string) {
	store := s.memory
	if s.shared != nil {
		store = &view{sharedStore: s.shared}
	}
	all, err := store.Progress(context.Background(), strings.Replace(storeName, streamARN, s.arn, 1))
	require.NoError(s.t, err)
	trimmed := time.Now().Add(-retention)
	for _, r := range s.journal.records {
		if r.put.at.Before(trimmed) {
			continue
		}
		if p := all[r.shard]; !passes(p, &evidence{position: r.position}) {
			left = append(left, fmt.Sprintf("%s of %s is not passed: %s is stored", r.data, r.shard, p.Position))
		}
	}
	for shard, p := range all {
		if p.Window != nil && s.hasWindows() {
			left = append(left, fmt.Sprintf("a window of %s is open: %s", shard, p.Window.Start))
		}
		if at := s.journal.closed[shard]; at.came() && !at.at.Before(trimmed) && !p.End {
			left = append(left, fmt.Sprintf("the end of %s is not stored", shard))
		}
	}
	return left
}

// hasWindows reports whether all that run have windows: else one of them may have a window's shard that it does not close.
func (s *stage) hasWindows() bool {
	return !slices.ContainsFunc(s.crew, func(p *player) bool { return p.setup.window == 0 })
}

// epilogue looks whether everything is done, and lives, and ends it.
func (s *stage) epilogue() {
	s.judgeSettled()
	s.put(putAct{{key: 0}, {key: 1}, {key: 1, members: 3}})
	s.await()
	s.judgeSettled()
	pass(storyQuiet)
	s.judgeStatus()
	for _, p := range s.crew {
		p.stop()
	}
	for _, p := range s.journal.players {
		s.wait(p)
	}
	s.close()
	synctest.Wait()
	if left := inBubble(); len(left) > 0 {
		s.journal.wrong("goroutines are left:\n%s", strings.Join(left, "\n\n"))
		pass(2 * time.Hour)
		s.t.Logf("%s\ngoroutines are left", s.plot) // a bubble panics over those that are left still
	}
}

// judgeSettled judges what is left to do.
func (s *stage) judgeSettled() {
	left := s.unsettled()
	if len(left) == 0 {
		return
	}
	for _, p := range s.crew {
		left = append(left, fmt.Sprintf("%s: %+v", p.name, p.mapping.Status()))
	}
	s.journal.wrong("progress: %s after the end of all trouble: %s", storySettles, strings.Join(left, "\n    "))
}

// judgeStatus judges what those that run say when all is done.
func (s *stage) judgeStatus() {
	s.look()
	for _, p := range s.crew {
		st := s.tamper.status(p.mapping.Status())
		for _, wrong := range wrongStatus(&st) {
			s.journal.wrong("status: %s: %s: %+v", p.name, wrong, st)
		}
	}
}

// wrongStatus returns what is wrong with the status of a mapping that has nothing to do.
func wrongStatus(st *mapping.Status) (wrong []string) {
	if !st.Running {
		wrong = append(wrong, "it does not run")
	}
	if st.Problem != "" {
		wrong = append(wrong, "a problem: "+st.Problem)
	}
	for _, sh := range st.Shards {
		if sh.InFlight != 0 || sh.BufferedRecords != 0 || sh.Behind != 0 {
			wrong = append(wrong, sh.ShardID+" is at work")
		}
		if sh.Read.Compare(sh.Stored) != 0 {
			wrong = append(wrong, fmt.Sprintf("%s was read to %s and stored to %s", sh.ShardID, sh.Read, sh.Stored))
		}
		if sh.Owner != "" && !sh.Stored.IsZero() && sh.Waiting != "" {
			wrong = append(wrong, fmt.Sprintf("%s waits: %s", sh.ShardID, sh.Waiting))
		}
	}
	return wrong
}

// inBubble returns the stacks of the other goroutines of this bubble.
func inBubble() (stacks []string) {
	all := make([]byte, 1<<20)
	all = all[:runtime.Stack(all, true)]
	goroutines := bytes.Split(all, []byte("\n\n"))
	_, bubble, ok := strings.Cut(header(goroutines[0]), "synctest bubble ")
	if !ok {
		return nil
	}
	for _, g := range goroutines[1:] {
		_, other, ok := strings.Cut(header(g), "synctest bubble ")
		if ok && other == bubble && !bytes.Contains(g, []byte("synctest.Run(")) && !bytes.Contains(g, []byte("synctest.testingSynctestTest(")) {
			stacks = append(stacks, string(g))
		}
	}
	return stacks
}

// header returns the first line of a stack.
func header(g []byte) string {
	line, _, _ := bytes.Cut(g, []byte("\n"))
	return string(bytes.TrimSuffix(line, []byte("]:")))
}
