package ingest

import (
	"context"
	"errors"
	"time"

	"passerelle/pkg/iadvize"
	"passerelle/pkg/queue"
	"passerelle/pkg/ticket"
)

// ClosedList is iAdvize's list of the conversations that ended. Errors are *ticket.Failure.
type ClosedList interface {
	ClosedConversations(ctx context.Context, projectID int64, from, to time.Time, after string) (iadvize.ClosedPage, error)
}

// scan walks through what ended at a site until a time, slice by slice and page by page, so that it needs the memory of
// one page and can go on wherever it was cut off. iAdvize does not document the order of its list; the slices give one.
type scan struct {
	list  ClosedList
	site  ticket.Site
	to    time.Time
	slice time.Duration
	// see looks at a page. A page may come again after a failure.
	see func(ctx context.Context, page []iadvize.ClosedConversation) error
	// passed is told where the scan goes on after each page.
	passed func(ctx context.Context, next queue.Place) error
}

// maxPages bounds a slice, against a list that never ends: a million conversations.
const maxPages = 10_000

// edge is the smallest difference between two of iAdvize's times.
const edge = time.Millisecond

var (
	errEndless = errors.New("iAdvize's list of closed conversations does not end")
	errRepeats = errors.New("iAdvize's list of closed conversations gives the same page again")
)

// run walks on from a place.
func (s *scan) run(ctx context.Context, at queue.Place) error {
	resumed := at.After != ""
	at.From, s.to = at.From.Truncate(edge), s.to.Truncate(edge)
	for pages := 0; at.After != "" || at.From.Before(s.to); pages++ {
		if at.After == "" {
			at.Until, pages = earlier(at.From.Add(s.slice).Truncate(edge), s.to), 0
		}
		if pages == maxPages {
			return errEndless
		}
		page, err := s.list.ClosedConversations(ctx, s.site.ProjectID, at.From.Add(-edge), at.Until, at.After)
		if err != nil {
			if resumed && ofList(err) { // how long a cursor is good for is not documented
				at.After, resumed = "", false
				continue
			}
			return err
		}
		resumed = false
		if page.Next != "" && page.Next == at.After {
			return errRepeats
		}
		if err := s.see(ctx, s.own(page.Conversations, at)); err != nil {
			return err
		}
		if page.Next == "" {
			at = queue.Place{From: at.Until}
		} else {
			at.After = page.Next
		}
		if err := s.passed(ctx, at); err != nil {
			return err
		}
	}
	return nil
}

// own leaves out what is another project's, whatever was asked for: a ticket must not go to another client's account.
// It also leaves what lies on an edge to one of the two slices: whether the ends of an interval belong to it is not
// documented, so that each slice asks for a little more.
func (s *scan) own(page []iadvize.ClosedConversation, at queue.Place) []iadvize.ClosedConversation {
	kept := page[:0]
	for _, c := range page {
		closed := c.ClosedAt.Truncate(edge)
		before := closed.Equal(at.From.Add(-edge))
		after := closed.Equal(at.Until) && at.Until.Before(s.to)
		if (c.ProjectID == 0 || c.ProjectID == s.site.ProjectID) && !before && !after {
			kept = append(kept, c)
		}
	}
	return kept
}

// ofList tells whether a failure concerns the list that was asked for and not all of the connection.
func ofList(err error) bool {
	var f *ticket.Failure
	return errors.As(err, &f) && f.Trouble == ticket.TroubleHiccup
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// ended is the event of a conversation that was found, as its webhook would have given it, but for iAdvize's id of the
// event and the agents, who are read with the conversation. Its age counts from now.
func ended(s ticket.Site, c iadvize.ClosedConversation, now time.Time) ticket.Event {
	return ticket.Event{
		Kind: ticket.KindClosed, Platform: s.Platform, ProjectID: s.ProjectID, ConversationID: c.ID,
		Channel: c.Channel, OccurredAt: c.ClosedAt, ReceivedAt: now, Site: s.Name, Account: s.Account,
	}
}

// finder looks for conversations in the store, and puts into the queue what is missing.
type finder interface {
	Stage(ctx context.Context, e ticket.Event) (queue.Stage, error)
	Publish(ctx context.Context, e ticket.Event) (queue.Stored, error)
}

// offer queues the event unless something is known of its conversation. It gives what was known before.
func offer(ctx context.Context, store finder, e ticket.Event) (queue.Stage, error) {
	stage, err := store.Stage(ctx, e)
	if err != nil || stage != queue.StageMissing {
		return stage, err
	}
	stored, err := store.Publish(ctx, e)
	if err == nil && stored == queue.Duplicate { // its webhook came in between, or lately
		stage = queue.StageQueued
	}
	return stage, err
}
