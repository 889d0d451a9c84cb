package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"passerelle/pkg/observe"
	"passerelle/pkg/queue"
	"passerelle/pkg/ticket"
)

type deadReplayCommand struct {
	deadFilter

	IDs    []string `arg:"" optional:"" name:"id" help:"Ids of dead letters."`
	All    bool     `help:"All of them."`
	Plan   bool     `help:"Say how many there are of each kind and what would become of the oldest of each, and change nothing."`
	DryRun bool     `help:"Say what each would do now, and change nothing."`
	Pace   int      `default:"120" help:"At most that many a minute, 0 to 60000, so that live conversations keep their share of the account's limits; 0 is as fast as they are stored."`
}

const (
	fastestPace = 60_000
	replayTime  = 20 * time.Second // for one, which is finished when the command is interrupted
)

// Run replays.
func (c deadReplayCommand) Run(ctx context.Context, std streams) error {
	if c.Pace < 0 || c.Pace > fastestPace {
		return usageError{fmt.Errorf("--pace: expected 0 to %d a minute", fastestPace)}
	}
	if c.Plan && c.DryRun {
		return usageError{errors.New("expected --plan or --dry-run, not both")}
	}
	return visit(ctx, func(e environment, q *queue.Queue, done *cleanups) error {
		plan, err := c.count(ctx, q)
		if err != nil {
			return err
		}
		r := replay{command: c, std: std, queue: q, dry: c.DryRun, total: plan.Total, results: map[string]int{}}
		r.one = func(b queue.Buried) (replayed, error) { return replayOne(ctx, q, b) }
		if c.Plan || c.DryRun {
			p, err := newPreview(ctx, e, q, done)
			if err == nil {
				err = p.ready(plan)
			}
			if err != nil {
				return err
			}
			r.one = func(b queue.Buried) (replayed, error) { return p.look(ctx, b) }
			if c.Plan {
				return plan.show(std, r.one)
			}
		}
		if !std.json {
			plan.announce(std, c.DryRun)
		}
		return r.run(ctx)
	})
}

