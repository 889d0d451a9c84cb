package queue

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"passerelle/pkg/ticket"
)

// Lane is how an account fares, and what it holds. Its JSON is part of the product's public face.
type Lane struct {
	Account    string        `json:"account"`
	State      LaneState     `json:"state"`
	Held       int           `json:"held"`                  // events that wait
	Escalated  int           `json:"escalated"`             // of those, the ones that are known to be escalations
	OldestAt   time.Time     `json:"oldest_at,omitzero"`    // when the one that waits in front was received
	NextWakeAt time.Time     `json:"next_wake_at,omitzero"` // when the account is tried again
	Since      time.Time     `json:"since,omitzero"`        // of the state, when it is not open
	Until      time.Time     `json:"until,omitzero"`        // nothing is sent before, or when open nothing of what is held; zero when paused
	Reason     ticket.Reason `json:"reason,omitempty"`      // of one that is down: credentials_refused, or down for want of an answer
	Failure    string        `json:"failure,omitempty"`     // what failed last, or for what the one in front is held
	Hint       string        `json:"hint,omitempty"`        // what to do
	Why        string        `json:"why,omitempty"`         // what the operator who paused it said
	Budget     *LaneBudget   `json:"budget,omitempty"`      // when a worker process tells
}

// worse orders states.
var worse = map[LaneState]int{LaneOpen: 0, LaneUnknown: 1, LaneLimited: 2, LanePaused: 3, LaneDown: 4}

// Overview is how the accounts fare.
type Overview struct {
	Lanes       []Lane       // worst first
	Connections []LaneReport // to iAdvize, those that are in trouble
	Workers     int          // processes that answered
}

// LanesQuery says what is wanted.
type LanesQuery struct {
	Accounts []string      // known by name, as those of the configuration; may be nil
	All      bool          // those too that are open and hold nothing
	Brief    bool          // without budgets and when the alarm rings, and what waits in front for the worst lanes only
	Within   time.Duration // to wait for worker processes at most
}

// readAtOnce bounds the requests for what lanes hold in front.
const readAtOnce = 16

// Lanes looks at all accounts that are not open or hold something, and asks the worker processes what they know of them.
// Without one that answers no account is known to be open.
func (q *Queue) Lanes(ctx context.Context, query LanesQuery) (Overview, error) {
	counts, err := q.laneCounts(ctx)
	if err != nil {
		return Overview{}, err
	}
	pauses, err := q.LanePauses(ctx)
	if err != nil {
		return Overview{}, err
	}
	asked := query.Accounts
	if query.Brief {
		asked = nil
	}
	reports, workers, err := q.laneReports(ctx, asked, query.Within)
	if err != nil {
		return Overview{}, err
	}
	o := Overview{Workers: workers, Lanes: []Lane{}, Connections: []LaneReport{}}
	unheard := LaneOpen
	if workers == 0 {
		unheard = LaneUnknown
	}
	lanes := map[string]*Lane{} // by the account's token
	of := func(account string) *Lane {
		token := accountToken(account)
		if lanes[token] == nil {
			lanes[token] = &Lane{Account: account, State: unheard}
		}
		return lanes[token]
	}
	for _, account := range query.Accounts {
		of(account)
	}
	for _, report := range reports {
		if account, ours := strings.CutPrefix(report.Gate, laneGate); ours {
			of(account).learn(report)
		} else {
			o.connection(report)
		}
	}
	for _, p := range pauses {
		if p.Paused() {
			of(p.Account).pause(p)
		}
	}
	for token, count := range counts {
		if count.held > 0 {
			lane := of(token)
			lane.Held, lane.Escalated = count.held, count.escalated
		}
	}
	for _, lane := range lanes {
		if query.All || lane.Held > 0 || lane.State != LaneOpen {
			o.Lanes = append(o.Lanes, *lane)
		}
	}
	slices.SortFunc(o.Lanes, worst)
	if err := q.lookInFront(ctx, o.Lanes, workers > 0, query.Brief); err != nil {
		return Overview{}, err
	}
	slices.SortFunc(o.Lanes, worst) // some have another name now
	slices.SortFunc(o.Connections, func(a, b LaneReport) int { return cmp.Compare(a.Gate, b.Gate) })
	return o, nil
}

func worst(a, b Lane) int {
	return cmp.Or(cmp.Compare(worse[b.State], worse[a.State]), cmp.Compare(b.Held, a.Held), cmp.Compare(a.Account, b.Account))
}

// laneGate stands before an account's name in the name of its gate.
const laneGate = "zendesk/"

// LaneGate gives the name under which processes speak of an account's trouble.
func LaneGate(account string) string { return laneGate + account }

