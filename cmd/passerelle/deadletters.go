package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"passerelle/pkg/nearest"
	"passerelle/pkg/queue"
	"passerelle/pkg/ticket"
)

type deadlettersCommand struct {
	List    deadListCommand    `cmd:"" help:"List dead letters."`
	Show    deadShowCommand    `cmd:"" help:"One of them: why it died, in full, and what to do."`
	Replay  deadReplayCommand  `cmd:"" help:"Try dead letters again."`
	Discard deadDiscardCommand `cmd:"" help:"Throw dead letters away."`
	Export  deadExportCommand  `cmd:"" help:"Print all as JSON Lines."`
}

// deadFilter chooses dead letters.
type deadFilter struct {
	Site   string `help:"Only of that site."`
	Reason string `help:"Only for that reason, as required_field_missing."`
	Since  ago    `help:"Only those that failed within that time, as 24h or 7d." placeholder:"AGO"`
	Limit  int    `help:"At most that many."`
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
	if f.Limit < 0 {
		return queue.Filter{}, usageError{errors.New("--limit: expected nothing negative")}
	}
	filter := queue.Filter{Site: f.Site, Reason: ticket.Reason(f.Reason), Limit: f.Limit}
	if f.Since > 0 {
		filter.Since = now.Add(-time.Duration(f.Since))
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
	return visit(ctx, func(e environment, q *queue.Queue, _ *cleanups) error {
		letters := []ticket.DeadLetter{}
		if err := q.DeadLetters(ctx, filter, func(b queue.Buried) error { letters = append(letters, b.DeadLetter); return nil }); err != nil {
			return err
		}
		if len(letters) == 0 && c.Site != "" {
			if err := hintAtSite(ctx, std, e, q, c.Site); err != nil {
				return err
			}
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

// hintAtSite says that there is no such site, when none is configured and no letter is of one: its name may be misspelt.
func hintAtSite(ctx context.Context, std streams, e environment, q *queue.Queue, name string) error {
	config, err := configInForce(ctx, e, q)
	if err != nil {
		return nil //nolint:nilerr // without a configuration nothing can be said of the site; the list is right all the same
	}
	if _, configured := config.Sites[name]; configured {
		return nil
	}
	known := false
	if err := q.DeadLetters(ctx, queue.Filter{Site: name, Limit: 1}, func(queue.Buried) error { known = true; return nil }); err != nil || known {
		return err
	}
	hint := "passerelle sites list shows those that there are"
	if near, ok := nearest.Name(name, slices.Collect(maps.Keys(config.Sites))); ok {
		hint = "did you mean " + near + "?"
	}
	_, err = fmt.Fprintf(std.err, "passerelle: --site %q: no site of that name is configured, and no dead letter is of one; %s\n", name, hint)
	return err
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
			d.ConversationID, d.Site, d.Account, d.Reason, d.Detail.Text(), d.Hint, d.Attempts, d.Replays,
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

// oneChoice asks for ids, filters or all, and for one of them only.
func oneChoice(ids []string, f deadFilter, all bool) error {
	switch {
	case len(ids) > 0 && (all || f.any()):
		return usageError{errors.New("expected ids, or filters, or --all, not several of them")}
	case len(ids) == 0 && !all && !f.any():
		return usageError{errors.New("expected ids, filters (--site, --reason, --since, --limit) or --all")}
	}
	return nil
}

// chosen hands the dead letters that are meant to do: those named, or those that the filter takes.
func chosen(ctx context.Context, q *queue.Queue, ids []string, f deadFilter, all bool, do func(queue.Buried) error) error {
	if err := oneChoice(ids, f, all); err != nil {
		return err
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
			_, _ = fmt.Fprintf(std.err, "Discard %s? No ticket is made of what was discarded. [y/N] ", plural(len(all), "dead letter"))
			line, _ := bufio.NewReader(std.in).ReadString('\n') // no answer is a no
			if answer := strings.ToLower(strings.TrimSpace(line)); answer != "y" && answer != "yes" {
				return errors.New("nothing was discarded; answer y, or give --yes")
			}
		}
		ids := []string{}
		for _, b := range all {
			if err := q.Discard(ctx, b, time.Now()); err != nil {
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
