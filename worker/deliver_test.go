package worker

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"passerelle/pkg/limit"
	"passerelle/pkg/queue"
	"passerelle/pkg/ticket"
)

func TestDeliverMakesOneTicket(t *testing.T) {
	world, q := newTown(), openQueue(t)
	d := deliverer(world, q, Settings{})
	e := closed("c1")
	e.Account = ""
	for range 3 {
		o := d.Deliver(t.Context(), &e)
		if o.Result != ticket.ResultCreated || o.Purpose != ticket.PurposeArchive || o.Ticket.ID == 0 || o.Ticket.URL == "" {
			t.Fatalf("outcome = %+v", o)
		}
	}
	if e.Site != "acme-fr" || e.Account != "acme" {
		t.Errorf("event = %+v", e)
	}
	if !slices.Equal(world.calls, []string{"create"}) {
		t.Errorf("calls = %v, want one", world.calls)
	}
	if m := world.tickets["iadvize:c1"]; m.draft.AssigneeID != 100 || m.draft.Status != ticket.StatusSolved {
		t.Errorf("draft = %+v", m.draft)
	}
	entry, _, err := q.Look(t.Context(), "c1")
	if err != nil || entry.State != queue.StateCreated || entry.Site != "acme-fr" || entry.IntendedAt.IsZero() {
		t.Errorf("entry = %+v, %v", entry, err)
	}
}

// lookedAt counts how often the ledger is asked.
type lookedAt struct {
	Ledger
	times int
}

func (l *lookedAt) Look(ctx context.Context, job ticket.Job) (queue.Entry, bool, error) {
	l.times++
	return l.Ledger.Look(ctx, job)
}

// What repeats a conversation that is dealt with changes nothing, though the ledger is asked only when it has to be.
func TestARepeatChangesNothing(t *testing.T) {
	required := func(w *town) {
		w.form.Fields = append(w.form.Fields, ticket.Field{ID: 20, Type: ticket.FieldText, Title: "Order", Active: true, Required: true})
	}
	created := queue.Entry{State: queue.StateCreated, Purpose: ticket.PurposeArchive, Ref: ticket.Ref{ID: 7, URL: "https://acme.example/7"}}
	for _, tc := range []struct {
		name   string
		before queue.Entry
		change func(*town)
		result ticket.Result
		looks  int
		calls  []string
	}{
		{"of none", queue.Entry{}, nil, ticket.ResultCreated, 0, []string{"create"}},
		{"of a ticket", created, nil, ticket.ResultCreated, 1, nil},
		{"of a ticket whose form has changed", created, required, ticket.ResultCreated, 1, nil},
		{"of one that was not wanted", queue.Entry{State: queue.StateSkipped}, nil, ticket.ResultSkipped, 1, nil},
		{"of one that is still not wanted", queue.Entry{State: queue.StateSkipped}, func(w *town) { w.site.Tickets.Archive = false }, ticket.ResultSkipped, 1, nil},
		{"of an erased one", queue.Entry{State: queue.StateSkipped, ErasedAt: time.Now()}, nil, ticket.ResultSkipped, 1, nil},
		{"of an erased one whose form has changed", queue.Entry{State: queue.StateSkipped, ErasedAt: time.Now()}, required, ticket.ResultSkipped, 1, nil},
		{"of one that is in hand", queue.Entry{State: queue.StateIntended, IntendedAt: time.Now()}, nil, ticket.ResultRetry, 1, nil},
		{"of one that is in hand, whose form has changed", queue.Entry{State: queue.StateIntended, IntendedAt: time.Now()}, required, ticket.ResultRetry, 1, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			world, q := newTown(), openQueue(t)
			e := closed("c1")
			if tc.before.State != "" {
				if _, err := q.Write(t.Context(), e.Job(), queue.Entry{}, tc.before); err != nil {
					t.Fatal(err)
				}
			}
			if tc.change != nil {
				tc.change(world)
			}
			d := deliverer(world, q, Settings{})
			asked := &lookedAt{Ledger: d.Ledger}
			d.Ledger = asked
			o := d.Deliver(t.Context(), &e)
			if o.Result != tc.result || (o.Failure != nil) != (tc.result == ticket.ResultRetry) || asked.times != tc.looks || !slices.Equal(world.calls, tc.calls) {
				t.Errorf("outcome %+v, %d looks, calls %v", o, asked.times, world.calls)
			}
			entry, _, err := q.Look(t.Context(), e.Job())
			if err != nil || tc.before.State != "" && entry.State != tc.before.State || entry.ErasedAt.IsZero() != tc.before.ErasedAt.IsZero() || tc.before.ID != 0 && entry.ID != tc.before.ID {
				t.Errorf("entry = %+v, %v", entry, err)
			}
		})
	}
}

