package limit

import (
	"context"
	"crypto/rand"
	"net/http"
	"sync"
	"time"

	"passerelle/pkg/cache"
)

// Budgets are the budgets of all accounts, as this process sees them. It is safe for concurrent use. It has nothing to
// close: what it does ends with the last call that waits.
type Budgets struct {
	redis   *cache.Redis // nil: this process alone
	shared  shared
	quota   func(account string) (Quota, bool)
	workers func() int
	now     func() time.Time
	start   time.Time

	mu       sync.Mutex
	accounts map[string]*account // guarded by mu
}

// Option changes a setting of [New].
type Option func(*Budgets)

// Workers tells how many processes make calls to the accounts, this one included. It counts while Redis cannot tell
// what they have under way together. Without it there is one. The function must be fast and safe for concurrent use.
func Workers(alive func() int) Option { return func(b *Budgets) { b.workers = alive } }

// Clock replaces [time.Now]. The function must be safe for concurrent use. Waiting goes by the real clock.
func Clock(now func() time.Time) Option { return func(b *Budgets) { b.now = now } }

// New makes the budgets of a process. redis may be nil. quota gives what the configuration says of an account, and false
// for one that it does not know, which then has the smallest plan's 200 calls a minute with a reserve of 20 %, until the
// account itself says otherwise. It is asked at each call, so a change holds at once; it must be fast and safe for
// concurrent use.
func New(redis *cache.Redis, quota func(account string) (Quota, bool), opts ...Option) *Budgets {
	b := &Budgets{
		redis: redis, shared: shared{redis: redis, process: rand.Text()[:12]},
		quota: quota, workers: func() int { return 1 }, now: time.Now,
		accounts: map[string]*account{},
	}
	for _, opt := range opts {
		opt(b)
	}
	b.start = b.now()
	return b
}

// Of gives a share of the account's budget for calls of that rank, each of which waits for leave for up to patience.
// Shares hold nothing: make as many as needed. A Share is safe for concurrent use.
func (b *Budgets) Of(account string, rank Rank, patience time.Duration) *Share {
	return &Share{account: b.account(account), rank: min(max(rank, Backlog), Urgent), patience: patience}
}

func (b *Budgets) account(name string) *account {
	b.mu.Lock()
	defer b.mu.Unlock()
	a := b.accounts[name]
	if a == nil {
		a = &account{name: name, budgets: b}
		b.accounts[name] = a
	}
	return a
}

func (b *Budgets) quotaOf(account string) Quota {
	q, ok := b.quota(account)
	if !ok {
		q = careful
	}
	return q.within()
}

// begin is where the clock of this process's tallies begins, far from 0, which says nothing.
const begin = 1_000_000_000

// ms is the time of this process's tallies: whole milliseconds, as Redis's.
func (b *Budgets) ms() float64 { return float64(b.now().Sub(b.start).Milliseconds() + begin) }

// Share is where calls of one rank to one account get leave.
type Share struct {
	account  *account
	rank     Rank
	patience time.Duration
}

// Take asks for one call to an endpoint of the account. The endpoint is any name for those that share their limits, such
// as "POST tickets"; there should be a few dozen.
//
// It waits until leave is given, ctx ends, or it is known that none comes within the patience; then ok is false, no call
// may be made, and asking again has sense after wait. Those who wait in this process get leave by rank, then in the order
// in which they came.
//
// answered must be called once after the call, with the answer's status and headers, or with 0 and nil if none came.
// Further calls of it do nothing.
func (s *Share) Take(ctx context.Context, endpoint string) (answered func(status int, header http.Header), wait time.Duration, ok bool) {
	return s.account.take(ctx, s.rank, endpoint, s.patience)
}

// LeftAlone says for people why there is no call before BlockedUntil.
const LeftAlone = "the account has asked to be left alone for now: the limit that all who call it share was reached, or it had trouble"

// State is what is known of an account's budget, for people.
type State struct {
	Configured   Quota
	Limit        int       // calls a minute: by the account's own word, or else as configured
	Learned      bool      // the limit is the account's word
	Reserve      int       // of the limit, in calls
	Remaining    int       // calls left in this window, as last heard; -1: not heard in this window
	Used         int       // by all our processes in this window; without Redis by this one
	UnderWay     int       // calls without an answer yet, counted alike
	WindowEnd    time.Time // by when the window ends; zero: not known
	BlockedUntil time.Time // no calls before, because the account said so; zero: it did not
	AtReserve    bool      // little more than the reserve is left: for what is most urgent, if anything
	Shared       bool      // it is the word of Redis, and so of all processes
}

// State tells how an account's budget stands. It asks Redis, for 50 ms at most.
func (b *Budgets) State(account string) State {
	quota := b.quotaOf(account)
	if b.redis != nil {
		reader := b.shared
		reader.process = ""
		v, err := reader.exchange(context.Background(), account, message{ask: ask{quota: quota}})
		if err == nil {
			return b.state(quota, v.tally.shift(b.ms()-v.now), v.underWay, true)
		}
	}
	return b.Here(account)
}

// Here is State as this process knows it, which asks nobody. Of an account that it has not called lately it knows what
// is configured.
func (b *Budgets) Here(account string) State {
	quota := b.quotaOf(account)
	b.mu.Lock()
	a := b.accounts[account]
	b.mu.Unlock()
	if a == nil {
		return b.state(quota, tally{}, 0, false)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.local.turn(b.ms())
	return b.state(quota, a.local, float64(a.underWay), false)
}

func (b *Budgets) state(quota Quota, t tally, underWay float64, everybody bool) State {
	s := t.share(quota, 1)
	state := State{
		Configured: quota,
		Limit:      int(s.limit), Learned: t.limit > 0, Reserve: int(quota.reserve(s.limit)),
		Remaining: unsaid, Used: int(t.used), UnderWay: int(underWay), Shared: everybody,
	}
	if t.heard {
		state.Remaining = int(t.left)
		state.AtReserve = t.left >= 1 && s.reserve > 0 && t.left-underWay-s.reserve <= s.ours/10
	}
	now := b.ms()
	if t.hi > 0 {
		state.WindowEnd = b.clock(t.hi)
	}
	if t.blocked > now {
		state.BlockedUntil = b.clock(t.blocked)
	}
	return state
}

func (b *Budgets) clock(ms float64) time.Time {
	return b.start.Add(time.Duration(ms-begin) * time.Millisecond)
}
