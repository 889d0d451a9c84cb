package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"passerelle/ingest"
	"passerelle/pkg/queue"
	"passerelle/pkg/site"
	"passerelle/pkg/ticket"
)

type backfillCommand struct {
	Site   string `required:"" help:"Name of the site."`
	From   string `required:"" help:"Begin: 2026-11-01T08:00:00+01:00, a date, or how long ago, as 7d or 36h."`
	To     string `default:"now" help:"End, in the same forms; a date counts to its end."`
	DryRun bool   `help:"Say how many would be queued, and change nothing."`
	Pace   int    `help:"At most that many events a minute; by default a quarter of what the site's Zendesk account takes."`
	Anew   bool   `help:"Begin at the beginning, where an earlier call of the same interval stopped half-way."`
}

const (
	paceShare    = 4 // a ticket of long ago costs a look-up and a creation; half of the budget stays for live ones
	freshTime    = time.Minute
	workerWait   = 10 * time.Second
	workerLookup = 200 * time.Millisecond
)

// backfilled is the summary.
type backfilled struct {
	Site     string         `json:"site"`
	From     time.Time      `json:"from"`
	To       time.Time      `json:"to"`
	DryRun   bool           `json:"dry_run"`
	Resumed  bool           `json:"resumed"`  // an earlier call had begun; its conversations are counted too
	Complete bool           `json:"complete"` // the whole interval has been looked at
	Found    int            `json:"found"`
	Queued   int            `json:"queued"`  // in a dry run: would be
	Skipped  map[string]int `json:"skipped"` // by what was known of them: created, skipped, dead, held, queued
	TookMS   int64          `json:"took_ms"`
}

// Run queues what is missing. It prints the summary also when a person stops it half-way.
func (c backfillCommand) Run(ctx context.Context, std streams) error {
	now := time.Now()
	from, to, err := parseInterval(c.From, c.To, now, now.Add(-freshTime))
	if err != nil {
		return usageError{err}
	}
	if c.Pace < 0 || c.Pace > fastestPace {
		return usageError{fmt.Errorf("--pace: expected 1 to %d events a minute", fastestPace)}
	}
	return visit(ctx, func(e environment, q *queue.Queue, done *cleanups) error {
		b, err := c.wire(ctx, e, q, done)
		if err != nil {
			return err
		}
		b.From, b.To = from, to
		if !c.DryRun {
			if err := awaitWorker(ctx, q); err != nil {
				return err
			}
		}
		bar := newBackfillProgress(std)
		b.Tell = bar.tell
		p, resumed, runErr := b.Run(ctx)
		bar.bar.end()
		if c.tells(ctx, p, runErr) {
			err = backfilled{
				Site: c.Site, From: p.From.UTC(), To: p.To.UTC(), DryRun: c.DryRun, Resumed: resumed, Complete: p.Done, Found: p.Found, Queued: p.Queued,
				Skipped: p.Skipped, TookMS: time.Since(now).Milliseconds(),
			}.show(std)
		}
		return errors.Join(c.explain(ctx, runErr), err)
	})
}

// tells whether there is a summary: after a failure only of what was queued.
func (c backfillCommand) tells(ctx context.Context, p queue.BackfillPosition, failed error) bool {
	return failed == nil || !p.BegunAt.IsZero() && (ctx.Err() != nil || !c.DryRun && p.Queued > 0)
}

// wire finds the site and its connection.
func (c backfillCommand) wire(ctx context.Context, e environment, q *queue.Queue, done *cleanups) (*ingest.Backfill, error) {
	config, err := configInForce(ctx, e, q)
	if err != nil {
		return nil, err
	}
	s, ok := config.Sites[c.Site]
	if !ok {
		return nil, usageError{fmt.Errorf("--site %q: expected one of the configuration: %s", c.Site, strings.Join(slices.Sorted(maps.Keys(config.Sites)), ", "))}
	}
	if err := lacking(config.Unresolved(), s, site.ReadConversations); err != nil {
		return nil, err
	}
	w, err := wireWorks(e, config, q, done)
	if err != nil {
		return nil, err
	}
	list, ok := w.closed(s.IAdvize)
	if !ok {
		return nil, fmt.Errorf("the address of the iAdvize connection %q cannot be resolved; passerelle sites list shows what is configured", s.IAdvize)
	}
	pace := c.Pace
	if account := config.Zendesk[s.Account]; pace == 0 {
		pace = max(account.RequestsPerMinute*(100-*account.ReservePercent)/100/paceShare, 1)
	}
	return &ingest.Backfill{
		Store: q, List: list, Site: s, Name: strings.TrimSpace(c.From) + " " + strings.TrimSpace(c.To), Pace: pace, DryRun: c.DryRun, Anew: c.Anew,
	}, nil
}

