package queue_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"passerelle/pkg/queue"
	"passerelle/pkg/queue/embed"
	"passerelle/pkg/ticket"
)

const visitorWords = "Ma voisine s'appelle Berthe"

func comment(conversation, id string) ticket.Event {
	return ticket.Event{ID: id, Kind: ticket.KindSatisfaction, ConversationID: conversation, Account: "acme", Site: "acme-fr", Satisfaction: &ticket.Satisfaction{Comment: visitorWords}}
}

func TestEraseLeavesNothingOfAConversation(t *testing.T) {
	dir := t.TempDir()
	server, err := embed.Start(embed.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	q := connect(t, server)
	ctx := t.Context()
	failure := &ticket.Failure{Reason: ticket.ReasonTicketClosed}
	publish(t, q, closed("C1"), queue.Accepted)
	r, err := q.Receive(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	inWork := take(t, r)
	publish(t, q, comment("C1", "a"), queue.Accepted)
	publish(t, q, closed("other"), queue.Accepted)
	if err := errors.Join(
		q.Hold(ctx, comment("C1", "b"), time.Now().Add(time.Hour)),
		q.Hold(ctx, closed("C1"), time.Now().Add(time.Hour)),
		q.Bury(ctx, ticket.Bury(comment("C1", "c"), failure, time.Now())),
		q.Bury(ctx, ticket.Bury(closed("C1"), failure, time.Now())),
		q.Bury(ctx, ticket.Bury(closed("C11"), failure, time.Now())),
	); err != nil {
		t.Fatal(err)
	}
	stored := map[string]int{}
	if err := q.Resting(ctx, func(e ticket.Event) error { stored[e.ConversationID]++; return nil }); err != nil {
		t.Fatal(err)
	}
	if stored["C1"] != 6 || stored["other"] != 1 || stored["C11"] != 1 {
		t.Errorf("stored: %v", stored)
	}
	now := time.Now()
	erased, err := q.Erase(ctx, "c1", now)
	if err != nil || erased.Events != 2 || erased.Held != 2 || erased.DeadLetters != 2 || erased.Uncertain {
		t.Errorf("erased = %+v, %v", erased, err)
	}
	if err := inWork.Done(ctx); err != nil {
		t.Errorf("the worker that had it: %v", err)
	}
	if trace, err := q.Trace(ctx, "C1"); err != nil || len(trace.Pending)+len(trace.Held)+len(trace.Dead) != 0 || trace.Entry.State != queue.StateSkipped || !trace.Entry.ErasedAt.Equal(now) {
		t.Errorf("left: %+v, %v", trace, err)
	}
	if again, err := q.Erase(ctx, "c1", now); err != nil || again.Events+again.Held+again.DeadLetters != 0 {
		t.Errorf("again = %+v, %v", again, err)
	}
	if d := take(t, r); d.Event.ConversationID != "other" {
		t.Errorf("next event = %+v", d.Event)
	}
	if left := letters(t, q, queue.Filter{}); len(left) != 1 || left[0].ID != "c11" {
		t.Errorf("letters left: %+v", left)
	}
	err = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		var content []byte
		if err == nil && entry.Type().IsRegular() {
			content, err = os.ReadFile(path)
		}
		if errors.Is(err, fs.ErrNotExist) { // the server is at work, and renames what it has written
			return nil
		}
		if bytes.Contains(content, []byte("Berthe")) {
			t.Errorf("%s still holds what the visitor wrote", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestEraseKeepsWhatTheLedgerKnowsOfTickets(t *testing.T) {
	q, _ := open(t)
	ctx := t.Context()
	ref := ticket.Ref{ID: 42, URL: "https://acme.example/agent/tickets/42"}
	for _, tc := range []struct {
		id        string
		entry     queue.Entry
		want      queue.State
		uncertain bool
	}{
		{"made", queue.Entry{State: queue.StateCreated, Ref: ref}, queue.StateCreated, false},
		{"half", queue.Entry{State: queue.StateIntended, Ref: ref}, queue.StateCreated, true},
		{"intended", queue.Entry{State: queue.StateIntended}, queue.StateSkipped, true},
		{"dead", queue.Entry{State: queue.StateDead, Reason: ticket.ReasonExpired}, queue.StateSkipped, false},
	} {
		before, err := q.Write(ctx, ticket.Job(tc.id), queue.Entry{}, tc.entry)
		if err != nil {
			t.Fatal(err)
		}
		erased, err := q.Erase(ctx, tc.id, time.Now())
		if err != nil || !erased.Known || erased.Ref != tc.entry.Ref || erased.Uncertain != tc.uncertain {
			t.Errorf("%s: %+v, %v", tc.id, erased, err)
		}
		if e, _, err := q.Look(ctx, ticket.Job(tc.id)); err != nil || e.State != tc.want || e.ErasedAt.IsZero() {
			t.Errorf("%s: entry = %+v, %v", tc.id, e, err)
		}
		if _, err := q.Write(ctx, ticket.Job(tc.id), before, before); !errors.Is(err, queue.ErrMoved) {
			t.Errorf("%s: a worker in between got through: %v", tc.id, err)
		}
	}
}

func TestEraseTellsWhetherAnythingWasKnown(t *testing.T) {
	q, _ := open(t)
	publish(t, q, closed("c1"), queue.Accepted)
	for _, tc := range []struct {
		id    string
		known bool
	}{{"c1", true}, {"typo", false}, {"typo", false}} {
		if erased, err := q.Erase(t.Context(), tc.id, time.Now()); err != nil || erased.Known != tc.known {
			t.Errorf("%+v, %v; want known %v", erased, err, tc.known)
		}
	}
}

func TestErasuresAreRecorded(t *testing.T) {
	q, _ := open(t)
	for i := range 2 {
		if _, err := q.RecordErasure(t.Context(), queue.Erasure{At: time.Now(), Events: i, Conversations: []string{"c1"}}); err != nil {
			t.Fatal(err)
		}
	}
	var all []queue.Erasure
	if err := q.Erasures(t.Context(), func(e queue.Erasure) error { all = append(all, e); return nil }); err != nil {
		t.Fatal(err)
	}
	if len(all) != 2 || all[1].Events != 1 || all[0].ID == all[1].ID {
		t.Errorf("records = %+v", all)
	}
}
