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
		if !a.alone {
			a.alone, a.local.copied = true, b.ms()
		}
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
	a.known = m.underWay + v.given[Backlog] + v.given[Live] + v.given[Urgent]
	if a.block == block {
		a.block = 0
	}
	blocked := a.local.blocked
	a.local = v.tally.shift(b.ms() - v.now)
	a.alone = false
	l := v.leave
	if now := b.ms(); blocked > now && blocked > a.local.blocked+slack {
		// Redis has forgotten, as one that came back empty, that the account asked to be left alone.
		a.giveBack(int(l.given[Backlog]+l.given[Live]+l.given[Urgent]), v.now)
		l = leave{bound: unsaid, wait: same(blocked - now), first: same(blocked - now)}
		a.news = a.news || block == 0 // else it has just been told
		a.block = max(a.block, blocked)
	}
	a.local.blocked = max(a.local.blocked, blocked)
	a.settle(c, v.now, l)
}

// mayWait tells whether the word of a call may wait until this process asks for leave again: where calls are few and much
// is left, to tell it at once would double what is asked of Redis. Until then the others take the call for one that is
// still under way, for 45 seconds at most, which is safe, and dear only where there are many processes for a small limit.
// That somebody else has taken calls is told at once.
func (a *account) mayWait(w word) bool {
	s := a.local.share(a.budgets.quotaOf(a.name), 1)
	if a.local.heard && w.left < a.local.left-1-s.ours/50 {
		return false
	}
	return a.budgets.redis != nil && a.underWay == 0 && a.known <= 1 && a.unused == 0 && a.block == 0 && !a.anyoneWaits() &&
		w.left-s.floor >= s.ours/2 && a.workers() <= s.ours/50
}

// forget drops words that are too old to say anything.
func (a *account) forget(now float64) {
	a.words = slices.DeleteFunc(a.words, func(u unheard) bool { return now-u.at > minute })
}
