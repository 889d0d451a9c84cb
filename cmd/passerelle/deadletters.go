package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"passerelle/pkg/queue"
	"passerelle/pkg/ticket"
)

type deadlettersCommand struct {
	List    deadListCommand    `cmd:"" help:"List dead letters."`
	Show    deadShowCommand    `cmd:"" help:"The whole story of one."`
	Replay  deadReplayCommand  `cmd:"" help:"Try dead letters again."`
	Discard deadDiscardCommand `cmd:"" help:"Throw dead letters away."`
	Export  deadExportCommand  `cmd:"" help:"Print all as JSON Lines."`
}

// deadFilter chooses dead letters.
type deadFilter struct {
	Site   string        `help:"Only of that site."`
	Reason string        `help:"Only for that reason, as required_field_missing."`
	Since  time.Duration `help:"Only those that failed within that time, as 24h."`
	Limit  int           `help:"At most that many."`
}

func (f deadFilter) any() bool { return f != deadFilter{} }

func (f deadFilter) filter(now time.Time) (queue.Filter, error) {
	known := f.Reason == ""
	words := make([]string, 0, len(ticket.Reasons()))
	for _, r := range ticket.Reasons() {
		known = known || f.Reason == string(r)
		words = append(words, string(r))
	}
	if !known {
		return queue.Filter{}, usageError{fmt.Errorf("--reason: %q is none of %s", f.Reason, strings.Join(words, ", "))}
	}
	if f.Limit < 0 || f.Since < 0 {
		return queue.Filter{}, usageError{errors.New("--limit and --since: expected nothing negative")}
	}
	filter := queue.Filter{Site: f.Site, Reason: ticket.Reason(f.Reason), Limit: f.Limit}
	if f.Since > 0 {
		filter.Since = now.Add(-f.Since)
	}
	return filter, nil
}

// visit opens the queue for a command, and closes it after.
func visit(ctx context.Context, do func(environment, *queue.Queue, *cleanups) error) error {
	e, err := readEnvironment()
	if err != nil {
		return err
	}
	var done cleanups
	defer func() { done.run() }()
	q, err := visitQueue(ctx, e, &done)
	if err != nil {
		return err
	}
	return do(e, q, &done)
}

type deadListCommand struct{ deadFilter }

// Run prints the list.
func (c deadListCommand) Run(ctx context.Context, std streams) error {
	filter, err := c.filter(time.Now())
	if err != nil {
		return err
	}
	return visit(ctx, func(_ environment, q *queue.Queue, _ *cleanups) error {
		letters := []ticket.DeadLetter{}
		if err := q.DeadLetters(ctx, filter, func(b queue.Buried) error { letters = append(letters, b.DeadLetter); return nil }); err != nil {
			return err
		}
		if std.json {
			return printJSON(std, letters)
		}
		if len(letters) == 0 {
			_, err := fmt.Fprintln(std.out, "No dead letters.")
			return err
		}
		rows := make([]table.Row, 0, len(letters))
		for _, d := range letters {
			rows = append(rows, table.Row{d.ID, d.Site, d.Reason, fieldNames(d.Detail.Fields), d.Attempts, d.Replays, localTime(d.LastFailedAt)})
		}
		printTable(std, table.Row{"ID", "Site", "Reason", "Fields", "Attempts", "Replays", "Last failed"}, rows)
		return nil
	})
}

func fieldNames(fields []ticket.FieldRef) string {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = fmt.Sprintf("%s (%d)", f.Title, f.ID)
	}
	return strings.Join(names, ", ")
}

type deadShowCommand struct {
	ID string `arg:"" help:"Id of the dead letter: the conversation's."`
}

// Run prints one.
func (c deadShowCommand) Run(ctx context.Context, std streams) error {
	return visit(ctx, func(_ environment, q *queue.Queue, _ *cleanups) error {
		d, err := find(ctx, q, c.ID)
		if err != nil {
			return err
		}
		if std.json {
			return printJSON(std, d.DeadLetter)
		}
		_, err = fmt.Fprintf(std.out, "Conversation  %s\nSite          %s\nAccount       %s\nReason        %s\nDetail        %s\nWhat to do    %s\nAttempts      %d, replays %d\nFirst failed  %s\nLast failed   %s\n",
			d.ConversationID, d.Site, d.Account, d.Reason, d.Detail.Message, d.Hint, d.Attempts, d.Replays,
			localTime(d.FirstFailedAt), localTime(d.LastFailedAt))
		return err
	})
}

// find takes the id of a dead letter, or of its conversation.
func find(ctx context.Context, q *queue.Queue, id string) (queue.Buried, error) {
	b, err := q.DeadLetter(ctx, strings.ToLower(id))
	if errors.Is(err, queue.ErrNoDeadLetter) {
		if b, again := q.DeadLetter(ctx, string(ticket.JobOf(id))); again == nil {
			return b, nil
		}
	}
	return b, err
}

// chosen hands the dead letters that are meant to do: those named, or those that the filter takes.
func chosen(ctx context.Context, q *queue.Queue, ids []string, f deadFilter, all bool, do func(queue.Buried) error) error {
	switch {
	case len(ids) > 0 && (all || f.any()):
		return usageError{errors.New("expected ids, or filters, or --all, not several of them")}
	case len(ids) == 0 && !all && !f.any():
		return usageError{errors.New("expected ids, filters (--site, --reason, --since, --limit) or --all")}
	}
	for _, id := range ids {
		b, err := find(ctx, q, id)
		if err == nil {
			err = do(b)
		}
		if err != nil {
			return err
		}
	}
	if len(ids) > 0 {
		return nil
	}
	filter, err := f.filter(time.Now())
	if err != nil {
		return err
	}
	return q.DeadLetters(ctx, filter, do)
}

