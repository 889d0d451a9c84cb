package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"passerelle/pkg/queue"
	"passerelle/pkg/ticket"
)

const secretComment = "Ma voisine s'appelle Berthe"

// trace runs the command and gives its JSON; the text form is checked for personal data.
func trace(t *testing.T, id string) (traced, int) {
	t.Helper()
	var out, text, errOut bytes.Buffer
	status := run([]string{"trace", id, "-o", "json"}, streams{in: strings.NewReader(""), out: &out, err: &errOut})
	again := run([]string{"trace", id}, streams{in: strings.NewReader(""), out: &text, err: io.Discard})
	if again != status || strings.Contains(out.String()+text.String()+errOut.String(), "Berthe") {
		t.Errorf("text: status %d, json: %d\n%s%s", again, status, text.String(), out.String())
	}
	var s traced
	if status != 0 {
		return s, status
	}
	if err := json.Unmarshal(out.Bytes(), &s); err != nil {
		t.Fatalf("%v: %s", err, out.String())
	}
	if !strings.Contains(text.String(), string(s.Outcome)) {
		t.Errorf("text = %s", text.String())
	}
	return s, 0
}

func TestTraceTellsWhereAConversationIs(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PASSERELLE_DATA_DIR", dir)
	t.Setenv("PASSERELLE_NATS_URL", "")
	at := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	event := func(id string) ticket.Event {
		return ticket.Event{ID: "e-" + id, Kind: ticket.KindClosed, ConversationID: id, Site: "acme-fr", Account: "acme", OccurredAt: at, ReceivedAt: at.Add(time.Second)}
	}
	comment := func(id string) ticket.Event {
		return ticket.Event{ID: "s-" + id, Kind: ticket.KindSatisfaction, ConversationID: id, Site: "acme-fr", Account: "acme", ReceivedAt: at.Add(time.Hour), Satisfaction: &ticket.Satisfaction{Comment: secretComment}}
	}
	ref := ticket.Ref{ID: 42, URL: "https://acme.example/agent/tickets/42"}
	failure := &ticket.Failure{Reason: ticket.ReasonRequiredFieldMissing, Detail: ticket.Detail{Message: "a field is missing"}, Hint: "fill it"}
	score := 5
	type has struct {
		outcome outcome
		steps   []string
		answers []outcome
	}
	cases := []struct {
		id   string
		fill func(ctx context.Context, q *queue.Queue) error
		want has
	}{
		{"queued", func(ctx context.Context, q *queue.Queue) error {
			_, err := q.Publish(ctx, event("queued"))
			return err
		}, has{outcomeQueued, []string{"ended", "received"}, nil}},
		{"held", func(ctx context.Context, q *queue.Queue) error {
			e := event("held")
			e.HeldFor = "limit reached (HTTP 429)"
			return errors.Join(q.Hold(ctx, e, time.Now().Add(time.Hour)), q.Hold(ctx, comment("held"), time.Now().Add(time.Hour)))
		}, has{outcomeHeld, []string{"ended", "received", "answer_received"}, []outcome{outcomeHeld}}},
		{"created", func(ctx context.Context, q *queue.Queue) error {
			_, err := q.Publish(ctx, comment("created"))
			_, writeErr := q.Write(ctx, "created", queue.Entry{}, queue.Entry{State: queue.StateCreated, Ref: ref, IntendedAt: at.Add(2 * time.Second), At: at.Add(3 * time.Second), ScoreAt: at.Add(time.Minute)}.Of(event("created")))
			return errors.Join(err, writeErr)
		}, has{outcomeCreated, []string{"received", "intended", "created", "answered", "answer_received"}, []outcome{outcomeQueued}}},
		{"skipped", func(ctx context.Context, q *queue.Queue) error {
			_, err := q.Write(ctx, "skipped", queue.Entry{}, queue.Entry{State: queue.StateSkipped, At: at})
			return err
		}, has{outcomeSkipped, []string{"skipped"}, nil}},
		{"Dead", func(ctx context.Context, q *queue.Queue) error {
			_, err := q.Write(ctx, "dead", queue.Entry{}, queue.Entry{State: queue.StateDead, Reason: failure.Reason, At: at.Add(time.Minute)})
			return errors.Join(err, q.Bury(ctx, ticket.Bury(event("Dead"), failure, at.Add(time.Minute))), q.Bury(ctx, ticket.Bury(comment("Dead"), failure, at.Add(time.Hour))))
		}, has{outcomeDead, []string{"ended", "received", "dead", "answer_received"}, []outcome{outcomeDead}}},
		{"replayed", func(ctx context.Context, q *queue.Queue) error {
			e := event("replayed")
			e.RevivedAt, e.Replays, e.FirstFailedAt = at.Add(time.Hour), 1, at.Add(time.Minute)
			_, err := q.Publish(ctx, e)
			_, writeErr := q.Write(ctx, "replayed", queue.Entry{}, queue.Entry{State: queue.StateDead, At: at.Add(time.Minute)})
			return errors.Join(err, writeErr)
		}, has{outcomeQueued, []string{"ended", "received", "failed", "dead", "replayed"}, nil}},
		{"remade", func(ctx context.Context, q *queue.Queue) error {
			e := event("remade")
			e.RevivedAt, e.Replays = at.Add(time.Hour), 1
			dead := queue.Entry{State: queue.StateDead, Reason: failure.Reason, At: at.Add(time.Minute)}.Of(event("remade")) // as older versions wrote it
			made := queue.Entry{State: queue.StateCreated, Ref: ref, IntendedAt: at.Add(2 * time.Hour), At: at.Add(3 * time.Hour)}.Of(e).After(dead)
			_, err := q.Write(ctx, "remade", queue.Entry{}, made)
			return err
		}, has{outcomeCreated, []string{"received", "dead", "replayed", "intended", "created"}, nil}},
		{"discarded", func(ctx context.Context, q *queue.Queue) error {
			if err := q.Bury(ctx, ticket.Bury(event("discarded"), failure, at.Add(time.Minute))); err != nil {
				return err
			}
			b, err := q.DeadLetter(ctx, "discarded")
			return errors.Join(err, q.Discard(ctx, b, at.Add(time.Hour)))
		}, has{outcomeDead, []string{"received", "dead", "discarded"}, nil}},
		{"uncertain", func(ctx context.Context, q *queue.Queue) error {
			_, err := q.Write(ctx, "uncertain", queue.Entry{}, queue.Entry{State: queue.StateIntended, IntendedAt: at, At: at})
			return err
		}, has{outcomeUncertain, []string{"intended"}, nil}},
		{"answer", func(ctx context.Context, q *queue.Queue) error {
			e := comment("answer")
			e.Satisfaction = &ticket.Satisfaction{Score: &score}
			_, err := q.Publish(ctx, e)
			return err
		}, has{outcomeQueued, []string{"answer_received"}, []outcome{outcomeQueued}}},
	}
	store(t, dir, func(q *queue.Queue) {
		for _, tc := range cases {
			if err := tc.fill(t.Context(), q); err != nil {
				t.Fatalf("%s: %v", tc.id, err)
			}
		}
	})
	for _, tc := range cases {
		s, status := trace(t, tc.id)
		var steps []string
		for _, step := range s.Steps {
			steps = append(steps, step.Step)
		}
		var answers []outcome
		for _, a := range s.Answers {
			answers = append(answers, a.Outcome)
		}
		if status != 0 || s.Outcome != tc.want.outcome || !slices.Equal(steps, tc.want.steps) || !slices.Equal(answers, tc.want.answers) {
			t.Errorf("%s: status %d, %q %v %v, want %+v", tc.id, status, s.Outcome, steps, answers, tc.want)
		}
		switch tc.id {
		case "created":
			if s.Ref != ref || s.Answers[0].Answer != "comment" {
				t.Errorf("created: %+v", s)
			}
		case "queued":
			if s.WaitsFor != "a worker process: none answers" {
				t.Errorf("queued: %+v", s)
			}
		case "discarded":
			if !s.Discarded.Equal(at.Add(time.Hour)) || s.Reason != failure.Reason {
				t.Errorf("discarded: %+v", s)
			}
		case "held":
			if s.HeldFor == "" || time.Until(s.NextTryAt) < 30*time.Minute {
				t.Errorf("held: %+v", s)
			}
		case "Dead":
			if s.Reason != failure.Reason || s.Hint != failure.Hint || s.Detail.Message != failure.Detail.Message {
				t.Errorf("dead: %+v", s)
			}
		}
	}
	var errOut bytes.Buffer
	status := run([]string{"trace", "nobody"}, streams{in: strings.NewReader(""), out: io.Discard, err: &errOut})
	if status != exitFailed || !strings.Contains(errOut.String(), "nothing is known of conversation nobody") || !strings.Contains(errOut.String(), "iadvize:nobody") {
		t.Errorf("an unknown one: %d %s", status, errOut.String())
	}
}

