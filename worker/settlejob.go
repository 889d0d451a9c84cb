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
			if _, err := b.noteMade(ctx, ticket.Job(j.Keys[i]), id); err != nil {
				return err
			}
			return b.queue.Unbury(ctx, j.Keys[i])
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
