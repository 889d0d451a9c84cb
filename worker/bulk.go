package worker

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"passerelle/pkg/limit"
	"passerelle/pkg/queue"
	"passerelle/pkg/ticket"
	"passerelle/pkg/zendesk"
)

// Bulk makes tickets of one Zendesk account in bulk jobs. Errors are *ticket.Failure.
type Bulk interface {
	CreateMany(ctx context.Context, drafts []ticket.Draft, imported bool) (zendesk.BulkJob, error)
	Jobs(ctx context.Context, ids []string) (map[string]zendesk.BulkJob, error)
	LatestJobs(ctx context.Context) ([]zendesk.BulkJob, error)
	ExternalIDs(ctx context.Context, tickets []int64) (map[int64]string, error)
	CheckImport(ctx context.Context, drafts map[int64]ticket.Draft) (map[int64]ticket.Draft, error)
	MendImport(ctx context.Context, wrong map[int64]ticket.Draft) (zendesk.BulkJob, error)
	URL(ticket int64) string
}

// BulkTerms say how an account wants its bulk jobs.
type BulkTerms struct {
	Jobs   int  // at once; 0: none
	Import bool // by the import endpoints
}

const (
	batchLeast = 10      // fewer are made one by one
	batchBytes = 4 << 20 // of their comments
	batchHands = 16      // conversations of an account read, and entries written, at once
)

// bulk is the bulk work of one run.
type bulk struct {
	*lane
	Bulk

	terms BulkTerms
	end   context.CancelFunc
	wait  sync.WaitGroup // the watch, and what it settles

	barren bool // the batch before held nothing for a job: what lies behind may be like it, and is not read while it would wait

	mu   sync.Mutex
	jobs map[string]*job // guarded by mu; by Zendesk's id
	keys map[string]bool // guarded by mu; of held events that may be in a job
	left bool            // guarded by mu; the jobs are left to a later run
	news chan struct{}   // a job is settled
}

// forEach does something for each of n things of a batch, several at once, and gives the first error. All are done.
func forEach(n int, do func(i int) error) error {
	var hands errgroup.Group
	hands.SetLimit(batchHands)
	for i := range n {
		hands.Go(func() error { return do(i) })
	}
	return hands.Wait()
}

// openBulk goes on with the jobs of the runs before, and readies for more. An account that wants no bulk jobs has none.
func (l *lane) openBulk() {
	if l.Bulk == nil {
		return
	}
	client, terms, ok := l.Bulk(l.account)
	if !ok {
		return
	}
	batches, err := l.queue.Batches(l.work, l.account)
	if err != nil { // the ledger still keeps those back that are in a job
		l.log.Warn().Err(err).Str("account", l.account).Msg("no bulk jobs for now")
		return
	}
	if terms.Jobs == 0 && len(batches) == 0 {
		return
	}
	b := &bulk{lane: l, Bulk: client, terms: terms, jobs: map[string]*job{}, keys: map[string]bool{}, news: make(chan struct{}, 1)}
	for _, batch := range batches {
		b.mark(batch, true)
		if batch.Job != "" {
			b.jobs[batch.Job] = &job{Batch: batch}
		}
	}
	latest := b.latest(l.work)
	for _, batch := range batches {
		if batch.Job == "" {
			b.doubt(l.work, batch, latest)
		}
	}
	b.terms = l.ways.allow(l.account, b.terms, l.now())
	ctx, end := context.WithCancel(l.work)
	b.end = end
	b.wait.Go(func() { b.watch(ctx) })
	l.bulk = b
}

// closeBulk leaves jobs that are under way to the next run.
func (l *lane) closeBulk() {
	b := l.bulk
	if b == nil {
		return
	}
	b.end()
	b.wait.Wait()
	if b.underWay() == 0 || l.halted() { // halted, it is known when to go on: to look sooner would be one more call to an account in trouble
		return
	}
	l.again(l.now().Add(pollEvery))
	_ = l.queue.WakeNow(context.WithoutCancel(l.work), l.account) // an alarm that is set already may ring much later
}

// batch makes the tickets of the next hundred events in a bulk job, those that are fit for it, and the others one by
// one. It gives false when there are no more events, or none that is worth a look now.
func (b *bulk) batch() (more bool, err error) {
	if b.barren && b.waits() {
		return false, nil
	}
	unseen := b.imports() && !b.ways.importsSeen(b.account)
	if unseen && b.underWay() > 0 || b.underWay() >= b.terms.Jobs {
		b.pause()
		return true, nil
	}
	var held []queue.Held
	for len(held) < zendesk.MaxBulk {
		h, err := b.rest.next()
		if err != nil {
			return false, err
		}
		if h == nil {
			break
		}
		held = append(held, *h)
	}
	if len(held) < batchLeast {
		for _, h := range held {
			b.alone(h)
		}
		return len(held) > 0, nil
	}
	batch := b.choose(held)
	if len(batch) > 0 {
		b.send(batch)
	}
	b.barren = len(batch) == 0
	return true, nil
}

// imports tells whether the next job is an import.
func (b *bulk) imports() bool { return b.ways.allow(b.account, b.terms, b.now()).Import }

