package limit

import "math"

// Rank says who gets the last calls of a window. A higher rank goes first.
type Rank int

// The ranks.
const (
	Backlog Rank = iota // what has waited anyway: spread over the window
	Live                // a conversation that has just ended
	Urgent              // an escalation: somebody waits for it
)

const ranks = 3

// Quota is what the configuration says of an account.
type Quota struct {
	PerMinute      int // calls a minute, of everybody; the account's own headers go before it
	ReservePercent int // of the limit, left untouched; 0 to 99
}

// careful is the quota of an account that the configuration does not know: the smallest plan's.
var careful = Quota{PerMinute: 200, ReservePercent: 20}

// within puts values that make no sense right.
func (q Quota) within() Quota {
	if q.PerMinute <= 0 {
		q.PerMinute = careful.PerMinute
	}
	q.PerMinute = min(q.PerMinute, maxLimit)
	q.ReservePercent = min(max(q.ReservePercent, 0), 99)
	return q
}

// reserve gives how many of limit calls are left untouched. One call is always ours.
func (q Quota) reserve(limit float64) float64 {
	return min(math.Ceil(limit*float64(q.ReservePercent)/100), limit-1)
}