type deadReplayCommand struct {
	deadFilter

	IDs    []string `arg:"" optional:"" name:"id" help:"Ids of dead letters."`
	All    bool     `help:"All of them."`
	DryRun bool     `help:"Say what each would do now, and change nothing."`
}

// replayed is what a replay says of one dead letter.
type replayed struct {
	ID     string         `json:"id"`
	Result string         `json:"result"` // replayed, created (the ticket exists already), or in a dry run: created, skipped, dead, held, retry
	Reason ticket.Reason  `json:"reason,omitempty"`
	Detail *ticket.Detail `json:"detail,omitempty"`
	Hint   string         `json:"hint,omitempty"`
	ticket.Ref
}

// Run replays.
func (c deadReplayCommand) Run(ctx context.Context, std streams) error {
	return visit(ctx, func(e environment, q *queue.Queue, done *cleanups) error {
		act := func(b queue.Buried) (replayed, error) { return replay(ctx, q, b) }
		if c.DryRun {
			preview, err := previewer(ctx, e, q, done)
			if err != nil {
				return err
			}
			act = func(b queue.Buried) (replayed, error) { return preview(ctx, b) }
		}
		results := []replayed{}
		err := chosen(ctx, q, c.IDs, c.deadFilter, c.All, func(b queue.Buried) error {
			r, err := act(b)
			if err != nil {
				return err
			}
			if std.json {
				results = append(results, r)
				return nil
			}
			return printReplayed(std, r, c.DryRun)
		})
		if err == nil && std.json {
			err = printJSON(std, results)
		}
		return err
	})
}

func printReplayed(std streams, r replayed, dry bool) error {
	text := r.Result
	if dry {
		text = "would be " + r.Result
	}
	if r.ID != "" && r.Ref.ID != 0 {
		text += fmt.Sprintf(", ticket %d", r.Ref.ID)
	}
	if r.Detail != nil {
		text += ": " + string(r.Reason) + ": " + r.Detail.Message
	}
	_, err := fmt.Fprintf(std.out, "%s  %s\n", r.ID, text)
	return err
}

// replay puts one back, unless its ticket exists meanwhile.
func replay(ctx context.Context, q *queue.Queue, b queue.Buried) (replayed, error) {
	if b.Event.Kind == ticket.KindClosed {
		entry, found, err := q.Look(ctx, b.Event.Job())
		if err != nil {
			return replayed{}, err
		}
		if found && entry.State == queue.StateCreated {
			return replayed{ID: b.ID, Result: "created", Ref: entry.Ref}, q.Discard(ctx, b)
		}
	}
	return replayed{ID: b.ID, Result: "replayed"}, q.Replay(ctx, b, time.Now())
}

// previewer tells what a replay would do, by all but the last step of a delivery.
func previewer(ctx context.Context, e environment, q *queue.Queue, done *cleanups) (func(context.Context, queue.Buried) (replayed, error), error) {
	config, _, err := inForce(ctx, q, loadFile(e.Config), func(queue.AppliedConfig, error) {})
	if err != nil {
		return nil, err
	}
	w, err := wireWorks(e, config, q, done)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, b queue.Buried) (replayed, error) {
		o := w.deliverer.Preview(ctx, b.Revive(time.Now()))
		r := replayed{ID: b.ID, Result: string(o.Result), Ref: o.Ticket}
		if o.Failure != nil {
			r.Reason, r.Detail, r.Hint = o.Failure.Reason, &o.Failure.Detail, o.Failure.Hint
		}
		return r, ctx.Err()
	}, nil
}

type deadDiscardCommand struct {
	deadFilter

	IDs []string `arg:"" optional:"" name:"id" help:"Ids of dead letters."`
	All bool     `help:"All of them."`
	Yes bool     `short:"y" help:"Do not ask."`
}

// Run discards, after asking.
func (c deadDiscardCommand) Run(ctx context.Context, std streams) error {
	return visit(ctx, func(_ environment, q *queue.Queue, _ *cleanups) error {
		var all []queue.Buried
		if err := chosen(ctx, q, c.IDs, c.deadFilter, c.All, func(b queue.Buried) error { all = append(all, b); return nil }); err != nil {
			return err
		}
		if len(all) > 0 && !c.Yes {
			_, _ = fmt.Fprintf(std.err, "Discard %d dead letters? Their conversations get no ticket. [y/N] ", len(all))
			line, _ := bufio.NewReader(std.in).ReadString('\n') // no answer is a no
			if answer := strings.ToLower(strings.TrimSpace(line)); answer != "y" && answer != "yes" {
				return errors.New("nothing was discarded; answer y, or give --yes")
			}
		}
		ids := []string{}
		for _, b := range all {
			if err := q.Discard(ctx, b); err != nil {
				return err
			}
			ids = append(ids, b.ID)
		}
		if std.json {
			return printJSON(std, map[string][]string{"discarded": ids})
		}
		_, err := fmt.Fprintf(std.out, "Discarded %d.\n", len(ids))
		return err
	})
}

type deadExportCommand struct{ deadFilter }

// Run prints one JSON object a line.
func (c deadExportCommand) Run(ctx context.Context, std streams) error {
	filter, err := c.filter(time.Now())
	if err != nil {
		return err
	}
	return visit(ctx, func(_ environment, q *queue.Queue, _ *cleanups) error {
		encoder := json.NewEncoder(std.out)
		return q.DeadLetters(ctx, filter, func(b queue.Buried) error { return encoder.Encode(b.DeadLetter) })
	})
}
