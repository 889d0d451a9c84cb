package worker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"passerelle/pkg/queue"
	"passerelle/pkg/ticket"
	"passerelle/pkg/zendesk"
)

const (
	pollEvery     = 2 * time.Second // for all jobs of an account together
	pollFails     = 3               // in a row; then the jobs are left to the next run
	bulkAgain     = time.Minute
	bulkForgotten = 25 * time.Hour // Zendesk knows its jobs for a day; none works as long
	bulkLongest   = time.Hour      // and so long it is believed to work while a job of its size does
)

// job is a bulk job that is watched.
type job struct {
	queue.Batch

	settling bool // guarded by bulk.mu
	checks   int  // guarded by bulk.mu; failed looks at imported tickets
}

// mayBeInBulk refuses to touch a conversation whose ticket may be in the making in a bulk job. Nothing protects bulk jobs
// against a second ticket, neither a key nor a look-up: the ticket is not there before the job has come to it.
func (d *Deliverer) mayBeInBulk(ctx context.Context, entry queue.Entry) error {
	if entry.Batch == "" {
		return nil
	}
	open, err := d.Ledger.BatchOpen(ctx, entry.Account, entry.Batch)
	if err != nil {
		return err
	}
	age := d.now().Sub(entry.IntendedAt)
	if age < d.BulkDoubt || open && age < bulkForgotten {
		f := notYet("its ticket may be in the making in a bulk job")
		f.Limited = true
		return f
	}
	return nil
}

// follow watches a job that was begun.
func (b *bulk) follow(batch queue.Batch, id string) {
	noted, err := b.queue.NoteJob(b.work, batch, id)
	if err != nil { // were this process to die now, the batch would be one without a job
		b.log.Warn().Err(err).Str("account", b.account).Str("job", id).Msg("cannot note the bulk job")
		noted = batch
	}
	b.mark(noted, true)
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.left {
		b.jobs[id] = &job{Batch: noted}
	}
}

// mark notes that the events of a batch may be in a job, or no more.
func (b *bulk) mark(batch queue.Batch, in bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, key := range batch.Keys {
		if in {
			b.keys[key] = true
		} else {
			delete(b.keys, key)
		}
	}
}

// has tells whether a held event may be in a job: then it is left alone.
func (b *bulk) has(key string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.keys[key]
}

// leave leaves the jobs to a later run, and begins no more. What is in none of them goes on, one by one.
func (b *bulk) leave() {
	b.mu.Lock()
	b.left = true
	clear(b.jobs)
	b.mu.Unlock()
	b.again(b.now().Add(bulkAgain))
	b.tellNews()
}

// begins tells whether more jobs may be begun.
func (b *bulk) begins() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.left && b.terms.Jobs > 0
}

// atMost lowers how many jobs may be under way at once.
func (b *bulk) atMost(jobs int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.terms.Jobs = jobs
}

func (b *bulk) underWay() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.jobs)
}

// pause waits until a job is settled, a moment at most.
func (b *bulk) pause() {
	select {
	case <-b.fetch.Done():
	case <-b.news:
	case <-time.After(pollEvery / 2):
	}
}

// watch asks for the jobs that are under way, all in one call, and settles those that are done.
func (b *bulk) watch(ctx context.Context) {
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for failed := 0; failed < pollFails; {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		err := b.look(ctx)
		var f *ticket.Failure
		switch {
		case err == nil:
			failed = 0
			ticker.Reset(pollEvery)
		case errors.As(err, &f) && f.After > pollEvery:
			failed++
			ticker.Reset(f.After)
		default:
			failed++
		}
		if failed == pollFails {
			b.ways.singly(b.account, b.now())
			b.log.Warn().Err(err).Str("account", b.account).Msg("cannot look at the account's bulk jobs; they are looked at later")
			b.leave()
		}
	}
}

func (b *bulk) look(ctx context.Context) error {
	b.mu.Lock()
	watched := maps.Clone(b.jobs)
	maps.DeleteFunc(watched, func(_ string, j *job) bool { return j.settling })
	b.mu.Unlock()
	if len(watched) == 0 {
		return nil
	}
	found, err := b.poll(ctx, slices.Sorted(maps.Keys(watched)))
	latest := b.latest(ctx)
	for id, j := range watched {
		at, known := found[id]
		age := b.now().Sub(j.SentAt)
		switch {
		case known && at.Done:
			b.mu.Lock()
			j.settling = true
			b.mu.Unlock()
			b.wait.Go(func() { b.settle(ctx, id, j, at) })
		case err == nil && !known && age > b.BulkDoubt, age > bulkForgotten:
			b.forget(id)
			b.doubt(ctx, j.Batch, latest)
		}
	}
	return err
}

// poll asks for the jobs, a hundred at a time.
func (b *bulk) poll(ctx context.Context, ids []string) (map[string]zendesk.BulkJob, error) {
	all := map[string]zendesk.BulkJob{}
	for some := range slices.Chunk(ids, zendesk.MaxBulk) {
		found, err := b.Jobs(ctx, some)
		if err != nil {
			return all, err
		}
		maps.Copy(all, found)
	}
	return all, nil
}

func (b *bulk) forget(id string) {
	b.mu.Lock()
	delete(b.jobs, id)
	b.mu.Unlock()
	b.tellNews()
}

func (b *bulk) tellNews() {
	select {
	case b.news <- struct{}{}:
	default:
	}
}