func TestDeliverOutcomes(t *testing.T) {
	account := &ticket.Failure{Trouble: ticket.TroubleAccount, Gate: "zendesk/acme", Reason: ticket.ReasonCredentialsRefused, Hint: "h", Detail: ticket.Detail{Message: "refused"}}
	missing := ticket.Failure{Trouble: ticket.TroubleHiccup, Reason: ticket.ReasonConversationNotFound, Detail: ticket.Detail{Message: "not there"}}
	reads := func(err error) func(*town, *ticket.Event) {
		return func(w *town, _ *ticket.Event) {
			w.read = func(string) (ticket.Conversation, error) { return ticket.Conversation{}, err }
		}
	}
	reading := func(change func(*ticket.Conversation)) func(*town, *ticket.Event) {
		return func(w *town, _ *ticket.Event) {
			w.read = func(id string) (ticket.Conversation, error) { c := conversation(id); change(&c); return c, nil }
		}
	}
	aged := func(by time.Duration, then func(*town, *ticket.Event)) func(*town, *ticket.Event) {
		return func(w *town, e *ticket.Event) { e.ReceivedAt = time.Now().Add(-by); then(w, e) }
	}
	for _, tc := range []struct {
		name   string
		change func(*town, *ticket.Event)
		result ticket.Result
		reason ticket.Reason
		calls  []string
	}{
		{"site unknown", func(w *town, _ *ticket.Event) { w.known = false }, ticket.ResultDead, ticket.ReasonSiteUnknown, nil},
		{"not readable yet", reads(&missing), ticket.ResultRetry, ticket.ReasonConversationNotFound, nil},
		{"never readable", aged(time.Hour, reads(&missing)), ticket.ResultDead, ticket.ReasonConversationNotFound, nil},
		{"iAdvize down", reads(account), ticket.ResultHeld, ticket.ReasonCredentialsRefused, nil},
		{"iAdvize down for days", aged(100*time.Hour, reads(account)), ticket.ResultDead, ticket.ReasonCredentialsRefused, nil},
		{"a hiccup for days", aged(100*time.Hour, reads(&ticket.Failure{Trouble: ticket.TroubleHiccup})), ticket.ResultDead, ticket.ReasonExpired, nil},
		{"not said to be closed", reading(func(c *ticket.Conversation) { c.ClosedAt = time.Time{} }), ticket.ResultRetry, ticket.ReasonNotCompleteYet, nil},
		{"never said to be closed", aged(time.Hour, reading(func(c *ticket.Conversation) { c.ClosedAt = time.Time{} })), ticket.ResultCreated, "", []string{"find", "create"}},
		{"closing form lags", reading(func(c *ticket.Conversation) { c.ClosingForm.Known = false }), ticket.ResultRetry, ticket.ReasonNotCompleteYet, nil},
		{"no closing form at all", aged(time.Minute, reading(func(c *ticket.Conversation) { c.ClosingForm.Known = false })), ticket.ResultCreated, "", []string{"find", "create"}},
		{"a bot has no closing form", reading(func(c *ticket.Conversation) { c.ClosingForm.Known = false; c.Handlers = nil }), ticket.ResultCreated, "", []string{"create"}},
		{"site wants none", func(w *town, _ *ticket.Event) { w.site.Tickets.Archive = false }, ticket.ResultSkipped, "", nil},
		{"required field", func(w *town, _ *ticket.Event) {
			w.form.Fields = append(w.form.Fields, ticket.Field{ID: 20, Type: ticket.FieldText, Title: "Order", Active: true, Required: true})
		}, ticket.ResultDead, ticket.ReasonRequiredFieldMissing, nil},
		{"form out of reach", func(w *town, _ *ticket.Event) { w.formErr = account }, ticket.ResultHeld, ticket.ReasonCredentialsRefused, nil},
		{"agents out of reach", func(w *town, _ *ticket.Event) { w.agentErr = account }, ticket.ResultHeld, ticket.ReasonCredentialsRefused, nil},
		{"nobody to assign", func(w *town, _ *ticket.Event) { w.agents = nil }, ticket.ResultDead, ticket.ReasonRequiredFieldMissing, nil},
		{"fallback out of reach", func(w *town, _ *ticket.Event) { w.site.Tickets.AssignToAgent = false; w.agentErr = account }, ticket.ResultHeld, ticket.ReasonCredentialsRefused, nil},
		{"no client", func(w *town, _ *ticket.Event) { w.clients = false }, ticket.ResultHeld, ticket.ReasonSiteUnknown, nil},
		{"refused", func(w *town, _ *ticket.Event) {
			w.fail = func(string) error {
				return &ticket.Failure{Trouble: ticket.TroubleJob, Reason: ticket.ReasonRequesterSuspended}
			}
		}, ticket.ResultDead, ticket.ReasonRequesterSuspended, []string{"create"}},
		{"account limited", func(w *town, _ *ticket.Event) { w.fail = func(string) error { return account } }, ticket.ResultHeld, ticket.ReasonCredentialsRefused, []string{"create"}},
		{"replayed", func(_ *town, e *ticket.Event) { e.Replays = 1 }, ticket.ResultCreated, "", []string{"find", "create"}},
		{"closed long ago", reading(func(c *ticket.Conversation) { c.ClosedAt = time.Now().Add(-3 * time.Hour) }), ticket.ResultCreated, "", []string{"find", "create"}},
		{"no answer in it", func(_ *town, e *ticket.Event) { e.Kind = ticket.KindSatisfaction }, ticket.ResultDead, ticket.ReasonMalformed, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			world, q := newTown(), openQueue(t)
			e := closed("c1")
			tc.change(world, &e)
			preview := deliverer(world, q, Settings{}).Preview(t.Context(), e)
			if len(world.calls) != 0 {
				t.Fatalf("the preview made calls: %v", world.calls)
			}
			if _, found, err := q.Look(t.Context(), e.Job()); found || err != nil {
				t.Fatalf("the preview wrote into the ledger (%v)", err)
			}
			o := deliverer(world, q, Settings{}).Deliver(t.Context(), &e)
			if o.Result != tc.result || o.Failure != nil && o.Failure.Reason != tc.reason || !slices.Equal(world.calls, tc.calls) {
				t.Errorf("outcome = %+v (%+v), calls %v", o, o.Failure, world.calls)
			}
			if len(tc.calls) == 0 && world.clients && preview.Result != tc.result {
				t.Errorf("preview = %v, then %v", preview.Result, o.Result)
			}
			if o.Failure != nil && o.Result != ticket.ResultDead && o.After <= 0 {
				t.Errorf("tried again at once: %+v", o)
			}
		})
	}
}

