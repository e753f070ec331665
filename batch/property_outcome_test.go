package batch_test

import (
	"math/big"
	"slices"
	"time"

	"github.com/shardmill/shardmill/batch"
)

// report takes an outcome that fits what runs in the lane. It returns the disposition, the delay without jitter.
func (m *model) report(now time.Time, lane int, o batch.Outcome) batch.Disposition {
	l := &m.lanes[lane]
	p := &l.subBatches[0]
	l.busy = false
	if p.condition != "" {
		return m.pass(l, p.n, batch.Resolved, nil)
	}
	l.window = now
	if o.Kind == batch.Success || o.Kind == batch.FunctionError {
		p.ran++
	}
	if o.Kind != batch.Success {
		return m.fail(now, l, o.Kind)
	}
	if m.windowSize() > 0 && !p.final && o.State == nil {
		return m.fail(now, l, batch.Success)
	}
	if !m.p.ReportBatchItemFailures || len(o.FailedItems) == 0 {
		return m.pass(l, p.n, batch.Resolved, o.State)
	}
	switch first := m.lowest(l.queue[:p.n], o.FailedItems); first {
	case -1:
		v := m.fail(now, l, batch.Success)
		v.BadItem = true
		return v
	case 0:
		return m.fail(now, l, batch.Success)
	default:
		window := p.window
		v := m.pass(l, first, batch.Continued, o.State)
		l.subBatches[0] = modelSubBatch{n: l.subBatches[0].n, window: window}
		return v
	}
}

// lowest returns the place of the first record that the items name, -1 if one of them names none.
func (m *model) lowest(queue []int, items []string) int {
	first := len(queue)
	for _, item := range items {
		n, ok := new(big.Int).SetString(item, 10)
		at := slices.IndexFunc(queue, func(i int) bool {
			seq, _ := new(big.Int).SetString(m.stream[i].SequenceNumber, 10)
			return ok && seq.Cmp(n) == 0
		})
		if at < 0 {
			return -1
		}
		first = min(first, at)
	}
	return first
}

// pass takes note that the first n records of the sub-batch in hand are done with, and of the state that they led to.
func (m *model) pass(l *modelLane, n int, step batch.Step, state []byte) batch.Disposition {
	switch p := &l.subBatches[0]; {
	case p.final:
		m.closed = max(m.closed, m.open.start)
		if !p.early {
			m.closed = max(m.closed, min(m.open.end, m.edge(l)))
		}
		m.current = max(m.current, m.closed-m.closed%m.windowSize())
		m.open = nil
	case state != nil && m.windowSize() > 0:
		m.open = &modelWindow{start: p.window, end: p.window + m.windowSize(), state: state}
	}
	for _, i := range l.queue[:n] {
		m.resolved[i] = true
	}
	l.queue = l.queue[n:]
	if l.subBatches[0].n -= n; l.subBatches[0].n == 0 {
		l.subBatches = l.subBatches[1:]
	}
	m.settle()
	return batch.Disposition{Step: step, Resolved: n}
}

func (m *model) fail(now time.Time, l *modelLane, cause batch.OutcomeKind) batch.Disposition {
	p := &l.subBatches[0]
	if cause != batch.NotRun && m.p.BisectBatchOnFunctionError && p.n > 1 {
		l.halve()
		return batch.Disposition{Step: batch.Bisected}
	}
	p.failures++
	p.cause = cause
	if cause != batch.NotRun {
		p.spent++
		if m.retries >= 0 && p.spent > m.retries {
			p.condition = batch.RetryAttemptsExhausted
			return batch.Disposition{Step: batch.Exhausted}
		}
	}
	delay := 200 * time.Millisecond
	for i := 1; i < p.failures && delay < time.Minute; i++ {
		delay *= 2
	}
	delay = min(delay, time.Minute)
	p.notBefore = now.Add(delay)
	return batch.Disposition{Step: batch.Retried, Delay: delay}
}
