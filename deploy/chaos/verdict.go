package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"passerelle/deploy/stand"
	"passerelle/pkg/queue"
	"passerelle/pkg/ticket"
)

// report says how a run went. Its JSON is what -json prints.
type report struct {
	Scenario      string         `json:"scenario"`
	Seed          int64          `json:"seed"`
	Conversations int            `json:"conversations"` // that ended
	Answered      int            `json:"answered"`      // whose webhook was answered with 2xx
	Tickets       int            `json:"tickets"`
	DeadLetters   int            `json:"dead_letters"` // of conversations
	Skipped       int            `json:"skipped"`      // the site wants no ticket
	Lost          int            `json:"lost"`
	Doubled       int            `json:"doubled"`        // tickets beyond the first
	Both          int            `json:"both"`           // a ticket and a dead letter
	CommentsTwice int            `json:"comments_twice"` // tickets in which a comment stands twice
	Kills         map[string]int `json:"kills"`
	Faults        float64        `json:"faults"` // share of the answers
	Uncertain     uncertainty    `json:"uncertain"`
	Crashed       int64          `json:"ended_by_itself"` // processes that ended though nobody killed them
	DrainedLate   int64          `json:"drained_late"`    // SIGTERMs that took longer than allowed, or failed
	TrafficTime   time.Duration  `json:"traffic_ns"`
	SettleTime    time.Duration  `json:"settle_ns"` // from the last conversation until all was settled
	Warnings      map[string]int `json:"warnings"`  // lines of the product's logs, by their text
	LogLines      map[string]int `json:"log_lines"` // by level

	wrong []string // conversations, with what is wrong
}

func (r *report) bad() bool { return r.Lost+r.Doubled+r.Both+r.CommentsTwice > 0 }

// settle waits until each conversation that was answered with 2xx has its end, and nothing is in work any more.
func (s *scene) settle(ctx context.Context, answered []string) error {
	pending := map[string]bool{}
	for _, id := range answered {
		pending[id] = true
	}
	for {
		err := s.prune(ctx, pending)
		if err == nil && len(pending) == 0 {
			return nil
		}
		if !stand.Rest(ctx, 500*time.Millisecond) {
			return fmt.Errorf("%d conversations were not settled in time: %w", len(pending), ctx.Err())
		}
	}
}

// prune takes out what is settled. With nothing left it looks whether the queue is empty too.
func (s *scene) prune(ctx context.Context, pending map[string]bool) error {
	for id := range pending {
		if s.tickets(id) > 0 {
			delete(pending, id)
		}
	}
	q, done, err := s.visit(ctx, true)
	if err != nil {
		return err
	}
	defer done()
	if err := q.DeadLetters(ctx, queue.Filter{}, func(b queue.Buried) error {
		if b.Event.Kind == ticket.KindClosed {
			delete(pending, b.ConversationID)
		}
		return nil
	}); err != nil {
		return err
	}
	const few = 500 // to look up one by one
	for id := range pending {
		if len(pending) > few {
			break
		}
		entry, _, err := q.Look(ctx, ticket.JobOf(id))
		if err != nil {
			return err
		}
		if entry.State == queue.StateSkipped {
			delete(pending, id)
		}
	}
	events, held, err := q.Pending(ctx)
	if err != nil {
		return err
	}
	if len(pending) == 0 && events+held > 0 {
		return fmt.Errorf("%d events are in the queue and %d are held", events, held)
	}
	if events+held == 0 && len(pending) > few {
		clear(pending) // what has no end yet never gets one; the verdict counts it
	}
	return nil
}

func (s *scene) tickets(conversation string) int {
	n := 0
	for _, a := range s.world.zendesk.Accounts() {
		n += len(a.TicketByExternalID(ticket.ExternalID(conversation)))
	}
	return n
}

