package queue_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"
	"golang.org/x/sync/errgroup"

	"passerelle/pkg/queue"
	"passerelle/pkg/queue/embed"
	"passerelle/pkg/ticket"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T) (*queue.Queue, *embed.Server) {
	t.Helper()
	server, err := embed.Start(embed.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	q := connect(t, server)
	return q, server
}

func connect(t *testing.T, server *embed.Server) *queue.Queue {
	t.Helper()
	q, err := queue.Open(t.Context(), queue.Options{Server: server, Name: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(q.Close)
	return q
}

func closed(id string) ticket.Event {
	return ticket.Event{ID: "e-" + id, Kind: ticket.KindClosed, ConversationID: id, Account: "acme", Site: "acme-fr", ReceivedAt: time.Unix(1, 0)}
}

func publish(t *testing.T, q *queue.Queue, e ticket.Event, want queue.Stored) {
	t.Helper()
	if got, err := q.Publish(t.Context(), e); err != nil || got != want {
		t.Fatalf("Publish(%s) = %v, %v; want %v", e.Key(), got, err, want)
	}
}

func receive(t *testing.T, q *queue.Queue) *queue.Receiver {
	t.Helper()
	r, err := q.Receive(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

func take(t *testing.T, r *queue.Receiver) queue.Delivery {
	t.Helper()
	d, err := r.Next(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestAnEventIsDeliveredOnceItIsStored(t *testing.T) {
	q, _ := open(t)
	publish(t, q, closed("c1"), queue.Accepted)
	publish(t, q, closed("c1"), queue.Duplicate)
	score := 4
	answer := ticket.Event{ID: "s1", Kind: ticket.KindSatisfaction, ConversationID: "c1", Account: "acme", Satisfaction: &ticket.Satisfaction{Score: &score}}
	publish(t, q, answer, queue.Accepted)
	r := receive(t, q)
	first := take(t, r)
	if first.Event.ConversationID != "c1" || first.Tries != 1 {
		t.Errorf("first = %+v", first)
	}
	if err := errors.Join(first.Working(), first.Later(time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	second := take(t, r)
	if second.Event.Kind != ticket.KindSatisfaction || *second.Event.Satisfaction.Score != 4 {
		t.Errorf("second = %+v", second.Event)
	}
	if err := second.GiveBack(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		again := take(t, r)
		if again.Tries != 2 {
			t.Errorf("tries = %d, want 2", again.Tries)
		}
		if err := again.Done(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAPendingEventIsRefusedAfterARestartToo(t *testing.T) {
	dir := t.TempDir()
	for _, want := range []queue.Stored{queue.Accepted, queue.Duplicate} {
		server, err := embed.Start(embed.Options{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		q, err := queue.Open(t.Context(), queue.Options{Server: server})
		if err != nil {
			t.Fatal(err)
		}
		publish(t, q, closed("c1"), want)
		q.Close()
		server.Close()
	}
}

func TestAnEventThatNobodyTookGoesBackAtClose(t *testing.T) {
	q, _ := open(t)
	r, err := q.Receive(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	waiting := make(chan error)
	go func() { _, err := r.Next(ctx, 1); waiting <- err }()
	cancel()
	if err := <-waiting; err == nil {
		t.Error("a cancelled Next gave no error")
	}
	publish(t, q, closed("c1"), queue.Accepted) // goes to the request that the cancelled Next left behind
	r.Close()
	r2, err := q.Receive(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer r2.Close()
	if d := take(t, r2); d.Event.ConversationID != "c1" {
		t.Errorf("event = %+v", d.Event)
	}
}

func TestAMessageThatCannotBeReadBecomesADeadLetter(t *testing.T) {
	q, server := open(t)
	nc, err := nats.Connect("", nats.InProcessServer(server))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.Publish(t.Context(), "ev.acme.x.closed", []byte("not JSON")); err != nil {
		t.Fatal(err)
	}
	publish(t, q, closed("c1"), queue.Accepted)
	r := receive(t, q)
	if _, err := r.Next(t.Context(), 1); !errors.Is(err, queue.ErrUnreadable) {
		t.Errorf("error = %v, want ErrUnreadable", err)
	}
	if d := take(t, r); d.Event.ConversationID != "c1" {
		t.Errorf("the queue did not go on: %+v", d.Event)
	}
	if got := letters(t, q, queue.Filter{Reason: ticket.ReasonMalformed}); len(got) != 1 {
		t.Errorf("dead letters = %v", got)
	}
}

func letters(t *testing.T, q *queue.Queue, f queue.Filter) []queue.Buried {
	t.Helper()
	var all []queue.Buried
	if err := q.DeadLetters(t.Context(), f, func(b queue.Buried) error { all = append(all, b); return nil }); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestDeadLetters(t *testing.T) {
	q, _ := open(t)
	now := time.Unix(1000, 0).UTC()
	if got := letters(t, q, queue.Filter{}); got != nil {
		t.Fatalf("letters of an empty queue: %v", got)
	}
	for i, reason := range []ticket.Reason{ticket.ReasonSiteUnknown, ticket.ReasonRejected, ticket.ReasonRejected} {
		e := closed(fmt.Sprintf("c%d", i))
		if i == 0 {
			e.Account, e.Site = "", ""
		}
		failure := &ticket.Failure{Reason: reason, Detail: ticket.Detail{Message: "m", Fields: []ticket.FieldRef{{ID: 7, Title: "Order"}}}, Hint: "h"}
		for range 2 { // the second one takes the first one's place
			if err := q.Bury(t.Context(), ticket.Bury(e, failure, now.Add(time.Duration(i)*time.Minute))); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, tc := range []struct {
		name   string
		filter queue.Filter
		want   int
	}{
		{"all", queue.Filter{}, 3},
		{"site", queue.Filter{Site: "acme-fr"}, 2},
		{"reason", queue.Filter{Reason: ticket.ReasonSiteUnknown}, 1},
		{"since", queue.Filter{Since: now.Add(2 * time.Minute)}, 1},
		{"limit", queue.Filter{Limit: 2}, 2},
	} {
		if got := letters(t, q, tc.filter); len(got) != tc.want {
			t.Errorf("%s: %d letters, want %d", tc.name, len(got), tc.want)
		}
	}
	for _, id := range []string{"nobody", "", "*", "a b"} {
		if _, err := q.DeadLetter(t.Context(), id); !errors.Is(err, queue.ErrNoDeadLetter) {
			t.Errorf("DeadLetter(%q): %v, want ErrNoDeadLetter", id, err)
		}
	}
	b, err := q.DeadLetter(t.Context(), "c0")
	if err != nil || b.Reason != ticket.ReasonSiteUnknown || b.Detail.Fields[0].ID != 7 {
		t.Fatalf("DeadLetter = %+v, %v", b, err)
	}
	stop := errors.New("enough")
	if err := q.DeadLetters(t.Context(), queue.Filter{}, func(queue.Buried) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("the walk's error = %v, want its caller's", err)
	}
	if err := errors.Join(q.Discard(t.Context(), b, time.Now()), q.Discard(t.Context(), b, time.Now())); err != nil {
		t.Errorf("discard twice: %v", err)
	}
	if err := q.Unbury(t.Context(), closed("c1").Key()); err != nil {
		t.Fatal(err)
	}
	if got := letters(t, q, queue.Filter{}); len(got) != 1 || got[0].ID != "c2" {
		t.Errorf("left: %+v", got)
	}
}

func TestReplayPutsTheEventBackWithinTheDedupeWindow(t *testing.T) {
	q, _ := open(t)
	publish(t, q, closed("c1"), queue.Accepted)
	r := receive(t, q)
	now := time.Unix(5000, 0).UTC()
	for i := range 2 {
		d := take(t, r)
		if d.Event.Replays != i {
			t.Fatalf("replays = %d, want %d", d.Event.Replays, i)
		}
		err := q.Bury(t.Context(), ticket.Bury(d.Event, &ticket.Failure{Reason: ticket.ReasonRejected}, now.Add(time.Duration(i)*time.Hour)))
		if err := errors.Join(err, d.Done(t.Context())); err != nil {
			t.Fatal(err)
		}
		b, err := q.DeadLetter(t.Context(), "c1")
		if err != nil || !b.FirstFailedAt.Equal(now) || b.Replays != i {
			t.Fatalf("letter = %+v, %v", b.DeadLetter, err)
		}
		if _, _, err := q.Replay(t.Context(), b, now.Add(24*time.Hour)); err != nil {
			t.Fatal(err)
		}
		if left := letters(t, q, queue.Filter{}); len(left) != 0 {
			t.Fatalf("%d letters left", len(left))
		}
	}
	if d := take(t, r); d.Event.Replays != 2 || !d.Event.RevivedAt.Equal(now.Add(24*time.Hour)) {
		t.Errorf("event = %+v", d.Event)
	}
}

func TestOfTwoWorkersOneWritesTheLedger(t *testing.T) {
	q, _ := open(t)
	job := ticket.JobOf("c1")
	if _, found, err := q.Look(t.Context(), job); found || err != nil {
		t.Fatalf("found = %v, %v", found, err)
	}
	intended, err := q.Write(t.Context(), job, queue.Entry{}, queue.Entry{State: queue.StateIntended})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := q.Write(t.Context(), job, queue.Entry{}, queue.Entry{State: queue.StateIntended}); !errors.Is(err, queue.ErrMoved) {
		t.Errorf("second create: %v, want ErrMoved", err)
	}
	created, err := q.Write(t.Context(), job, intended, queue.Entry{State: queue.StateCreated, Ref: ticket.Ref{ID: 42}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := q.Write(t.Context(), job, intended, created); !errors.Is(err, queue.ErrMoved) {
		t.Errorf("write from an old state: %v, want ErrMoved", err)
	}
	if e, found, err := q.Look(t.Context(), job); !found || err != nil || e.ID != 42 || e.State != queue.StateCreated {
		t.Errorf("entry = %+v, %v, %v", e, found, err)
	}
}

func TestHeldEventsWaitForOneAlarm(t *testing.T) {
	q, _ := open(t)
	past := time.Now().Add(-time.Second)
	later := time.Now().Add(time.Hour)
	for i := range 3 {
		if err := q.Hold(t.Context(), closed(fmt.Sprintf("c%d", i)), later); err != nil {
			t.Fatal(err)
		}
	}
	other := closed("d1")
	other.Account = "Other account"
	if err := q.Hold(t.Context(), other, past); err != nil {
		t.Fatal(err)
	}
	runs, err := q.Runs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer runs.Close()
	run, err := runs.Next(t.Context())
	if err != nil || run.Account != other.Account {
		t.Fatalf("run = %+v, %v; want the account that is due", run, err)
	}
	if err := errors.Join(run.Working(), run.GiveBack()); err != nil {
		t.Fatal(err)
	}
	if run, err = runs.Next(t.Context()); err != nil {
		t.Fatal(err)
	}
	var held *queue.Held
	var seen []string
	for {
		if held, err = q.NextHeld(t.Context(), "acme", false, held); err != nil {
			t.Fatal(err)
		}
		if held == nil {
			break
		}
		seen = append(seen, held.Event.ConversationID)
		if err := errors.Join(q.Release(t.Context(), *held), q.Release(t.Context(), *held)); err != nil {
			t.Fatalf("release twice: %v", err)
		}
	}
	if fmt.Sprint(seen) != "[c0 c1 c2]" {
		t.Errorf("held = %v", seen)
	}
	if held, err := q.NextHeld(t.Context(), "acme", false, nil); held != nil || err != nil {
		t.Errorf("still held: %+v, %v", held, err)
	}
	if err := errors.Join(q.Wake(t.Context(), other.Account, past), run.Done(t.Context())); err != nil {
		t.Fatal(err)
	}
	if run, err = runs.Next(t.Context()); err != nil || run.Account != other.Account {
		t.Errorf("next alarm = %+v, %v", run, err)
	}
}

func TestAServerOutOfReach(t *testing.T) {
	if _, err := queue.Open(t.Context(), queue.Options{URL: "nats://user:hunter2@127.0.0.1:1"}); err == nil {
		t.Error("no error")
	}
	lost := make(chan bool, 1)
	server, err := embed.Start(embed.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	q, err := queue.Open(t.Context(), queue.Options{Server: server, OnState: func(connected bool, _ error) { lost <- !connected }})
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	if err := q.Healthy(t.Context()); err != nil {
		t.Error(err)
	}
	server.Close()
	if !<-lost {
		t.Error("the loss was not told")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := q.Healthy(ctx); err == nil {
		t.Error("a server that is gone is called healthy")
	}
	if _, err := q.Publish(ctx, closed("c1")); err == nil {
		t.Error("an event was called stored by a server that is gone")
	}
	_, lookErr := q.Write(ctx, "c1", queue.Entry{}, queue.Entry{})
	_, _, writeErr := q.Look(ctx, "c1")
	_, heldErr := q.NextHeld(ctx, "acme", false, nil)
	_, receiveErr := q.Receive(ctx)
	_, runsErr := q.Runs(ctx)
	_, _, replayErr := q.Replay(ctx, queue.Buried{}, time.Now())
	for name, err := range map[string]error{
		"write": lookErr, "look": writeErr, "held": heldErr, "receive": receiveErr, "runs": runsErr,
		"hold":    q.Hold(ctx, closed("c1"), time.Now()),
		"wake":    q.Wake(ctx, "acme", time.Now()),
		"bury":    q.Bury(ctx, ticket.DeadLetter{}),
		"unbury":  q.Unbury(ctx, closed("c1").Key()),
		"replay":  replayErr,
		"discard": q.Discard(ctx, queue.Buried{}, time.Now()),
		"release": q.Release(ctx, queue.Held{}),
		"letters": q.DeadLetters(ctx, queue.Filter{}, func(queue.Buried) error { return nil }),
	} {
		if err == nil {
			t.Errorf("%s: no error from a server that is gone", name)
		}
	}
}

func TestTokensAreLeasedToOneProcess(t *testing.T) {
	q, _ := open(t)
	ctx := t.Context()
	if sealed, err := q.LoadToken(ctx, "iadvize/main"); sealed != nil || err != nil {
		t.Fatalf("token = %q, %v", sealed, err)
	}
	release, ok, err := q.LeaseToken(ctx, "iadvize/main", 30*time.Second)
	if !ok || err != nil {
		t.Fatalf("lease = %v, %v", ok, err)
	}
	if _, again, err := q.LeaseToken(ctx, "iadvize/main", 30*time.Second); again || err != nil {
		t.Errorf("second lease = %v, %v", again, err)
	}
	if err := q.SaveToken(ctx, "iadvize/main", []byte("sealed")); err != nil {
		t.Fatal(err)
	}
	release()
	if release, ok, err = q.LeaseToken(ctx, "iadvize/main", 30*time.Second); !ok || err != nil {
		t.Fatalf("lease after release = %v, %v", ok, err)
	}
	release()
	if sealed, err := q.LoadToken(ctx, "iadvize/main"); string(sealed) != "sealed" || err != nil {
		t.Errorf("token = %q, %v", sealed, err)
	}
}

func TestRefreshTokensOutliveARestartAndAreReplacedInTurn(t *testing.T) {
	dir, ctx := t.TempDir(), t.Context()
	const name = "zendesk/acme/refresh/0123"
	revision := uint64(0)
	for i := range 3 {
		server, err := embed.Start(embed.Options{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		q, err := queue.Open(ctx, queue.Options{Server: server})
		if err != nil {
			t.Fatal(err)
		}
		sealed, stored, err := q.LoadChain(ctx, name)
		if err != nil || stored != revision || i > 0 && string(sealed) != fmt.Sprint("sealed ", i-1) {
			t.Errorf("chain = %q at %d, %v; want that of revision %d", sealed, stored, err, revision)
		}
		old := revision
		if revision, _, err = q.SaveChain(ctx, name, fmt.Appendf(nil, "sealed %d", i), revision); err != nil {
			t.Fatal(err)
		}
		for _, late := range []uint64{0, old} {
			if _, ok, err := q.SaveChain(ctx, name, []byte("late"), late); ok || err != nil {
				t.Errorf("a process that was late by one overwrote it: %v, %v", ok, err)
			}
		}
		if i == 2 {
			server.Close()
			short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
			_, _, loadErr := q.LoadChain(short, name)
			_, ok, saveErr := q.SaveChain(short, name, nil, revision)
			if loadErr == nil || saveErr == nil || ok {
				t.Error("no error from a server that is gone")
			}
			cancel()
		}
		q.Close()
		server.Close()
	}
}

// The client of NATS asks for the next message in a goroutine of its own, and may forget to when that is slow.
func TestNoEventRestsWhileSomebodyWaits(t *testing.T) {
	q, _ := open(t)
	r := receive(t, q)
	const events = 2000
	go func() {
		for i := range events {
			if _, err := q.Publish(t.Context(), closed(fmt.Sprintf("c%d", i))); err != nil {
				t.Errorf("publish: %v", err)
			}
		}
	}()
	var settling errgroup.Group // keeps the connection and the processor busy, as workers do
	settling.SetLimit(32)
	for i := range events {
		soon, cancel := context.WithTimeout(t.Context(), 25*time.Second) // the heartbeat is missed after 30
		d, err := r.Next(soon, 8)
		cancel()
		if err != nil {
			t.Fatalf("event %d rested: %v", i, err)
		}
		settling.Go(func() error {
			_, _, err := q.Look(t.Context(), d.Event.Job())
			return errors.Join(err, d.Done(t.Context()))
		})
	}
	if err := settling.Wait(); err != nil {
		t.Fatal(err)
	}
}
