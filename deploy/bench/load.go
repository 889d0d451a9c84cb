package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"passerelle/deploy/stand"
	"passerelle/pkg/sim/simiadvize"
	"passerelle/pkg/sim/traffic"
	"passerelle/pkg/ticket"
)

// sent is a conversation that ended, and whose event was stored.
type sent struct {
	id      string
	account int       // index
	due     time.Time // when the event was to happen; the machine's lateness counts
}

// load is a stream of ends of conversations.
type load struct {
	rate      float64 // a second
	span      time.Duration
	count     int // instead of span, if it is not 0
	choose    func(i int) int
	generator *traffic.Generator
	begin     func() // called when all is ready, before the first event; nil: its times are not measured
}

// inFlight bounds the conversations that are on their way into the queue.
const inFlight = 256

// send lets conversations end at the rate, through webhooks if there is an ingest process and straight into the queue if
// there is none. It returns when all are stored. Of an event that is not stored the error tells.
func (r *rig) send(ctx context.Context, l load) ([]sent, error) {
	n := l.count
	if n == 0 {
		n = int(l.rate * l.span.Seconds())
	}
	all := make([]sent, n)
	slots := make(chan struct{}, inFlight)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ready, hooks := make([]simiadvize.Conversation, n), make([]webhook, n) // before: to think them up takes the processors from what is measured
	for i := range ready {
		ready[i] = r.conversation(l.generator, l.choose(i))
		if !r.ingest {
			continue
		}
		var err error
		if hooks[i], err = r.webhookOf(ctx, ready[i]); err != nil {
			return nil, err
		}
	}
	measured := l.begin != nil
	if measured {
		if err := r.prepare(ctx, ready); err != nil {
			return nil, err
		}
	}
	if n > 1 { // one alone is sent while others are measured
		quieten(n)
	}
	if measured {
		l.begin()
	}
	var wait sync.WaitGroup
	began := time.Now()
	for i := range all {
		due := time.Now()
		if l.rate > 0 {
			due = began.Add(time.Duration(float64(i) / l.rate * float64(time.Second)))
		}
		if d := time.Until(due); d > 0 && !stand.Rest(ctx, d) {
			break
		}
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			break
		}
		wait.Go(func() {
			defer func() { <-slots }()
			at, c := l.choose(i), ready[i]
			var err error
			if !measured {
				err = r.iadvize.Add(c)
			}
			if err == nil {
				err = r.store(ctx, at, c, hooks[i])
			}
			if err != nil {
				cancel(err)
				return
			}
			all[i] = sent{c.ID, at, due}
		})
	}
	wait.Wait()
	return all, context.Cause(ctx)
}

// prepare puts conversations on iAdvize, and has the answers ready that workers will ask for.
func (r *rig) prepare(ctx context.Context, all []simiadvize.Conversation) error {
	ids := make([]string, len(all))
	for i, c := range all {
		if err := r.iadvize.Add(c); err != nil {
			return err
		}
		ids[i] = c.ID
	}
	if got := r.prepared.prepare(ctx, ids); got != len(all) {
		return fmt.Errorf("prepare iAdvize's answers: it gave %d of %d", got, len(all))
	}
	return nil
}

func (r *rig) store(ctx context.Context, at int, c simiadvize.Conversation, hook webhook) error {
	if r.ingest {
		if r.lines.post(ctx, hook) {
			return nil
		}
		// What is refused comes again, as iAdvize sends it, but for its first pause.
		r.refused.Add(1)
		d := r.iadvize.Send(ctx, simiadvize.Webhook{URL: r.webhookAddress(), Secret: worldSecret}, r.iadvize.ClosedEvent(c))
		if !d.Accepted {
			return fmt.Errorf("webhook of conversation %s: not accepted after %d attempts, the last with status %d", c.ID, d.Attempts, d.Status)
		}
		return nil
	}
	s := r.sites[at]
	e := ticket.Event{
		ID: c.ID, Kind: ticket.KindClosed, Platform: "ha", ProjectID: s.ProjectID, ConversationID: c.ID, Channel: c.Channel,
		OccurredAt: c.ClosedAt, ReceivedAt: time.Now(), Site: s.Name, Account: s.Account,
	}
	for _, a := range c.Agents {
		e.OperatorIDs = append(e.OperatorIDs, a.ID)
	}
	_, err := r.queue.Publish(ctx, e)
	return err
}

// inTurn gives one account after the other, from those with an index from a to b, b not included.
func inTurn(a, b int) func(int) int {
	return func(i int) int { return a + i%(b-a) }
}