// awaitWorker makes sure that what is queued is worked off: a backfill waits for the queue to be short, and would wait
// for ever. In an embedded store it would keep the worker out, too.
func awaitWorker(ctx context.Context, q *queue.Queue) error {
	tick := time.NewTicker(workerLookup)
	defer tick.Stop()
	limit, cancel := context.WithTimeout(ctx, workerWait)
	defer cancel()
	for {
		if working, err := q.Working(ctx); err != nil || working {
			return err
		}
		select {
		case <-limit.Done():
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return errors.New("nobody takes events from the queue; start passerelle serve first, or look with --dry-run")
		case <-tick.C:
		}
	}
}

func (c backfillCommand) explain(ctx context.Context, err error) error {
	then := "the same command goes on from there"
	if c.DryRun {
		then = "call it again"
	}
	var f *ticket.Failure
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil && c.DryRun:
		return errors.New("stopped half-way")
	case ctx.Err() != nil:
		return errors.New("stopped half-way; the same command goes on from there")
	case errors.Is(err, queue.ErrOvertaken):
		return errors.New("the same backfill runs in another process; let it, or end it first")
	case errors.As(err, &f) && f.Hint != "":
		hint, _, _ := strings.Cut(f.Hint, "; the jobs wait") // here it is a person who waits
		return fmt.Errorf("backfill: %w; %s; then %s", err, hint, then)
	default:
		return fmt.Errorf("backfill: %w; %s", err, then)
	}
}

func (b backfilled) show(std streams) error {
	if std.json {
		return printJSON(std, b)
	}
	queued := "Queued"
	if b.DryRun {
		queued = "Would be queued"
	}
	rows := []table.Row{{"From", localTime(b.From)}, {"To", localTime(b.To)}, {"Conversations found", b.Found}, {queued, b.Queued}}
	for _, word := range slices.Sorted(maps.Keys(b.Skipped)) {
		rows = append(rows, table.Row{map[string]string{
			string(queue.StageCreated): "Skipped: have their ticket", string(queue.StageSkipped): "Skipped: the site wanted no ticket",
			string(queue.StageDead): "Skipped: dead letters, or discarded", string(queue.StageHeld): "Skipped: wait for their account",
			string(queue.StageQueued): "Skipped: queued already",
		}[word], b.Skipped[word]})
	}
	printTable(std, table.Row{"Backfill of " + b.Site, ""}, rows)
	return nil
}

// backfillProgress shows a bar on a terminal, and elsewhere only what the backfill waits for.
type backfillProgress struct {
	out io.Writer
	bar progress
	why string // the kind of wait that was shown last
}

func newBackfillProgress(std streams) *backfillProgress {
	return &backfillProgress{out: std.err, bar: newSpan(std)}
}

// tell shows how much of the interval is done: how many conversations it holds is not known before.
func (p *backfillProgress) tell(b queue.BackfillPosition, why string) {
	if p.bar.shown() {
		if why != "" {
			why = " (" + why + ")"
		}
		p.bar.span(b.Place.From.Sub(b.From), b.To.Sub(b.From), fmt.Sprintf("%d found, %d queued%s", b.Found, b.Queued, why))
		return
	}
	kind, _, _ := strings.Cut(why, ":")
	if kind != p.why && why != "" {
		_, _ = fmt.Fprintln(p.out, "passerelle: backfill:", why)
	}
	p.why = kind
}
