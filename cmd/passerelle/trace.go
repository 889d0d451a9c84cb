package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"passerelle/pkg/queue"
	"passerelle/pkg/ticket"
)

type traceCommand struct {
	ConversationID string `arg:"" name:"conversation-id" help:"Id of the conversation, as iAdvize spells it, or the external id of its ticket."`
}

// traced is the story of a conversation. It is part of the product's public face, and holds no personal data.
type traced struct {
	ConversationID string         `json:"conversation_id"`
	Outcome        outcome        `json:"outcome"`
	Site           string         `json:"site,omitempty"`
	Account        string         `json:"account,omitempty"`
	Purpose        ticket.Purpose `json:"purpose,omitempty"`
	ticket.Ref
	Reason    ticket.Reason  `json:"reason,omitempty"`
	Detail    *ticket.Detail `json:"detail,omitempty"`
	Hint      string         `json:"hint,omitempty"`
	HeldFor   string         `json:"held_for,omitempty"`
	WaitsFor  string         `json:"waits_for,omitempty"`   // what is queued: why the last try failed, or what it lacks
	Waiting   ticket.Reason  `json:"wait_reason,omitempty"` // of the last try
	NextTryAt time.Time      `json:"next_try_at,omitzero"`
	Attempts  int            `json:"attempts"`
	Replays   int            `json:"replays"`
	Discarded time.Time      `json:"discarded_at,omitzero"` // when an operator threw its dead letter away
	Steps     []step         `json:"steps"`                 // oldest first
	Answers   []surveyAnswer `json:"answers"`               // the visitor's satisfaction answers that are not in the ticket yet

	heldAtFirst bool // HeldFor may be over
}

// outcome is what became of something.
type outcome string

const (
	outcomeQueued    outcome = "queued"
	outcomeHeld      outcome = "held"
	outcomeCreated   outcome = "created"
	outcomeSkipped   outcome = "skipped"
	outcomeDead      outcome = "dead"
	outcomeUncertain outcome = "uncertain" // a ticket may have been made, and no work is left that would find out
)

// step is one thing that happened.
type step struct {
	At   time.Time `json:"at"`
	Step string    `json:"step"`
	Text string    `json:"text"`
}

// surveyAnswer is a satisfaction answer on its way, without what was answered.
type surveyAnswer struct {
	EventID    string        `json:"event_id"`
	Answer     string        `json:"answer"` // score, recommendation or comment
	Outcome    outcome       `json:"outcome"`
	OccurredAt time.Time     `json:"occurred_at,omitzero"`
	Reason     ticket.Reason `json:"reason,omitempty"`
	Hint       string        `json:"hint,omitempty"`
	Attempts   int           `json:"attempts,omitempty"`
	WaitsFor   string        `json:"waits_for,omitempty"`
	NextTryAt  time.Time     `json:"next_try_at,omitzero"`
}

// Run tells the story.
func (c traceCommand) Run(ctx context.Context, std streams) error {
	c.ConversationID = strings.TrimPrefix(c.ConversationID, ticket.ExternalIDPrefix) // as it stands in the ticket
	return visit(ctx, func(_ environment, q *queue.Queue, _ *cleanups) error {
		t, err := q.Trace(ctx, c.ConversationID)
		if err != nil {
			return err
		}
		if t.Empty() {
			return fmt.Errorf("nothing is known of conversation %s: no webhook of it was stored, or it was settled more than 30 days ago; "+
				"a ticket of it has the external_id %s in Zendesk", c.ConversationID, ticket.ExternalID(c.ConversationID))
		}
		tries := queueTries{}
		if len(t.Pending) > 0 {
			if tries, err = askTries(ctx, q, t.Pending); err != nil {
				return err
			}
		}
		story := tell(c.ConversationID, t, tries)
		if story.Outcome == outcomeHeld {
			pauses, err := q.LanePauses(ctx)
			if err != nil {
				return err
			}
			story.paused(pauses)
		}
		if std.json {
			return printJSON(std, story)
		}
		return story.print(std)
	})
}

// tell makes the story of what is known.
func tell(conversationID string, t queue.Trace, tries queueTries) traced {
	s := traced{ConversationID: conversationID, Site: t.Entry.Site, Account: t.Entry.Account, Purpose: t.Entry.Purpose, Ref: t.Entry.Ref, Steps: []step{}, Answers: []surveyAnswer{}}
	s.Attempts, s.Replays = t.Entry.Attempts, t.Entry.Replays
	letter := false // of the conversation's end
	for _, d := range t.Dead {
		s.event(d.Event, outcomeDead)
		if d.Event.Kind != ticket.KindClosed {
			s.Answers[len(s.Answers)-1].Reason, s.Answers[len(s.Answers)-1].Hint = d.Reason, d.Hint
			continue
		}
		s.Reason, s.Hint, s.Attempts, s.Replays = d.Reason, d.Hint, d.Attempts, d.Replays
		s.Detail = &d.Detail
		letter = true
		s.add(d.LastFailedAt, "dead", "dead letter: "+string(d.Reason)+": "+d.Detail.Text())
	}
	for _, e := range t.Held {
		s.event(e, outcomeHeld)
		if e.Kind == ticket.KindClosed {
			s.HeldFor, s.NextTryAt, s.heldAtFirst = e.HeldFor, e.NotBefore, e.NotBefore.IsZero()
			if s.NextTryAt.Before(t.Alarm) {
				s.NextTryAt = t.Alarm
			}
		}
	}
	for _, e := range t.Pending { // a replay that is stored counts more than the letter it came from
		s.event(e, outcomeQueued)
		s.tried(e, tries)
	}
	if t.Found {
		s.ledger(t.Entry)
		s.past(t.Entry.History(), letter)
	}
	if s.Outcome == "" {
		s.Outcome = s.Answers[0].Outcome // only answers are known
	}
	slices.SortStableFunc(s.Steps, func(a, b step) int { return a.At.Compare(b.At) })
	s.Steps = slices.Compact(s.Steps)
	return s
}

