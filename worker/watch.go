package worker

import (
	"context"
	"errors"
	"maps"
	"slices"
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
			ticker.Reset(b.trouble(err, f.After))
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