// judge compares, conversation by conversation. The product has ended.
func (s *scene) judge(ctx context.Context, r *report, answered []string) error {
	q, done, err := s.visit(ctx, false)
	if err != nil {
		return err
	}
	defer done()
	dead := map[string]string{}
	err = q.DeadLetters(ctx, queue.Filter{}, func(b queue.Buried) error {
		if b.Event.Kind == ticket.KindClosed {
			dead[ticket.ExternalID(b.ConversationID)] = string(b.Reason) + ": " + b.Detail.Message
		}
		return nil
	})
	if err != nil {
		return err
	}
	made := s.made(r)
	wasAnswered := map[string]bool{}
	for _, id := range answered {
		external := ticket.ExternalID(id)
		wasAnswered[external] = true
		_, isDead := dead[external]
		if made[external] > 0 || isDead {
			continue
		}
		entry, _, err := q.Look(ctx, ticket.JobOf(id))
		if err != nil {
			return err
		}
		if conversation, ok := s.world.iadvize.Conversation(id); ok && entry.State == queue.StateSkipped && !conversation.Escalated() && !s.world.site(conversation.ProjectID).Archive {
			r.Skipped++
			continue
		}
		r.Lost++
		r.note("lost", id, "ledger: "+string(entry.State))
	}
	for external, n := range made {
		r.Tickets += n
		if n > 1 {
			r.Doubled += n - 1
			r.note("doubled", external, fmt.Sprintf("%d tickets, answered with 2xx: %v", n, wasAnswered[external]))
		}
		if why, isDead := dead[external]; isDead {
			r.Both++
			r.note("ticket and dead letter", external, why)
		}
	}
	r.DeadLetters = len(dead)
	return nil
}

// made counts the tickets of each external id, and those in which a comment stands twice.
func (s *scene) made(r *report) map[string]int {
	made := map[string]int{}
	for _, a := range s.world.zendesk.Accounts() {
		for _, t := range a.Tickets() {
			made[t.ExternalID]++
			seen := map[string]bool{}
			for _, c := range t.Comments {
				if seen[c.HTMLBody] {
					r.CommentsTwice++
					r.note("comment twice", t.ExternalID, fmt.Sprintf("%d comments", len(t.Comments)))
					break
				}
				seen[c.HTMLBody] = true
			}
		}
	}
	return made
}

func (r *report) note(what, conversation, detail string) {
	r.wrong = append(r.wrong, fmt.Sprintf("%s: %s (%s)", what, conversation, detail))
}

// print writes the report for people.
func (r *report) print(out io.Writer) {
	p := func(format string, v ...any) { _, _ = fmt.Fprintf(out, format+"\n", v...) }
	kills := 0
	for _, n := range r.Kills {
		kills += n
	}
	p("Scenario %s, seed %d", r.Scenario, r.Seed)
	p("  %d conversations ended in %s (%.1f a second), %d of them answered with 2xx; settled %s later", r.Conversations,
		r.TrafficTime.Round(time.Second), float64(r.Conversations)/r.TrafficTime.Seconds(), r.Answered, r.SettleTime.Round(time.Second))
	p("  %d tickets, %d dead letters, %d skipped", r.Tickets, r.DeadLetters, r.Skipped)
	p("  %d lost, %d doubled, %d with a ticket and a dead letter, %d with a comment twice", r.Lost, r.Doubled, r.Both, r.CommentsTwice)
	p("  %d kills, %.0f %% of the answers faulty:", kills, 100*r.Faults)
	table(p, r.Kills)
	p("  %d outcomes were uncertain, in %d conversations. Why:", r.Uncertain.Outcomes, r.Uncertain.Conversations)
	table(p, r.Uncertain.Causes)
	p("  looked up, after crashes too:")
	table(p, r.Uncertain.Lookups)
	p("  how the conversations with uncertain outcomes ended:")
	table(p, r.Uncertain.Ended)
	p("  %d ends of processes that nobody asked for, %d that took too long or failed", r.Crashed, r.DrainedLate)
	p("  warnings in the product's logs:")
	table(p, r.Warnings)
	const most = 50
	for _, line := range r.wrong[:min(most, len(r.wrong))] {
		p("  WRONG %s", line)
	}
}

func table(p func(string, ...any), counts map[string]int) {
	for _, key := range slices.Sorted(maps.Keys(counts)) {
		p("    %6d  %s", counts[key], key)
	}
}