// paused says of what is held in a paused account for what it waits: nothing is tried before somebody resumes it.
func (s *traced) paused(pauses []queue.LanePause) {
	at := slices.IndexFunc(pauses, func(p queue.LanePause) bool { return p.Paused() && p.Account == s.Account })
	if at < 0 {
		return
	}
	s.WaitsFor, s.NextTryAt, s.heldAtFirst = "an operator who paused the account", time.Time{}, true
	if why := pauses[at].Why; why != "" {
		s.WaitsFor += ": " + why
	}
	s.Hint = "passerelle lanes resume " + s.Account
}

// ledger adds what the ledger says. A ticket that was made or not wanted stays so, whatever still waits; of the rest
// the place where the work lies says more.
func (s *traced) ledger(e queue.Entry) {
	s.add(e.ReceivedAt, "received", "the end of the conversation was stored")
	s.add(e.IntendedAt, "intended", "about to make the ticket")
	switch e.State {
	case queue.StateCreated:
		s.Outcome = outcomeCreated
		s.add(e.At, "created", fmt.Sprintf("ticket %d was made", e.Ref.ID))
	case queue.StateSkipped:
		s.Outcome = outcomeSkipped
		if e.ErasedAt.IsZero() {
			s.add(e.At, "skipped", "the site wants no ticket of it")
		}
	case queue.StateDead:
		if s.Outcome == "" {
			s.Outcome, s.Reason = outcomeDead, e.Reason
		}
	case queue.StateIntended:
		if s.Outcome == "" {
			s.Outcome, s.Hint = outcomeUncertain, "search Zendesk for external_id "+ticket.ExternalID(s.ConversationID)
		}
	}
	s.add(e.ErasedAt, "erased", "what was held of it was erased at the visitor's request; no ticket is made of it any more")
	for _, written := range []struct {
		at   time.Time
		what string
	}{{e.ScoreAt, "score"}, {e.RecommendationAt, "recommendation"}, {e.CommentAt, "comment"}} {
		s.add(written.at, "answered", "the visitor gave a "+written.what+", which is in the ticket")
	}
}

// past adds what happened to the dead letters. One that lies there says more of its death itself.
func (s *traced) past(p queue.Past, letter bool) {
	if !letter {
		s.add(p.DiedAt, "dead", "dead letter: "+string(p.DiedOf))
	}
	s.add(p.ReplayedAt, "replayed", replayedText)
	s.add(p.DiscardedAt, "discarded", "an operator discarded the dead letter; no ticket is made of it")
	s.Discarded = p.DiscardedAt
}

const replayedText = "put back from the dead letters"

// event adds what waits somewhere.
func (s *traced) event(e ticket.Event, now outcome) {
	s.Site, s.Account = cmp.Or(e.Site, s.Site), cmp.Or(e.Account, s.Account)
	if e.Kind != ticket.KindClosed {
		s.Answers = append(s.Answers, surveyAnswer{EventID: e.ID, Answer: answered(e.Satisfaction), Outcome: now, OccurredAt: e.OccurredAt})
		s.add(e.ReceivedAt, "answer_received", "the visitor's "+answered(e.Satisfaction)+" was stored")
		return
	}
	s.Outcome = now
	s.Attempts, s.Replays = max(s.Attempts, e.Attempts), max(s.Replays, e.Replays)
	s.add(e.OccurredAt, "ended", "iAdvize says that the conversation ended")
	s.add(e.ReceivedAt, "received", "the end of the conversation was stored")
	s.add(e.FirstFailedAt, "failed", "failed for the first time")
	s.add(e.RevivedAt, "replayed", replayedText)
}

func answered(s *ticket.Satisfaction) string {
	switch {
	case s == nil:
		return "answer"
	case s.Score != nil:
		return "score"
	case s.Recommendation != nil:
		return "recommendation"
	default:
		return "comment"
	}
}

func (s *traced) add(at time.Time, name, text string) {
	if !at.IsZero() {
		s.Steps = append(s.Steps, step{At: at.UTC(), Step: name, Text: text})
	}
}

func (s *traced) print(std streams) error {
	var out strings.Builder
	line := func(name, text string) {
		if text != "" {
			fmt.Fprintf(&out, "%-13s %s\n", name, text)
		}
	}
	line("Conversation", s.ConversationID)
	line("Outcome", string(s.Outcome))
	line("Site", s.Site)
	line("Account", s.Account)
	if s.Ref.ID != 0 {
		line("Ticket", fmt.Sprintf("%d  %s", s.Ref.ID, s.Ref.URL))
	}
	line("Reason", string(s.Reason))
	if s.heldAtFirst {
		line("Was held for", s.HeldFor)
	} else {
		line("Held for", s.HeldFor)
	}
	line("Waits for", s.WaitsFor)
	if !s.NextTryAt.IsZero() {
		line("Next try", localTime(s.NextTryAt))
	}
	line("What to do", s.Hint)
	line("Attempts", fmt.Sprintf("%d, replays %d", s.Attempts, s.Replays))
	for _, a := range s.Answers {
		line("Answer", strings.TrimSpace(fmt.Sprintf("%s %s  %s %s", a.Answer, a.Outcome, a.Reason, a.WaitsFor)))
	}
	for _, step := range s.Steps {
		fmt.Fprintf(&out, "%s  %-15s  %s\n", localTime(step.At), step.Step, step.Text)
	}
	_, err := std.out.Write([]byte(out.String()))
	return err
}
