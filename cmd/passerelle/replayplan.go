package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"passerelle/pkg/queue"
	"passerelle/pkg/ticket"
)

// replayPlan is what a replay would go through.
type replayPlan struct {
	Total   int          `json:"total"`
	Pace    int          `json:"pace"`    // a minute; 0: no limit
	Minutes int          `json:"minutes"` // at least, at that pace
	Kinds   []replayKind `json:"kinds"`   // the most frequent first
}

// replayKind are the dead letters of one site with one reason.
type replayKind struct {
	Site   string        `json:"site"`
	Reason ticket.Reason `json:"reason"`
	Count  int           `json:"count"`
	Oldest replayed      `json:"oldest"` // what would become of the oldest one now

	first queue.Buried
}

// count goes through all that are chosen and keeps one of each kind.
func (c deadReplayCommand) count(ctx context.Context, q *queue.Queue) (replayPlan, error) {
	plan := replayPlan{Pace: c.Pace}
	kinds := map[string]*replayKind{}
	if err := oneChoice(c.IDs, c.deadFilter, c.All); err != nil {
		return plan, err
	}
	err := c.each(ctx, q, func(b queue.Buried) error {
		plan.Total++
		key := b.Site + "/" + string(b.Reason)
		if kinds[key] == nil {
			kinds[key] = &replayKind{Site: b.Site, Reason: b.Reason, first: b}
		}
		kinds[key].Count++
		return nil
	}, func(string) error { plan.Total++; return nil })
	if c.Pace > 0 {
		plan.Minutes = plan.Total / c.Pace
	}
	plan.Kinds = make([]replayKind, 0, len(kinds))
	for _, key := range slices.Sorted(maps.Keys(kinds)) {
		plan.Kinds = append(plan.Kinds, *kinds[key])
	}
	slices.SortStableFunc(plan.Kinds, func(a, b replayKind) int { return cmp.Compare(b.Count, a.Count) })
	return plan, err
}

// takes is how long the replay takes at its pace.
func (p replayPlan) takes() time.Duration {
	return (time.Duration(p.Total) * time.Minute / time.Duration(p.Pace)).Round(time.Second)
}

// announce says on standard error what is about to begin.
func (p replayPlan) announce(std streams, dry bool) {
	if p.Total == 0 {
		return
	}
	text := fmt.Sprintf("%d dead letters to replay", p.Total)
	switch {
	case dry:
		text = fmt.Sprintf("%d dead letters to look at", p.Total)
	case p.Minutes > 0:
		text += fmt.Sprintf(", which takes about %s at %d a minute (--pace)", p.takes(), p.Pace)
	}
	_, _ = fmt.Fprintln(std.err, text+":")
	for _, k := range p.Kinds {
		_, _ = fmt.Fprintf(std.err, "%7d  %s  %s\n", k.Count, cmp.Or(k.Site, "(unknown site)"), k.Reason)
	}
	_, _ = fmt.Fprintln(std.err, "Ctrl-C stops between two of them; what is not replayed by then stays where it is.")
}

// show asks of the oldest of each kind what would become of it, and prints the plan.
func (p replayPlan) show(std streams, preview func(queue.Buried) (replayed, error)) error {
	for i := range p.Kinds {
		var err error
		if p.Kinds[i].Oldest, err = preview(p.Kinds[i].first); err != nil {
			return err
		}
	}
	if std.json {
		return printJSON(std, p)
	}
	if p.Total == 0 {
		_, err := fmt.Fprintln(std.out, "No dead letters.")
		return err
	}
	rows := make([]table.Row, 0, len(p.Kinds))
	for _, k := range p.Kinds {
		rows = append(rows, table.Row{k.Count, k.Site, k.Reason, k.Oldest.ID, k.Oldest.text(true)})
	}
	printTable(std, table.Row{"Count", "Site", "Reason", "Oldest", "Now it"}, rows)
	if p.Pace > 0 {
		_, err := fmt.Fprintf(std.out, "%d in all, about %s at %d a minute.\n", p.Total, p.takes(), p.Pace)
		return err
	}
	_, err := fmt.Fprintf(std.out, "%d in all.\n", p.Total)
	return err
}