// connection takes in what a process says of a connection to iAdvize.
func (o *Overview) connection(r LaneReport) {
	at := slices.IndexFunc(o.Connections, func(known LaneReport) bool { return known.Gate == r.Gate })
	switch {
	case r.State == LaneOpen:
	case at < 0:
		o.Connections = append(o.Connections, r)
	case worse[r.State] > worse[o.Connections[at].State] || r.Until.After(o.Connections[at].Until):
		o.Connections[at] = r
	}
}

// learn takes in what a process says of the account. Of several the one that knows of more trouble is right: the others
// have not tried lately.
func (l *Lane) learn(r LaneReport) {
	if b := r.Budget; b != nil && b.smaller(l.Budget) {
		l.Budget = b
	}
	if worse[r.State] < worse[l.State] || r.State == l.State && !r.Until.After(l.Until) {
		return
	}
	l.State, l.Since, l.Until = r.State, r.Since, r.Until
	l.Reason, l.Failure, l.Hint = r.Reason, r.Failure, r.Hint
}

// smaller tells which of two processes' words counts: without Redis each has a share of its own, and may not have heard
// from the account lately.
func (b *LaneBudget) smaller(than *LaneBudget) bool {
	switch {
	case than == nil:
		return true
	case b.Remaining == nil:
		return than.Remaining == nil && b.Told && !than.Told
	default:
		return than.Remaining == nil || *b.Remaining < *than.Remaining
	}
}

// pause notes an operator's pause, which counts before all that workers say.
func (l *Lane) pause(p LanePause) {
	l.State, l.Since, l.Until, l.Why = LanePaused, p.At, time.Time{}, p.Why
	l.Hint = "passerelle lanes resume " + l.Account
}

// briefFronts is for how many lanes a brief look reads what waits in front, which takes two requests each.
const briefFronts = 100

// lookInFront reads of the lanes that hold something what waits in front, and when their alarm rings.
// For what it was held at first counts only while no worker tells how its account fares now.
func (q *Queue) lookInFront(ctx context.Context, lanes []Lane, told, brief bool) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(readAtOnce)
	read := 0
	for i := range lanes {
		lane := &lanes[i]
		if lane.Held == 0 {
			continue
		}
		if read++; brief && read > briefFronts {
			break
		}
		group.Go(func() error {
			e, found, err := q.inFront(ctx, lane.Account)
			if err != nil {
				return err
			}
			if found {
				lane.OldestAt = e.ReceivedAt
				if !told || !e.NotBefore.IsZero() { // it waits for itself
					lane.Failure = cmp.Or(lane.Failure, plain(e.HeldFor, maxGateText))
				}
				if token := accountToken(e.Account); lane.Account == token {
					lane.Account = e.Account // nobody but the event knew its name
				}
			}
			if !brief && lane.State != LanePaused { // whose alarm rings for nothing
				lane.NextWakeAt, _, err = q.alarm(ctx, lane.Account)
			}
			return err
		})
	}
	return group.Wait()
}

// inFront gives the event that waits in front of an account's others; of the two places the older one.
func (q *Queue) inFront(ctx context.Context, account string) (front ticket.Event, found bool, err error) {
	for _, space := range heldSpaces {
		msg, err := q.hold.GetMsg(ctx, 1, jetstream.WithGetMsgSubject(space+accountToken(account)+".>"))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			return front, false, fmt.Errorf("read what account %q holds: %w", account, err)
		}
		var e ticket.Event
		if json.Unmarshal(msg.Data, &e) == nil && (!found || e.ReceivedAt.Before(front.ReceivedAt)) {
			front, found = e, true
		}
	}
	return front, found, nil
}

// laneCount is what an account holds.
type laneCount struct {
	held, escalated int
	set             bool // its alarm is
	rang            bool // its alarm did, and somebody is about to see to it
}

// laneCounts counts what accounts hold, by their tokens.
func (q *Queue) laneCounts(ctx context.Context) (map[string]laneCount, error) {
	info, err := q.hold.Info(ctx, jetstream.WithSubjectFilter(">"))
	if err != nil {
		return nil, fmt.Errorf("read what is held: %w", err)
	}
	counts := map[string]laneCount{}
	for subject := range info.State.Subjects {
		space, rest, _ := strings.Cut(subject, ".")
		token, _, _ := strings.Cut(rest, ".")
		c := counts[token]
		switch space + "." {
		case heldSpace:
			c.held++
		case firstSpace:
			c.held++
			c.escalated++
		case wakeSpace:
			c.set = true
		case runSpace:
			c.rang = true
		}
		counts[token] = c
	}
	return counts, nil
}

// Holding gives the accounts that hold events, and how many.
func (q *Queue) Holding(ctx context.Context) (map[string]int, error) {
	counts, err := q.laneCounts(ctx)
	if err != nil {
		return nil, err
	}
	accounts := map[string]int{}
	for token, c := range counts {
		if c.held > 0 {
			accounts[token] = c.held
		}
	}
	return accounts, nil
}
