package queue

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"passerelle/pkg/ticket"
)

// lanesSubject is where worker processes are asked how their accounts fare. It is a plain request: nothing is stored, and
// only who runs answers.
const lanesSubject = "standing.lanes"

// Bounds of what is asked and taken.
const (
	reportsAtOnce  = 400 // in one message
	maxReports     = 200_000
	maxLaneAnswer  = 1 << 20 // bytes
	maxAskedLanes  = 50_000
	reportsQuiet   = 250 * time.Millisecond // nobody else answers after such a pause
	maxBudgetCalls = 1_000_000
)

// LaneBudget is what an account allows in calls a minute, as a worker process knows it.
type LaneBudget struct {
	Limit        int       `json:"limit"`               // of the account
	Remaining    *int      `json:"remaining,omitempty"` // of the current minute; nil: the account has not told
	Reserve      int       `json:"reserve"`             // left to the account's people and other integrations
	BlockedUntil time.Time `json:"blocked_until,omitzero"`
	Told         bool      `json:"limit_told,omitempty"` // the limit is the account's own word; else it is the configuration's
}

// String says for people how many calls are left.
func (b *LaneBudget) String() string {
	switch {
	case b.Remaining != nil:
		return fmt.Sprintf("%d, of %d; %d not for us", *b.Remaining, b.Limit, b.Reserve)
	case b.Told:
		return fmt.Sprintf("not told in this minute, of %d; %d not for us", b.Limit, b.Reserve)
	default:
		return fmt.Sprintf("not told by the account; limit %d from the configuration; %d not for us", b.Limit, b.Reserve)
	}
}

// LaneReport is what a worker process knows of an account, or of a connection to iAdvize.
type LaneReport struct {
	Gate    string        `json:"gate"` // as "zendesk/acme" or "iadvize/main"
	State   LaneState     `json:"state"`
	Since   time.Time     `json:"since,omitzero"`
	Until   time.Time     `json:"until,omitzero"` // nothing is tried before
	Reason  ticket.Reason `json:"reason,omitempty"`
	Failure string        `json:"failure,omitempty"`
	Hint    string        `json:"hint,omitempty"`
	Budget  *LaneBudget   `json:"budget,omitempty"`
}

type lanesQuestion struct {
	Accounts []string `json:"accounts"`
}

type lanesAnswer struct {
	ID      string       `json:"id"`
	Reports []LaneReport `json:"reports"`
	More    bool         `json:"more,omitempty"` // another part follows
}

// AnswerLanes answers who asks how the accounts fare, until the returned function is called. report gives the gates
// that are not open, and the budgets of the accounts that are named to it; it must not block for long. id is of this
// start of the process.
func (q *Queue) AnswerLanes(id string, report func(accounts []string) []LaneReport) (stop func(), err error) {
	sub, err := q.nc.Subscribe(lanesSubject, func(m *nats.Msg) {
		var question lanesQuestion
		if len(m.Data) > 0 && json.Unmarshal(m.Data, &question) != nil {
			return
		}
		reports := report(question.Accounts[:min(len(question.Accounts), maxAskedLanes)])
		for {
			n := min(len(reports), reportsAtOnce)
			if respondJSON(m, lanesAnswer{ID: id, Reports: reports[:n], More: n < len(reports)}) != nil {
				return // who gets none will ask again
			}
			if reports = reports[n:]; len(reports) == 0 {
				return
			}
		}
	})
	if err != nil {
		return nil, fmt.Errorf("listen for who asks for the accounts: %w", err)
	}
	return func() { _ = sub.Unsubscribe() }, nil
}

// laneReports asks every worker process. It gives what they know, and how many answered within that time.
func (q *Queue) laneReports(ctx context.Context, accounts []string, within time.Duration) (all []LaneReport, workers int, err error) {
	body, err := json.Marshal(lanesQuestion{accounts[:min(len(accounts), maxAskedLanes)]})
	if err != nil {
		return nil, 0, fmt.Errorf("ask the worker processes: %w", err)
	}
	sub, err := q.askAll(lanesSubject, body)
	if err != nil {
		return nil, 0, fmt.Errorf("ask the worker processes: %w", err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	end := time.Now().Add(within)
	wait := within // for the first one
	unfinished, done := map[string]bool{}, map[string]bool{}
	for ctx.Err() == nil && len(all) < maxReports && len(done) < maxStandings {
		m, err := sub.NextMsg(min(wait, time.Until(end)))
		if err != nil || m.Header.Get("Status") != "" { // the time is over, or nobody runs
			break
		}
		a, ok := readLanesAnswer(m.Data)
		if !ok {
			continue
		}
		all = append(all, a.Reports...)
		if delete(unfinished, a.ID); a.More {
			unfinished[a.ID] = true
		} else {
			done[a.ID] = true
		}
		if wait = within; len(unfinished) == 0 {
			wait = reportsQuiet
		}
	}
	return all, len(done) + len(unfinished), ctx.Err()
}

func readLanesAnswer(data []byte) (lanesAnswer, bool) {
	var a lanesAnswer
	if len(data) > maxLaneAnswer || json.Unmarshal(data, &a) != nil || a.ID == "" || len(a.Reports) > reportsAtOnce {
		return a, false
	}
	for i := range a.Reports {
		r := &a.Reports[i]
		r.Gate, r.Failure, r.Hint = plain(r.Gate, maxGateName), plain(r.Failure, maxGateText), plain(r.Hint, maxGateText)
		r.Reason = ticket.Reason(plain(string(r.Reason), maxGateName))
		if r.State != LaneLimited && r.State != LaneDown {
			r.State = LaneOpen
		}
		if r.State != LaneDown {
			r.Reason = "" // nothing is wrong with it
		}
		if b := r.Budget; b != nil {
			for _, n := range []*int{&b.Limit, b.Remaining, &b.Reserve} {
				if n == nil {
					continue
				}
				*n = min(max(*n, 0), maxBudgetCalls)
			}
		}
	}
	return a, true
}
