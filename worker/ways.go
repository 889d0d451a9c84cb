package worker

import (
	"context"
	"errors"
	"sync"
	"time"

	"passerelle/pkg/queue"
	"passerelle/pkg/ticket"
)

// ways remember how accounts take bulk jobs, where that turns out at the first one only. The zero value knows nothing
// yet. Its methods may be called concurrently.
type ways struct {
	mu  sync.Mutex
	all map[string]*way // guarded by mu; by account
}

type way struct {
	refusals   int       // of whole jobs, in a row
	singlyTill time.Time // no jobs until then
	madeTill   time.Time // no imports until then
	imports    bool      // the import was seen to take all that tickets need
}

const (
	refusalsMost = 3 // one ticket that is wrong may be the reason of one or two
	refusalLife  = time.Hour
	blindLife    = 10 * time.Minute
	checksMost   = 3
)

func (w *ways) of(account string) *way {
	if w.all == nil {
		w.all = map[string]*way{}
	}
	if w.all[account] == nil {
		w.all[account] = &way{}
	}
	return w.all[account]
}

// allow gives what is left of the terms by what is known of the account.
func (w *ways) allow(account string, t BulkTerms, now time.Time) BulkTerms {
	w.mu.Lock()
	defer w.mu.Unlock()
	known := w.of(account)
	if now.Before(known.singlyTill) {
		t.Jobs = 0
	}
	if now.Before(known.madeTill) {
		t.Import = false
	}
	return t
}

// refused notes that a whole job was refused, and tells whether no other one is worth a try for a while.
func (w *ways) refused(account string, now time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	known := w.of(account)
	if known.refusals++; known.refusals < refusalsMost {
		return false
	}
	known.refusals, known.singlyTill = 0, now.Add(refusalLife)
	return true
}

// taken notes that a job was begun.
func (w *ways) taken(account string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.of(account).refusals = 0
}

// singly notes that the account's jobs cannot be looked at, so that no other one is begun for a while.
func (w *ways) singly(account string, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.of(account).singlyTill = now.Add(blindLife)
}

func (w *ways) noImport(account string, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.of(account).madeTill = now.Add(refusalLife)
}

func (w *ways) importsSeen(account string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.of(account).imports
}

func (w *ways) importsFine(account string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.of(account).imports = true
}

// checkImport looks at the tickets of an account's first import job: it is not documented whether the import takes the
// requester and the form. Where it does not, they are mended, and the next tickets are made instead.
func (b *bulk) checkImport(ctx context.Context, j *job, held []*queue.Held, made []int64) error {
	if !j.Import || b.ways.importsSeen(b.account) {
		return nil
	}
	err := b.lookAtImport(ctx, held, made)
	if err == nil || ctx.Err() != nil {
		return err
	}
	b.mu.Lock()
	j.checks++
	last := j.checks >= checksMost
	b.mu.Unlock()
	if !last {
		return err
	}
	b.ways.noImport(b.account, b.now())
	b.log.Warn().Err(err).Str("account", b.account).Str("job", j.Job).Str("hint", "look at the requesters and forms of the tickets of this job, and set import: false").
		Msg("cannot tell whether the account's import takes requester and form; the next tickets are not imported but made")
	return nil
}

func (b *bulk) lookAtImport(ctx context.Context, held []*queue.Held, made []int64) error {
	drafts := map[int64]ticket.Draft{}
	var mu sync.Mutex
	err := forEach(len(held), func(i int) error {
		if held[i] == nil || made[i] == 0 {
			return nil
		}
		draft, err := b.redraw(ctx, held[i].Event)
		mu.Lock()
		defer mu.Unlock()
		var f *ticket.Failure
		if errors.As(err, &f) && f.Trouble == ticket.TroubleJob {
			return nil // it cannot be drawn up any more; the others tell as much
		}
		if err == nil {
			drafts[made[i]] = draft
		}
		return err
	})
	if err != nil || len(drafts) == 0 {
		return err
	}
	wrong, err := b.CheckImport(ctx, drafts)
	if err != nil {
		return err
	}
	if len(wrong) == 0 {
		b.ways.importsFine(b.account)
		return nil
	}
	mending, err := b.MendImport(ctx, wrong)
	if err != nil {
		return err
	}
	if err := b.ended(ctx, mending.ID); err != nil {
		return err
	}
	b.ways.noImport(b.account, b.now())
	b.log.Warn().Str("account", b.account).Int("tickets", len(wrong)).Str("hint", "set import: false for the account").
		Msg("the account's import leaves out requester or form: these tickets are mended, and the next ones are not imported but made")
	return nil
}

// ended waits for a job that mends. One that ends badly, or not soon, is an error: then it is all done again.
func (b *bulk) ended(ctx context.Context, id string) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for range mendingPolls {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		jobs, err := b.Jobs(ctx, []string{id})
		if err != nil {
			return err
		}
		if j := jobs[id]; j.Done {
			for _, r := range j.Results {
				if r.Failed {
					return errNotMended
				}
			}
			return nil
		}
	}
	return errNotMended
}

var errNotMended = errors.New("imported tickets without requester or form could not be mended yet")

const mendingPolls = 30

func (b *bulk) redraw(ctx context.Context, e ticket.Event) (ticket.Draft, error) {
	site, ok := b.Directory.Site(ctx, e.Platform, e.ProjectID)
	if !ok {
		return ticket.Draft{}, siteUnknown(e)
	}
	c, err := b.read(ctx, e, site)
	if err != nil {
		return ticket.Draft{}, err
	}
	return b.draw(ctx, c, site, ticket.PurposeArchive)
}
