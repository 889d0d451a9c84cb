package ingest

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"time"

	"passerelle/pkg/queue"
	"passerelle/pkg/ticket"
)

// Bounds of storing an event. iAdvize waits 30 s for an answer, tries three times, and then the event is lost to it: so
// a webhook waits for a store that will be back in seconds, rather than use up one of the three.
// https://docs.iadvize.dev/technologies/webhooks
const (
	storeTime   = 25 * time.Second // from the arrival of the request; the answer still has to get through
	lookTime    = 2 * time.Second  // for the ledger, of one try
	publishTime = 4 * time.Second  // for the queue, of one try: what a lost connection took along is never answered
	firstPause  = 100 * time.Millisecond
	longPause   = 1500 * time.Millisecond
	mostStoring = 4000 // webhooks on their way into the store at once, each of which takes some 30 KiB
	retryAfter  = "10" // seconds: iAdvize's own delay before it tries again
)

var (
	errCrowded = errors.New("too many webhooks wait for the store")
	errEnding  = errors.New("this process ends")
)

// keep answers 202 once the event is stored, and 503 when it cannot be.
func (h *Handler) keep(ctx context.Context, w http.ResponseWriter, event ticket.Event) {
	stored, err := h.persist(ctx, event)
	if err != nil {
		h.trouble.refused(err, h.now())
		h.countWebhook(refusals[http.StatusServiceUnavailable])
		w.Header().Set("Retry-After", retryAfter)
		answer(w, http.StatusServiceUnavailable, map[string]string{"error": "the event could not be stored; send it again"})
		return
	}
	h.trouble.passed(h.now())
	if stored == queue.Duplicate {
		h.accept(w, "duplicate")
		return
	}
	h.log.Debug().Str("conversation", event.ConversationID).Str("event", string(event.Kind)).Str("site", event.Site).Msg("event stored")
	h.accept(w, "accepted")
}

// persist tries to store an event until it is stored, ctx ends, or the process does. It gives up at once where waiting
// does not help: a full store drains over minutes, and to try it again and again would only slow that down. iAdvize
// itself tries again meanwhile, and the sweep finds the rest.
//
// A try whose outcome is unknown may have stored the event, and so may one that is still under way. Another try does no
// harm then: the queue takes the same event once, by its id and its subject (see [queue.Queue.Publish]), and the ledger
// tells what is done already.
func (h *Handler) persist(ctx context.Context, event ticket.Event) (queue.Stored, error) {
	select {
	case h.storing <- struct{}{}:
		defer func() { <-h.storing }()
	default:
		return 0, errCrowded
	}
	for pause := firstPause; ; pause = min(2*pause, longPause) {
		stored, err := h.try(ctx, event)
		if err == nil || !queue.Passing(err) {
			return stored, err
		}
		h.trouble.failed(err, h.now())
		select {
		case <-h.ending:
			return 0, errors.Join(errEnding, err)
		case <-ctx.Done():
			return 0, err
		case <-time.After(pause/2 + rand.N(pause)): //nolint:gosec // apart, so that they do not all come back at once
		}
	}
}

func (h *Handler) try(ctx context.Context, event ticket.Event) (queue.Stored, error) {
	if event.Kind == ticket.KindClosed && h.mayOutliveTheWindow(event) && h.done(ctx, event) {
		return queue.Duplicate, nil
	}
	ctx, cancel := context.WithTimeout(ctx, publishTime)
	defer cancel()
	return h.store.Publish(ctx, event)
}

// clocks may differ by so much, iAdvize's and ours.
const clocks = 2 * time.Minute

// mayOutliveTheWindow tells whether the queue may have forgotten that it had this event. Nobody stored it before it
// happened: one that is younger than the queue's memory of repeats needs no look into the ledger, which each webhook would
// wait for.
func (h *Handler) mayOutliveTheWindow(event ticket.Event) bool {
	age := h.now().Sub(event.OccurredAt)
	return age < -clocks || age > queue.RepeatWindow-clocks
}

// done tells whether the ledger knows the end of this conversation as dealt with. If it cannot be read the event is
// stored: the worker finds out.
func (h *Handler) done(ctx context.Context, event ticket.Event) bool {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	entry, found, err := h.store.Look(ctx, event.Job())
	return err == nil && found && entry.State != queue.StateIntended
}

// Drain makes webhooks that wait for the store give up after the try they are at, so that they don't hold up the end of
// the process. It may be called twice.
func (h *Handler) Drain() { h.drain.Do(func() { close(h.ending) }) }