// send writes the intents and the batch, and asks for the job. When the answer is lost, the batch stays in the queue
// without a job: its events wait until the job is recognised, or until such a job must have ended, and are then looked up
// one by one.
func (b *bulk) send(batch []candidate) {
	if b.pauses.paused(b.account) {
		return // they stay where they are
	}
	begun := b.now()
	// A process that was stopped meanwhile must not go on: others may have made the tickets.
	ctx, cancel := context.WithTimeout(b.work, freshIntent)
	defer cancel()
	id := uuid.NewString()
	batch = b.intend(batch, id)
	note := queue.Batch{ID: id, Account: b.account, SentAt: begun, Import: b.imports()}
	drafts := make([]ticket.Draft, 0, len(batch))
	for _, c := range batch {
		note.Keys = append(note.Keys, c.event.Key())
		drafts = append(drafts, c.plan.draft)
	}
	note, err := b.queue.OpenBatch(b.work, note)
	if err != nil || len(batch) == 0 || !b.stillKnown(ctx, batch) || b.now().Round(0).Sub(begun.Round(0)) > freshIntent {
		b.takeBack(batch, note)
		b.again(b.now().Add(accountWait))
		return
	}
	made, err := b.CreateMany(ctx, drafts, note.Import)
	var f *ticket.Failure
	switch {
	case err == nil:
		b.ways.taken(b.account)
		b.follow(note, made.ID)
	case errors.As(err, &f) && f.Trouble != ticket.TroubleUncertain && f.Trouble != ticket.TroubleHiccup:
		b.takeBack(batch, note)
		b.refused(batch, f)
	default: // lost; the next one would fare no better
		b.halt(b.now().Add(b.trouble(err, accountWait)))
		b.log.Warn().Err(err).Str("account", b.account).Str("batch", id).Int("tickets", len(batch)).
			Msg("the answer to a bulk job was lost; its tickets wait until it is recognised or must have ended")
	}
}

// refused says what is left to do with a batch that the account did not take: nothing was made of it.
func (b *bulk) refused(batch []candidate, f *ticket.Failure) {
	under := b.underWay()
	switch {
	case errors.Is(f, zendesk.ErrTooManyJobs) && under > 0:
		b.atMost(under) // others have the rest
		b.again(b.now().Add(f.After))
		return
	case errors.Is(f, zendesk.ErrTooManyJobs):
		b.atMost(0)
	case errors.Is(f, zendesk.ErrImportRefused):
		b.ways.noImport(b.account, b.now())
		b.log.Warn().Str("account", b.account).Str("failure", f.Error()).Str("hint", f.Hint).Msg("the account's tickets are not imported but made")
		b.send(batch)
		return
	case f.Trouble == ticket.TroubleAccount && f.Detail.Status != http.StatusForbidden && f.Detail.Status != http.StatusNotFound:
		b.halt(b.now().Add(b.trouble(f, max(f.After, firstDelay))))
		return
	case b.ways.refused(b.account, b.now()):
		b.atMost(0)
		b.log.Warn().Str("account", b.account).Str("failure", f.Error()).Str("hint", "set bulk: off for the account to spare the calls").
			Msg("the account refuses bulk jobs; its tickets are made one by one")
	}
	for _, c := range batch { // each alone says what is wrong with it, or with the account
		b.alone(c.held)
	}
}

// trouble has this process and the others leave the account alone, where the failure of a call about bulk jobs says so. It
// gives when to try again, after that long at least. When only bulk jobs have no call, all else goes on.
func (b *bulk) trouble(err error, wait time.Duration) time.Duration {
	o := &ticket.Outcome{Result: ticket.ResultRetry, After: wait}
	if errors.As(err, &o.Failure) {
		b.learn(b.work, ticket.Event{Account: b.account}, o, nil, errand{rank: limit.Backlog})
	}
	return o.After
}

// atMost lowers how many jobs may be under way at once.
func (b *bulk) atMost(jobs int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.terms.Jobs = jobs
}

// stillKnown tells whether the ledger has not been wiped since it was asked about the events.
func (b *bulk) stillKnown(ctx context.Context, batch []candidate) bool {
	since, err := b.Ledger.LedgerSince(ctx)
	return err == nil && !slices.ContainsFunc(batch, func(c candidate) bool { return !c.event.ReceivedAt.After(since) })
}

// intend writes the intents, and leaves out what another worker has in hand.
func (b *bulk) intend(batch []candidate, id string) []candidate {
	written := make([]bool, len(batch))
	_ = forEach(len(batch), func(i int) (err error) {
		c := &batch[i]
		intent := queue.Entry{State: queue.StateIntended, Purpose: c.plan.draft.Purpose, IntendedAt: b.now(), At: b.now(), Batch: id}.Of(c.event).After(c.plan.entry)
		c.entry, err = b.Ledger.Write(b.work, c.event.Job(), c.plan.entry, intent)
		written[i] = err == nil
		return nil
	})
	mine := batch[:0]
	for i, c := range batch {
		if written[i] {
			mine = append(mine, c)
		} else {
			b.again(b.now().Add(accountWait))
		}
	}
	return mine
}

// takeBack takes intents back whose job was never begun.
func (b *bulk) takeBack(batch []candidate, note queue.Batch) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(b.work), settleTime)
	defer cancel()
	_ = forEach(len(batch), func(i int) error {
		c := batch[i]
		b.Deliverer.takeBack(ctx, c.event.Job(), c.entry, c.plan.entry)
		return nil
	})
	_ = b.queue.CloseBatch(ctx, note) // what is left of it is found empty
}
