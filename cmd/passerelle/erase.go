package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"passerelle/pkg/queue"
	"passerelle/pkg/ticket"
)

type eraseCommand struct {
	Visitor      string   `help:"The visitor's e-mail address or external id (iAdvize's externalUserId); - reads it from standard input." placeholder:"EMAIL_OR_ID"`
	Conversation []string `help:"Conversations of the visitor, by id: for those that iAdvize no longer gives." placeholder:"ID"`
	DryRun       bool     `help:"Say what would be erased, and change nothing."`
	Records      bool     `help:"List what was erased so far."`
}

// readers is how many conversations are read from iAdvize at once.
const readers = 8

// erasure is what a run found and removed.
type erasure struct {
	ID            string         `json:"id,omitempty"` // of the record
	DryRun        bool           `json:"dry_run"`
	LookedAt      int            `json:"looked_at"` // conversations of which something was stored
	Conversations []queue.Erased `json:"conversations"`
	Unread        []unread       `json:"unread"`
}

// unread is a conversation of which something is held and whose visitor could not be found out.
type unread struct {
	ConversationID string `json:"conversation_id"`
	Why            string `json:"why"`
}

// Run erases.
func (c eraseCommand) Run(ctx context.Context, std streams) error {
	if c.Visitor == "-" {
		line, _ := bufio.NewReader(std.in).ReadString('\n') // nothing is what it is without
		c.Visitor = line
	}
	c.Visitor = strings.TrimSpace(c.Visitor)
	if given := c.Visitor != "" || len(c.Conversation) > 0; given == c.Records {
		return usageError{errors.New("expected --visitor EMAIL_OR_ID, --conversation ID, or --records")}
	}
	return visit(ctx, func(e environment, q *queue.Queue, done *cleanups) error {
		if c.Records {
			return printErasures(ctx, std, q)
		}
		result, err := c.find(ctx, std, e, q, done)
		if err != nil {
			return err
		}
		settle := result.erase
		if c.DryRun {
			settle = result.count
		}
		if err := settle(ctx, q); err != nil {
			return err
		}
		if std.json {
			err = printJSON(std, result)
		} else {
			err = result.print(std)
		}
		if err == nil && len(result.Unread) > 0 {
			err = fmt.Errorf("the visitor of %s could not be found out; erase those that are the visitor's by --conversation ID", plural(len(result.Unread), "conversation"))
		}
		return err
	})
}

// find reads each conversation of which something is stored from iAdvize, because events carry no name or address.
func (c eraseCommand) find(ctx context.Context, std streams, e environment, q *queue.Queue, done *cleanups) (erasure, error) {
	result := erasure{DryRun: c.DryRun, Conversations: []queue.Erased{}, Unread: []unread{}}
	stored := map[ticket.Job]ticket.Event{}
	err := q.Resting(ctx, func(event ticket.Event) error {
		stored[event.Job()] = ticket.Event{ConversationID: event.ConversationID, Platform: event.Platform, ProjectID: event.ProjectID}
		return nil
	})
	if err != nil {
		return result, err
	}
	result.LookedAt = len(stored)
	for _, id := range c.Conversation {
		result.Conversations = append(result.Conversations, queue.Erased{ConversationID: id})
		delete(stored, ticket.JobOf(id))
	}
	if c.Visitor == "" {
		return result, nil
	}
	config, err := configInForce(ctx, e, q)
	if err != nil {
		return result, err
	}
	w, err := wireWorks(e, config, q, done)
	if err != nil {
		return result, err
	}
	bar := newProgress(std, len(stored), "Reading")
	defer bar.end()
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(readers)
	for _, event := range stored {
		group.Go(func() error {
			is, why := w.isOf(ctx, event, c.Visitor)
			mu.Lock()
			defer mu.Unlock()
			bar.step()
			switch {
			case why != "":
				result.Unread = append(result.Unread, unread{event.ConversationID, why})
			case is:
				result.Conversations = append(result.Conversations, queue.Erased{ConversationID: event.ConversationID})
			}
			return ctx.Err()
		})
	}
	if err := group.Wait(); err != nil {
		return result, fmt.Errorf("interrupted, and nothing was erased: %w", err)
	}
	slices.SortFunc(result.Unread, func(a, b unread) int { return strings.Compare(a.ConversationID, b.ConversationID) })
	slices.SortFunc(result.Conversations, func(a, b queue.Erased) int { return strings.Compare(a.ConversationID, b.ConversationID) })
	return result, nil
}