// TestACutAtAnyStepLeadsToOneTicket loses the answer of each call in turn, before and after it took effect.
func TestACutAtAnyStepLeadsToOneTicket(t *testing.T) {
	lost := func(call string) error {
		trouble := ticket.TroubleHiccup
		if call == "create" {
			trouble = ticket.TroubleUncertain
		}
		return &ticket.Failure{Trouble: trouble, Detail: ticket.Detail{Message: "lost"}}
	}
	for _, call := range []string{"create", "comment", "find", "count"} {
		for _, after := range []bool{false, true} {
			t.Run(call, func(t *testing.T) {
				world, q := newTown(), openQueue(t)
				world.read = func(id string) (ticket.Conversation, error) {
					c := conversation(id)
					c.ClosingForm = ticket.ClosingForm{Known: true, Escalate: true, PrivateNote: "note"}
					return c, nil
				}
				d := deliverer(world, q, Settings{})
				once := true
				cut := func(name string) error {
					if name == call && once {
						once = false
						return lost(name)
					}
					return nil
				}
				if after {
					world.lose = cut
				} else {
					world.fail = cut
				}
				var o ticket.Outcome
				for i := range 5 {
					e := closed("c1")
					e.Attempts = i + 1
					if o = d.Deliver(t.Context(), &e); o.Result == ticket.ResultCreated {
						break
					}
				}
				if o.Result != ticket.ResultCreated || len(world.tickets) != 1 || world.tickets["iadvize:c1"].comments != 2 {
					t.Errorf("outcome = %+v, tickets %+v, calls %v", o, world.tickets["iadvize:c1"], world.calls)
				}
			})
		}
	}
}

