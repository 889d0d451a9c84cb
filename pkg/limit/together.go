package limit

import (
	"context"
	"slices"
	"time"
)

// exchange speaks with Redis until there is nothing to tell and to ask. One goroutine does at a time, so that what was
// gathered meanwhile goes in one message.
func (a *account) exchange() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for a.news {
		a.news = false
		a.exchangeOnce()
	}
	a.exchanging = false
}

// exchangeOnce lets mu go while it waits for Redis.
func (a *account) exchangeOnce() {
	b := a.budgets
	c := a.candidates()
	now := b.ms()
	a.forget(now)
	told := a.heard
	m := message{
		ask:    ask{quota: b.quotaOf(a.name), underWay: float64(a.underWay), want: c.want()},
		unused: a.unused,
		words:  make([]word, len(a.words)),
	}
	for i, u := range a.words {
		m.words[i] = u.word
		m.words[i].age = now - u.at
	}
	if a.block > now {
		m.block = time.Duration(a.block-now) * time.Millisecond
	}
	block := a.block

	a.mu.Unlock()
	v, err := b.shared.exchange(context.Background(), a.name, m)
	a.mu.Lock()

	if err != nil {
		// Redis counts how often it fails; here the process goes on with what it knows.
		for i, u := range a.words {
			if !u.local {
				w := u.word
				w.granted, w.age = u.granted, b.ms()-u.at
				a.local.hear(b.ms(), w)
				a.words[i].local = true
			}
		}
		a.askHere(c)
		return
	}
	a.words = slices.DeleteFunc(a.words, func(u unheard) bool { return u.number <= told })
	a.unused -= m.unused
	if a.block == block {
		a.block = 0
	}
	blocked := a.local.blocked
	a.local = v.tally.shift(b.ms() - v.now)
	a.local.blocked = max(a.local.blocked, blocked)
	a.settle(c, v.now, v.leave)
}

// forget drops words that are too old to say anything.
func (a *account) forget(now float64) {
	a.words = slices.DeleteFunc(a.words, func(u unheard) bool { return now-u.at > minute })
}