// isOf tells whether a conversation is that visitor's, or why that is not known.
func (w works) isOf(ctx context.Context, e ticket.Event, visitor string) (is bool, why string) {
	if strings.EqualFold(visitor, e.ConversationID) {
		return true, ""
	}
	s, ok := w.directory.Site(ctx, e.Platform, e.ProjectID)
	if !ok {
		return false, fmt.Sprintf("no site is configured for project %d", e.ProjectID)
	}
	source, ok := w.deliverer.Conversations(s.IAdvize)
	if !ok {
		return false, "the iAdvize connection is not configured"
	}
	c, err := source.Read(ctx, e.ConversationID)
	if err != nil {
		return false, err.Error()
	}
	if strings.Contains(visitor, "@") {
		return strings.EqualFold(visitor, strings.TrimSpace(c.Visitor.Email)), ""
	}
	return visitor == c.Visitor.ExternalID, ""
}

// erase removes what was found and records it.
func (r *erasure) erase(ctx context.Context, q *queue.Queue) error {
	record := queue.Erasure{At: time.Now().UTC(), LookedAt: r.LookedAt, Unread: len(r.Unread), Conversations: []string{}}
	var failed error
	for i, found := range r.Conversations {
		erased, err := q.Erase(ctx, found.ConversationID, record.At)
		if err != nil {
			failed = err
			break
		}
		r.Conversations[i] = erased
		record.Conversations = append(record.Conversations, erased.ConversationID)
		record.Events += erased.Events
		record.Held += erased.Held
		record.DeadLetters += erased.DeadLetters
	}
	var err error
	r.ID, err = q.RecordErasure(context.WithoutCancel(ctx), record) // what was erased is recorded, whatever ended it
	return errors.Join(failed, err)
}

// count tells what would be removed.
func (r *erasure) count(ctx context.Context, q *queue.Queue) error {
	for i, found := range r.Conversations {
		stored, err := q.Stored(ctx, found.ConversationID)
		if err != nil {
			return err
		}
		r.Conversations[i] = stored
	}
	return nil
}

// headline says of how many conversations something was erased.
func (r *erasure) headline(out *strings.Builder) {
	known, unknown := 0, []string{}
	for _, c := range r.Conversations {
		if c.Known {
			known++
		} else {
			unknown = append(unknown, c.ConversationID)
		}
	}
	is, done := "was", "Erased"
	if r.DryRun {
		is, done = "is", "Would erase"
	}
	switch {
	case known > 0:
		fmt.Fprintf(out, "%s what %s held of %s; something %s held of %s in all.\n", done, is, plural(known, "conversation"), is, plural(r.LookedAt, "conversation"))
	case len(unknown) > 0:
		fmt.Fprintf(out, "Nothing %s held of %s.\n", is, strings.Join(unknown, ", "))
	default:
		fmt.Fprintf(out, "Found nothing to erase; something is held of %s in all.\n", plural(r.LookedAt, "conversation"))
	}
}

func (r *erasure) print(std streams) error {
	var out strings.Builder
	r.headline(&out)
	for _, c := range r.Conversations {
		fmt.Fprintf(&out, "  %s", c.ConversationID)
		switch {
		case !c.Known && r.DryRun:
			out.WriteString("  nothing is held of it, and nothing is known of it, unless it was erased before: check the id")
		case !c.Known:
			out.WriteString("  nothing was held of it, and nothing is known of it, unless it was erased before: check the id. It is noted that it was erased, so that no ticket is made of it")
		case !r.DryRun:
			fmt.Fprintf(&out, "  events %d, held %d, dead letters %d", c.Events, c.Held, c.DeadLetters)
		}
		switch {
		case c.Ref.ID != 0:
			fmt.Fprintf(&out, "  erase ticket %d in Zendesk: %s", c.Ref.ID, c.Ref.URL)
		case c.Uncertain:
			fmt.Fprintf(&out, "  search Zendesk for external_id %s: its ticket may have been made", ticket.ExternalID(c.ConversationID))
		}
		out.WriteByte('\n')
	}
	for _, u := range r.Unread {
		fmt.Fprintf(&out, "  %s  visitor not known: %s\n", u.ConversationID, u.Why)
	}
	if r.ID != "" {
		fmt.Fprintf(&out, "Record %s. Tickets that exist are erased in Zendesk, conversations in iAdvize.\n", r.ID)
	}
	_, err := std.out.Write([]byte(out.String()))
	return err
}

func printErasures(ctx context.Context, std streams, q *queue.Queue) error {
	all := []queue.Erasure{}
	if err := q.Erasures(ctx, func(e queue.Erasure) error { all = append(all, e); return nil }); err != nil {
		return err
	}
	if std.json {
		return printJSON(std, all)
	}
	for _, e := range all {
		if _, err := fmt.Fprintf(std.out, "%s  %s  %s: events %d, held %d, dead letters %d\n", e.ID, localTime(e.At), plural(len(e.Conversations), "conversation"), e.Events, e.Held, e.DeadLetters); err != nil {
			return err
		}
	}
	return nil
}