// each hands the chosen dead letters to do, one by one. An id without a dead letter does not end it: the letter may
// have been replayed before.
func (c deadReplayCommand) each(ctx context.Context, q *queue.Queue, do func(queue.Buried) error, missing func(id string) error) error {
	if len(c.IDs) == 0 {
		return chosen(ctx, q, nil, c.deadFilter, c.All, do)
	}
	for _, id := range c.IDs {
		b, err := find(ctx, q, id)
		switch {
		case errors.Is(err, queue.ErrNoDeadLetter):
			err = missing(id)
		case err == nil:
			err = do(b)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// replayOne puts one back. It is not cut off when the command is interrupted.
func replayOne(ctx context.Context, q *queue.Queue, b queue.Buried) (replayed, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), replayTime)
	defer cancel()
	result, ref, err := q.Replay(ctx, b, time.Now())
	r := replayed{ID: b.ID, Result: string(result), Ref: ref}
	switch result {
	case queue.ReplayCreated:
		r.Why = "it has its ticket meanwhile, so no other is made"
	case queue.ReplayGone:
		r.Why = "it was replayed or discarded meanwhile"
	case queue.ReplayWaits:
		r.Why = "an event of its conversation is still in the queue: the dead letter stays"
	case queue.ReplayStored:
	}
	return r, err
}

// replay is one run over the dead letters that were chosen, or a dry run.
type replay struct {
	command deadReplayCommand
	std     streams
	queue   *queue.Queue
	dry     bool
	total   int
	one     func(queue.Buried) (replayed, error)
	results map[string]int // how many of each result
}

// run goes through them one by one, so that its memory does not grow with their number, and sums up whatever ended it.
func (r *replay) run(ctx context.Context) error {
	what := "Replaying"
	if r.dry {
		what = "Looking"
	}
	bar := newProgress(r.std, r.total, what)
	out := r.printer(bar)
	pace := newPace(r.command.Pace)
	defer pace.end()
	var mu sync.Mutex
	tell := func(result replayed, err error) error {
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		r.results[result.Result]++
		bar.step()
		return out.print(result)
	}
	// A replay goes one by one, so that it ends where it says it did; to look changes nothing, so several look at once.
	looking, looks := errgroup.WithContext(ctx)
	looking.SetLimit(readers)
	err := r.command.each(ctx, r.queue, func(b queue.Buried) error {
		if r.dry {
			looking.Go(func() error { return tell(r.one(b)) })
			return looks.Err()
		}
		pace.wait(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return tell(r.one(b))
	}, func(id string) error { return tell(r.missing(ctx, id)) })
	if looked := looking.Wait(); looked != nil {
		err = looked // it ended the rest
	}
	bar.end()
	summary := r.summary()
	switch unknown, wait := r.results[resultUnknown], r.results[string(queue.ReplayWaits)]; {
	case ctx.Err() != nil:
		err = fmt.Errorf("interrupted: %s; call it again to go on with the rest", summary)
	case err != nil:
		err = fmt.Errorf("stopped: %s: %w", summary, err)
	case unknown > 0:
		err = fmt.Errorf("%d of the ids are of no dead letter", unknown)
	case wait > 0:
		err = fmt.Errorf("%d dead letters stay, because their conversations are still in the queue; replay them again in a minute", wait)
	}
	err = errors.Join(err, out.end())
	if !r.std.json && ctx.Err() == nil {
		_, _ = fmt.Fprintln(r.std.out, summary)
	}
	return err
}

// resultUnknown is of an id that nothing is known of.
const resultUnknown = "unknown"

// missing says of an id without a dead letter what became of its conversation.
func (r *replay) missing(ctx context.Context, id string) (replayed, error) {
	entry, found, err := r.queue.Look(ctx, ticket.JobOf(id))
	switch {
	case err != nil:
		return replayed{}, err
	case !found:
		return replayed{ID: id, Result: resultUnknown, Why: "no such dead letter"}, nil
	case entry.State == queue.StateCreated:
		return replayed{ID: id, Result: string(queue.ReplayCreated), Ref: entry.Ref, Why: "it has its ticket, so no other is made"}, nil
	default:
		return replayed{ID: id, Result: string(queue.ReplayGone), Why: "it was replayed or discarded before"}, nil
	}
}

// summary says how many came to what, the largest number first.
func (r *replay) summary() string {
	seen, text := 0, ""
	words := slices.SortedFunc(maps.Keys(r.results), func(a, b string) int {
		return cmp.Or(cmp.Compare(r.results[b], r.results[a]), cmp.Compare(a, b))
	})
	for _, word := range words {
		seen += r.results[word]
		if r.dry {
			text += fmt.Sprintf(", %d %s", r.results[word], would(word))
		} else {
			text += fmt.Sprintf(", %d %s", r.results[word], map[string]string{
				string(queue.ReplayStored): "replayed", string(queue.ReplayCreated): "had their ticket already", string(queue.ReplayGone): "were gone",
				string(queue.ReplayWaits): "stay, because their conversations are still in the queue",
				resultUnknown:             "unknown",
			}[word])
		}
	}
	return fmt.Sprintf("%d of %d dead letters seen to%s", seen, max(r.total, seen), text)
}

// printer gives each result to whoever reads it: JSON, or a line, but on a terminal with a bar only what is not plain.
func (r *replay) printer(bar progress) printer {
	if r.std.json {
		return &jsonArray{out: r.std.out}
	}
	quiet := bar.shown() && observe.IsTerminal(r.std.out) && !r.dry
	return lines(func(result replayed) error {
		if quiet && result.Result == string(queue.ReplayStored) {
			return nil
		}
		_, err := fmt.Fprintf(r.std.out, "%s  %s\n", result.ID, result.text(r.dry))
		return err
	})
}

// pace lets one through at once, and then so many a minute.
type pace struct {
	ticker *time.Ticker // nil: no limit
	begun  bool
}

func newPace(perMinute int) *pace {
	if perMinute == 0 {
		return &pace{}
	}
	return &pace{ticker: time.NewTicker(time.Minute / time.Duration(perMinute))}
}

// wait returns when the next one is due, or when ctx ends.
func (p *pace) wait(ctx context.Context) {
	if p.ticker == nil || !p.begun {
		p.begun = true
		return
	}
	select {
	case <-p.ticker.C:
	case <-ctx.Done():
	}
}

func (p *pace) end() {
	if p.ticker != nil {
		p.ticker.Stop()
	}
}