func TestOfTwoWorkersOneMakesTheTicket(t *testing.T) {
	world, q := newTown(), openQueue(t)
	d := deliverer(world, q, Settings{})
	inside, goOn := make(chan struct{}), make(chan struct{})
	first := true
	world.read = func(id string) (ticket.Conversation, error) {
		world.mu.Lock()
		mine := first
		first = false
		world.mu.Unlock()
		if mine {
			close(inside)
			<-goOn
		}
		return conversation(id), nil
	}
	slow := make(chan ticket.Outcome)
	go func() { e := closed("c1"); slow <- d.Deliver(t.Context(), &e) }()
	<-inside
	e := closed("c1")
	if o := d.Deliver(t.Context(), &e); o.Result != ticket.ResultCreated {
		t.Errorf("outcome = %+v", o)
	}
	close(goOn)
	if o := <-slow; o.Result != ticket.ResultCreated || o.Why == "" {
		t.Errorf("the slow one: %+v", o)
	}
	if len(world.tickets) != 1 || !slices.Equal(world.calls, []string{"create"}) {
		t.Errorf("%d tickets", len(world.tickets))
	}
}

func TestAWorkerThatWasStoppedDoesNotGoOnWhereItWas(t *testing.T) {
	world, q := newTown(), openQueue(t)
	d := deliverer(world, q, Settings{})
	now := time.Now()
	d.now = func() time.Time { return now }
	world.fail = func(call string) error { // the process stops while it looks the ticket up, after the intent was written
		if call == "find" {
			now = now.Add(2 * freshIntent)
		}
		return nil
	}
	e := closed("c1")
	e.Replays = 1
	if o := d.Deliver(t.Context(), &e); o.Result != ticket.ResultRetry || len(world.tickets) != 0 {
		t.Errorf("outcome = %+v, %d tickets", o, len(world.tickets))
	}
	world.fail = nil
	if o := d.Deliver(t.Context(), &e); o.Result != ticket.ResultCreated || len(world.tickets) != 1 {
		t.Errorf("outcome = %+v, %d tickets", o, len(world.tickets))
	}
}

func answered(id string, score int, at time.Time) ticket.Event {
	e := closed("c1")
	e.ID, e.Kind, e.OccurredAt, e.Satisfaction = id, ticket.KindSatisfaction, at, &ticket.Satisfaction{Score: &score}
	return e
}

func TestTheLatestAnswerCounts(t *testing.T) {
	world, q := newTown(), openQueue(t)
	d := deliverer(world, q, Settings{})
	at := time.Now()
	early := answered("a", 3, at)
	if o := d.Deliver(t.Context(), &early); o.Result != ticket.ResultRetry {
		t.Fatalf("before the ticket: %+v", o)
	}
	e := closed("c1")
	d.Deliver(t.Context(), &e)
	late := answered("b", 5, at.Add(time.Minute))
	if o := d.Preview(t.Context(), late); o.Result != ticket.ResultUpdated || slices.Contains(world.calls, "fields") {
		t.Errorf("preview = %+v", o)
	}
	for _, step := range []struct {
		e    ticket.Event
		want ticket.Result
	}{{late, ticket.ResultUpdated}, {early, ticket.ResultSkipped}, {late, ticket.ResultSkipped}} {
		if o := d.Deliver(t.Context(), &step.e); o.Result != step.want {
			t.Errorf("outcome = %+v, want %v", o, step.want)
		}
	}
	if got := world.tickets["iadvize:c1"].fields[12]; got != "5" {
		t.Errorf("score = %v, want the latest", got)
	}
	comment := answered("c", 0, at)
	comment.Satisfaction = &ticket.Satisfaction{Comment: "merci"}
	if o := d.Deliver(t.Context(), &comment); o.Result != ticket.ResultUpdated {
		t.Errorf("an answer of another kind: %+v", o)
	}
	closedTicket := answered("d", 1, at.Add(time.Hour))
	world.fail = func(string) error {
		return &ticket.Failure{Trouble: ticket.TroubleJob, Reason: ticket.ReasonTicketClosed}
	}
	if o := d.Deliver(t.Context(), &closedTicket); o.Result != ticket.ResultDead || o.Failure.Reason != ticket.ReasonTicketClosed {
		t.Errorf("closed ticket: %+v", o)
	}
	world.clients = false
	if o := d.Deliver(t.Context(), &closedTicket); o.Result != ticket.ResultHeld {
		t.Errorf("no client: %+v", o)
	}
	world.site.Tickets.Fields = ticket.FieldIDs{}
	if o := d.Deliver(t.Context(), &closedTicket); o.Result != ticket.ResultSkipped {
		t.Errorf("no field: %+v", o)
	}
}

