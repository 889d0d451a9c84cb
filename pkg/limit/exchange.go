package limit

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"passerelle/pkg/cache"
)

//go:embed exchange.lua
var exchangeSource string

var exchangeScript = redis.NewScript(exchangeSource)

// shared is the tally of an account that all processes keep together in Redis.
type shared struct {
	redis   *cache.Redis
	process string         // a name of this process; empty: changes nothing
	now     func() float64 // nil: the server's time
}

// message is what a process tells and asks at once.
type message struct {
	ask    // workers does not count here
	unused int
	block  time.Duration
	words  []word
}

// view is what Redis answers, on its clock.
type view struct {
	leave
	now      float64
	underWay float64
	tally    tally
}

const maxWords = 128 // in one message; the others wait for the next

func (s shared) key(account string) string { return "limit:{" + account + "}" }

// exchange tells what was heard and asks for leave, in one round trip of 50 ms at most.
func (s shared) exchange(ctx context.Context, account string, m message) (view, error) {
	var now float64
	if s.now != nil {
		now = s.now()
	}
	args := make([]any, 0, 10+6*len(m.words))
	args = append(args, int64(now), s.process, int64(m.underWay), m.unused,
		int64(m.want[Backlog]), int64(m.want[Live]), int64(m.want[Urgent]), m.quota.PerMinute, m.quota.ReservePercent, m.block.Milliseconds())
	for _, w := range m.words {
		args = append(args, int64(w.granted), int64(w.age), int64(w.limit), int64(w.left), int64(w.reset), int64(w.bound))
	}
	var reply []int64
	err := s.redis.Do(ctx, func(ctx context.Context, client redis.UniversalClient) (err error) {
		reply, err = exchangeScript.Run(ctx, client, []string{s.key(account)}, args...).Int64Slice()
		return err
	})
	if err != nil {
		return view{}, fmt.Errorf("ask Redis for the budget of account %s: %w", account, err)
	}
	return readView(reply)
}

// readView reads a reply in the order in which the script writes it.
func readView(reply []int64) (view, error) {
	const length = 29
	if len(reply) != length {
		return view{}, errors.New("the script that keeps the budget in Redis gave an answer of another length: another version of it?")
	}
	n := make([]float64, length)
	for i, v := range reply {
		n[i] = float64(v)
	}
	return view{
		now: n[0], underWay: n[2],
		leave: leave{bound: n[1], given: [ranks]float64{n[3], n[4], n[5]}, wait: [ranks]float64{n[6], n[7], n[8]}, first: [ranks]float64{n[9], n[10], n[11]}},
		tally: tally{
			limit: n[12], left: n[13], heard: n[14] == 1, at: n[15], lo: n[16], hi: n[17], used: n[18], above: n[19], surprise: n[20],
			before: n[21], leaps: n[22] == 1, roundsUp: n[23] == 1, slides: n[24] == 1,
			mute: n[25], tat: n[26], blocked: n[27], last: n[28],
		},
	}, nil
}

// shift gives the tally on another clock, which is ahead by d.
func (t *tally) shift(d float64) tally {
	s := *t
	s.at, s.tat, s.blocked, s.last = t.at+d, t.tat+d, t.blocked+d, t.last+d
	if t.hi != 0 {
		s.lo, s.hi = t.lo+d, t.hi+d
	}
	return s
}