// Nothing of a paused account is tried before somebody resumes it, whenever its alarm rings and whatever it was held for.
func TestTraceOfWhatAPausedAccountHolds(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PASSERELLE_DATA_DIR", dir)
	t.Setenv("PASSERELLE_NATS_URL", "")
	at := time.Now().Add(-time.Hour)
	store(t, dir, func(q *queue.Queue) {
		for _, account := range []string{"acme", "other"} {
			e := ticket.Event{ID: "e", Kind: ticket.KindClosed, ConversationID: "held-" + account, Site: "fr", Account: account, OccurredAt: at, ReceivedAt: at, HeldFor: "limit reached (HTTP 429)"}
			if err := q.Hold(t.Context(), e, time.Now().Add(time.Hour)); err != nil {
				t.Fatal(err)
			}
		}
		if _, _, err := q.PauseLane(t.Context(), "acme", "moving house", at); err != nil {
			t.Fatal(err)
		}
	})
	s, status := trace(t, "held-acme")
	if status != 0 || s.Outcome != outcomeHeld || s.WaitsFor != "an operator who paused the account: moving house" || !s.NextTryAt.IsZero() || s.Hint != "passerelle lanes resume acme" {
		t.Errorf("of the paused account: status %d, %+v", status, s)
	}
	s, status = trace(t, "held-other")
	if status != 0 || s.Outcome != outcomeHeld || s.WaitsFor != "" || s.NextTryAt.IsZero() || s.Hint != "" {
		t.Errorf("of the other one: status %d, %+v", status, s)
	}
}
