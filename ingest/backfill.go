package ingest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/time/rate"

	"passerelle/pkg/iadvize"
	"passerelle/pkg/queue"
	"passerelle/pkg/ticket"
)

// BackfillStore is what a backfill needs of the queue.
type BackfillStore interface {
	finder

	BackfillPosition(ctx context.Context, s ticket.Site, name string) (queue.BackfillPosition, bool, error)
	SaveBackfillPosition(ctx context.Context, s ticket.Site, name string, p queue.BackfillPosition) (queue.BackfillPosition, error)
	Backlog(ctx context.Context, account string) (queue.Backlog, error)
}

// Backfill queues the conversations that ended at a site in an interval and have no ticket yet.
type Backfill struct {
	Store  BackfillStore
	List   ClosedList
	Site   ticket.Site
	Name   string // two backfills of one site and name are one: the second call goes on where the first one stopped
	From   time.Time
	To     time.Time
	Pace   int  // events a minute at most; 0: no limit but the backlog's
	DryRun bool // change nothing, and begin at the beginning
	Anew   bool // do not go on where an earlier call stopped
	// Tell is called after each conversation, and with why when it has to wait; may be nil. It must not keep the position.
	Tell func(p queue.BackfillPosition, why string)

	limit    *rate.Limiter
	position queue.BackfillPosition
	looked   time.Time // when the backlog was found small
	read     bool      // a page was read in this call
	now      func() time.Time
	wait     func(ctx context.Context, d time.Duration) error
}

const (
	// BackfillBusy is how many events may be pending before a backfill waits for live work.
	BackfillBusy = 500

	backlogEvery = time.Second
	backlogWait  = 5 * time.Second
	backfillHeld = 100 // events that an account may hold for reasons of their own
	sliceCount   = 100 // so that progress shows
	firstRetry   = time.Second
	longestRetry = time.Minute
	earlyRetries = 2 // before anything was read: whatever is wrong, a person is waiting to know
	lateRetries  = 10
)

// Run works until the interval is done, ctx ends, or a failure lasts for minutes. The position that it gives is in the
// store too, unless it is a dry run's; resumed says that an earlier call had begun.
func (b *Backfill) Run(ctx context.Context) (p queue.BackfillPosition, resumed bool, err error) {
	b.prepare()
	if resumed, err = b.begin(ctx); err != nil {
		return b.position, false, err
	}
	walk := scan{
		list: b.List, site: b.Site, to: b.position.To, slice: b.slice(),
		see: b.see, passed: b.passed,
	}
	if err = b.walk(ctx, &walk); err == nil {
		b.position.Done = true
	}
	if saved := b.save(ctx); err == nil {
		err = saved
	}
	return b.position, resumed, err
}

// walk tries again after a failure, from where it was.
func (b *Backfill) walk(ctx context.Context, walk *scan) error {
	for failures := 0; ; failures++ {
		was := b.position.Found
		err := walk.run(ctx, b.position.Place)
		if err == nil || ctx.Err() != nil {
			return err
		}
		if b.position.Found > was {
			failures = 0
		}
		if b.hopeless(err, failures) {
			return err
		}
		b.tell("trying again: " + err.Error())
		if err := b.wait(ctx, waitAfter(err, failures)); err != nil {
			return err
		}
	}
}

func (b *Backfill) prepare() {
	if b.now == nil {
		b.now = time.Now
	}
	if b.wait == nil {
		b.wait = pause
	}
	b.limit = rate.NewLimiter(rate.Inf, 1)
	if b.Pace > 0 {
		b.limit.SetLimit(rate.Every(time.Minute / time.Duration(b.Pace)))
	}
}

