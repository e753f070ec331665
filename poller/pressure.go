package poller

import "time"

// lull is how long a Budget counts as short after the last read that found it short. A shard is read once a second, so
// a shorter time would end between two reads of the same shards. Holders are woken no more often than that.
const lull = time.Second

// shortage records when held records last left too little of a Budget for a read. The zero one is long over.
type shortage struct {
	until time.Time // it lasts until then, if no read waits for held memory
	woken time.Time // when the holders were woken
}

// Pressure returns a channel that gets a value when reads need memory that the account holds. Pressed says whether they
// still do. For a nil Account it is nil.
func (a *Account) Pressure() <-chan struct{} {
	if a == nil {
		return nil
	}
	return a.pressure
}

// Pressed reports whether the shard should resolve its records as soon as possible, and not gather more: held records
// leave too little room for a read of some shard, or did so within the last second, and the account holds more than its
// part of the last quarter. It is false for a nil Account.
func (a *Account) Pressed() bool {
	if a == nil {
		return false
	}
	b := a.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	return a.held > b.part() && (b.starved() || time.Now().Before(b.shortage.until))
}

// starved reports whether a read waits for held records, and not only for other reads.
func (b *Budget) starved() bool {
	r := b.first()
	return r != nil && b.total-b.last()-b.held < r.ask.least
}

// press records that held records leave too little for a read, and wakes the accounts that hold more than their part.
func (b *Budget) press(now time.Time) {
	b.shortage.until = now.Add(lull)
	if now.Sub(b.shortage.woken) < lull {
		return
	}
	b.shortage.woken = now
	part := b.part()
	for a := range b.accounts {
		if a.held > part {
			a.wake()
		}
	}
}

func (a *Account) wake() {
	select {
	case a.pressure <- struct{}{}:
	default: // it has not seen the last one yet
	}
}

// Wait is a read that waits for a Budget, with the account that holds most of it.
type Wait struct {
	Since       time.Time
	Used, Total int64 // bytes that are held or reserved, and the total

	// Holder is the name of the account that held most within the last second, and Held how much that was. Held is 0 if
	// none held anything.
	Holder string
	Held   int64
}

// Waiting returns the waiting read of the account, and false if there is none.
func (a *Account) Waiting() (Wait, bool) {
	if a == nil {
		return Wait{}, false
	}
	b := a.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	if a.waits == nil {
		return Wait{}, false
	}
	top := b.holder(time.Now())
	return Wait{Since: a.waits.asked, Used: b.used(), Total: b.total, Holder: top.name, Held: top.held}, true
}

// holder is the account that held most at a time.
type holder struct {
	at   time.Time
	name string
	held int64
}

// holder returns the account that holds most, searched for at most once a second, because each of many shards may call
// it.
func (b *Budget) holder(now time.Time) *holder {
	if now.Sub(b.top.at) < lull {
		return &b.top
	}
	b.top = holder{at: now}
	for a := range b.accounts {
		if a.held > b.top.held || a.held == b.top.held && a.held > 0 && a.name < b.top.name {
			b.top.name, b.top.held = a.name, a.held
		}
	}
	return &b.top
}