// settle settles each event of a job that is done by its own result. What failed, and what no result names, is looked
// up and made one by one.
func (b *bulk) settle(ctx context.Context, id string, j *job, at zendesk.BulkJob) {
	rest, err := b.settleEach(ctx, j, at)
	if err == nil {
		err = b.queue.CloseBatch(ctx, j.Batch)
	}
	if err != nil {
		if ctx.Err() == nil {
			b.log.Warn().Err(err).Str("account", b.account).Str("job", id).Msg("cannot settle a bulk job; trying again")
		}
		b.mu.Lock()
		j.settling = false
		b.mu.Unlock()
		return
	}
	b.log.Debug().Str("account", b.account).Str("job", id).Int("tickets", len(j.Keys)-len(rest)).Int("others", len(rest)).
		Dur("took_ms", b.now().Sub(j.SentAt)).Msg("bulk job settled")
	b.mark(j.Batch, false)
	b.forget(id)
	for _, h := range rest {
		b.alone(h) //nolint:contextcheck // the lane has its contexts
	}
}

func (b *bulk) settleEach(ctx context.Context, j *job, at zendesk.BulkJob) (rest []queue.Held, err error) {
	held := make([]*queue.Held, len(j.Keys))
	err = forEach(len(held), func(i int) (err error) {
		held[i], err = b.queue.HeldAt(ctx, b.account, j.Keys[i])
		return err
	})
	if err != nil {
		return nil, err
	}
	made, err := b.madeBy(ctx, held, at)
	if err != nil {
		return nil, err
	}
	if err := b.checkImport(ctx, j, held, made); err != nil {
		return nil, err
	}
	var mu sync.Mutex
	err = forEach(len(held), func(i int) error {
		h, id := held[i], made[i]
		switch {
		case h == nil && id == 0:
			return nil // settled by another worker
		case h == nil: // it left by another way, perhaps as a dead letter: the ticket exists all the same
			_, err := b.noteMade(ctx, ticket.Job(j.Keys[i]), id)
			return err
		case id != 0:
			return b.settleMade(ctx, *h, id, b.now().Sub(j.SentAt))
		}
		mu.Lock()
		rest = append(rest, *h)
		mu.Unlock()
		return b.unmark(ctx, *h, j.ID)
	})
	return rest, err
}

// madeBy gives the ticket of each event, 0 where no result names one. What two results say differently is asked for.
func (b *bulk) madeBy(ctx context.Context, held []*queue.Held, at zendesk.BulkJob) ([]int64, error) {
	type saying struct {
		place int
		id    int64
	}
	said, places, ids := map[saying]bool{}, map[int]int{}, map[int64]int{}
	for _, r := range at.Results {
		s := saying{r.Index, r.ID}
		if r.Failed || r.ID == 0 || said[s] {
			continue
		}
		said[s] = true
		places[r.Index]++
		ids[r.ID]++
	}
	made := make([]int64, len(held))
	unnamed := map[int64]bool{}
	for s := range said {
		if s.place >= 0 && s.place < len(made) && places[s.place] == 1 && ids[s.id] == 1 {
			made[s.place] = s.id
		} else {
			unnamed[s.id] = true
		}
	}
	for some := range slices.Chunk(slices.Sorted(maps.Keys(unnamed)), zendesk.MaxBulk) {
		names, err := b.ExternalIDs(ctx, some)
		if err != nil {
			return nil, err
		}
		for i, h := range held {
			for id, name := range names {
				if h != nil && name == ticket.ExternalID(h.Event.ConversationID) {
					made[i] = id
				}
			}
		}
	}
	return made, nil
}

// settleMade writes down that the ticket exists, and lets its event go.
func (b *bulk) settleMade(ctx context.Context, h queue.Held, id int64, took time.Duration) error {
	e := h.Event
	e.Attempts++
	entry, err := b.noteMade(ctx, e.Job(), id)
	if err != nil {
		return err
	}
	outcome := ticket.Outcome{Result: ticket.ResultCreated, Purpose: entry.Purpose, Ticket: entry.Ref, Why: "made in a bulk job"}
	if err := b.keep(ctx, e, outcome); err != nil {
		return err
	}
	if err := b.queue.Release(ctx, h); err != nil {
		return err
	}
	b.tell(e, outcome, took)
	return nil
}

func (b *bulk) noteMade(ctx context.Context, job ticket.Job, id int64) (queue.Entry, error) {
	entry, _, err := b.Ledger.Look(ctx, job)
	if err != nil || entry.State == queue.StateCreated {
		return entry, err
	}
	m := making{d: b.Deliverer, job: job, entry: entry}
	m.entry.Ref = ticket.Ref{ID: id, URL: b.URL(id)}
	err = m.noteCreated(ctx)
	return m.entry, err
}

// unmark says that the job of a batch has ended without a ticket that is known: the event is on its own now.
func (b *bulk) unmark(ctx context.Context, h queue.Held, batch string) error {
	entry, _, err := b.Ledger.Look(ctx, h.Event.Job())
	if err != nil || entry.Batch != batch || entry.State != queue.StateIntended {
		return err
	}
	alone := entry
	alone.Batch = ""
	if _, err := b.Ledger.Write(ctx, h.Event.Job(), entry, alone); err != nil && !errors.Is(err, queue.ErrMoved) {
		return fmt.Errorf("release conversation from its bulk job: %w", err)
	}
	return nil
}