// begin reads the position of an earlier call, or takes one of its own.
func (b *Backfill) begin(ctx context.Context) (resumed bool, err error) {
	if b.DryRun {
		b.position = queue.BackfillPosition{}.Anew(b.From, b.To, b.now())
	} else if b.position, resumed, err = b.Store.BackfillPosition(ctx, b.Site, b.Name); err != nil {
		return false, err
	} else if !resumed || b.Anew || b.position.Done {
		b.position, resumed = b.position.Anew(b.From, b.To, b.now()), false
		if err := b.save(ctx); err != nil {
			return false, err
		}
	}
	if b.position.Skipped == nil {
		b.position.Skipped = map[string]int{}
	}
	return resumed, nil
}

func (b *Backfill) slice() time.Duration {
	return min(max(b.position.To.Sub(b.position.From)/sliceCount, time.Minute), sweepSlice)
}

func (b *Backfill) passed(ctx context.Context, next queue.Place) error {
	b.position.Place, b.position.Counted, b.read = next, b.position.Counted[:0], true
	b.tell("")
	return b.save(ctx)
}

// save survives the end of ctx: what was queued is to be counted.
func (b *Backfill) save(ctx context.Context) (err error) {
	if b.DryRun {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	b.position, err = b.Store.SaveBackfillPosition(ctx, b.Site, b.Name, b.position)
	return err
}

// see looks at a page. Each conversation is counted once, also when the page comes again after a failure or in a later
// call.
func (b *Backfill) see(ctx context.Context, page []iadvize.ClosedConversation) error {
	for _, c := range page {
		if slices.Contains(b.position.Counted, c.ID) {
			continue
		}
		stage, err := b.one(ctx, c)
		if err != nil {
			return err
		}
		p := &b.position
		p.Counted = append(p.Counted, c.ID)
		p.Found++
		if stage == queue.StageMissing {
			p.Queued++
		} else {
			p.Skipped[string(stage)]++
		}
		b.tell("")
	}
	return nil
}

// one gives what was known of a conversation; one that is missing is queued.
func (b *Backfill) one(ctx context.Context, c iadvize.ClosedConversation) (queue.Stage, error) {
	stage, err := b.Store.Stage(ctx, ended(b.Site, c, b.now()))
	if err != nil || b.DryRun || stage != queue.StageMissing {
		return stage, err
	}
	if err := b.turn(ctx); err != nil {
		return "", err
	}
	return offer(ctx, b.Store, ended(b.Site, c, b.now()))
}

// turn waits for the pace, and until live work has little to wait for.
func (b *Backfill) turn(ctx context.Context) error {
	if err := b.limit.Wait(ctx); err != nil {
		return err
	}
	for b.now().Sub(b.looked) >= backlogEvery {
		backlog, err := b.Store.Backlog(ctx, b.Site.Account)
		if err != nil {
			return err
		}
		var why string
		switch {
		case backlog.Pending > BackfillBusy:
			why = fmt.Sprintf("waiting: %d events are pending and go first", backlog.Pending)
		case backlog.Held > backfillHeld:
			why = fmt.Sprintf("waiting: account %s is in trouble and holds %d events", b.Site.Account, backlog.Held)
		default:
			b.looked = b.now()
			return nil
		}
		b.tell(why)
		if err := b.wait(ctx, backlogWait); err != nil {
			return err
		}
	}
	return nil
}

func (b *Backfill) tell(why string) {
	if b.Tell != nil {
		b.Tell(b.position, why)
	}
}

// hopeless tells whether it is of no use to try again.
func (b *Backfill) hopeless(err error, failures int) bool {
	var f *ticket.Failure
	switch {
	case errors.Is(err, queue.ErrOvertaken), errors.Is(err, errEndless), errors.Is(err, errRepeats):
		return true
	case errors.As(err, &f) && f.Reason == ticket.ReasonCredentialsRefused:
		return true
	case b.read:
		return failures >= lateRetries
	default:
		return failures >= earlyRetries
	}
}

func waitAfter(err error, failures int) time.Duration {
	var f *ticket.Failure
	if errors.As(err, &f) && f.After > 0 {
		return f.After
	}
	return min(firstRetry<<min(failures, 6), longestRetry)
}

// pause waits, or gives the error of ctx.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