func TestAnswersWithoutATicket(t *testing.T) {
	world, q := newTown(), openQueue(t)
	world.site.Tickets.Archive = false
	d := deliverer(world, q, Settings{})
	e := closed("c1")
	d.Deliver(t.Context(), &e)
	if o := d.Deliver(t.Context(), &e); o.Result != ticket.ResultSkipped {
		t.Errorf("skipped twice: %+v", o)
	}
	a := answered("a", 3, time.Now())
	if o := d.Deliver(t.Context(), &a); o.Result != ticket.ResultSkipped {
		t.Errorf("outcome = %+v", o)
	}
	release, ok, err := q.LeaseToken(t.Context(), "answer/c1", time.Minute)
	if !ok || err != nil {
		t.Fatal(ok, err)
	}
	defer release()
	if o := d.Deliver(t.Context(), &a); o.Result != ticket.ResultRetry {
		t.Errorf("another worker has the ticket: %+v", o)
	}
}

func TestALedgerOutOfReachMeansLater(t *testing.T) {
	world, q := newTown(), openQueue(t)
	d := deliverer(world, q, Settings{})
	q.Close()
	e, a := closed("c1"), answered("a", 1, time.Now())
	for _, e := range []*ticket.Event{&e, &a} {
		if o := d.Deliver(t.Context(), e); o.Result != ticket.ResultRetry || len(world.calls) != 0 {
			t.Errorf("outcome = %+v, calls %v", o, world.calls)
		}
	}
}

// A second event of a conversation that is a dead letter changes nothing, though the cause was mended: a replay makes the
// ticket, and of what was discarded none is made.
func TestARepeatOfADeadOneIsLeftToItsReplay(t *testing.T) {
	for name, c := range map[string]struct {
		attempts int
		why      errand
	}{
		"at its first try":  {1, errand{rank: limit.Live}},
		"at its second try": {2, errand{rank: limit.Live}},
		"after it was held": {2, errand{rank: limit.Backlog, held: true}},
	} {
		t.Run(name, func(t *testing.T) { repeatADeadOne(t, c.attempts, c.why) })
	}
}

func repeatADeadOne(t *testing.T, attempts int, why errand) {
	world, q := newTown(), openQueue(t)
	form := world.form.Fields
	world.form.Fields = slices.Concat(form, []ticket.Field{{ID: 20, Type: ticket.FieldText, Title: "Order", Active: true, Required: true}})
	w := New(q, deliverer(world, q, Settings{}), zerolog.Nop(), nil)
	deliver := func(want ticket.Result) (dead []queue.Buried) {
		t.Helper()
		e := closed("c1")
		e.Attempts = attempts
		o := w.attempt(t.Context(), &e, why)
		if err := w.keep(t.Context(), e, o); err != nil || o.Result != want {
			t.Fatalf("outcome %+v, %v", o, err)
		}
		if err := q.DeadLetters(t.Context(), queue.Filter{}, func(b queue.Buried) error { dead = append(dead, b); return nil }); err != nil {
			t.Fatal(err)
		}
		return dead
	}
	if n := len(deliver(ticket.ResultDead)); n != 1 {
		t.Fatalf("%d dead letters", n)
	}
	if n := len(deliver(ticket.ResultSkipped)); n != 1 {
		t.Errorf("%d dead letters after a repeat of what still cannot succeed", n)
	}
	world.form.Fields = form
	dead := deliver(ticket.ResultSkipped)
	if len(dead) != 1 || len(world.tickets) != 0 {
		t.Fatalf("%d dead letters beside %d tickets", len(dead), len(world.tickets))
	}
	if err := q.Discard(t.Context(), dead[0], time.Now()); err != nil {
		t.Fatal(err)
	}
	if n := len(deliver(ticket.ResultSkipped)); n != 0 || len(world.tickets) != 0 {
		t.Errorf("of what was discarded: %d dead letters, %d tickets", n, len(world.tickets))
	}
}
