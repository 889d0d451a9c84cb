package traffic

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"passerelle/pkg/sim/simiadvize"
)

// Generator makes traffic on one server. Safe for concurrent use, but for Run, which is called once.
type Generator struct {
	cfg    Config
	server *simiadvize.Server
	made   atomic.Uint64 // numbers given out
	slots  chan struct{} // one for each conversation whose webhooks are under way

	mu       sync.Mutex
	counts   Counts   // guarded by mu
	accepted []string // guarded by mu
	failed   error    // guarded by mu: why Run must stop
}

// Counts of what Run did so far. A webhook is accepted when it was answered with 2xx at last.
type Counts struct {
	Conversations int `json:"conversations"`
	Escalated     int `json:"escalated"`
	Accepted      int `json:"accepted"`       // webhooks that close a conversation
	Refused       int `json:"refused"`        // the same, given up
	Pushed        int `json:"pushed"`         // webhooks of that kind, whatever became of them
	Satisfaction  int `json:"satisfaction"`   // the same
	OthersRefused int `json:"others_refused"` // of the pushed and satisfaction webhooks, those that were given up
}

// New makes a generator for a server.
func New(cfg Config, server *simiadvize.Server) *Generator {
	cfg = cfg.withDefaults()
	return &Generator{cfg: cfg, server: server, slots: make(chan struct{}, cfg.InFlight)}
}

// Counts returns what was done so far.
func (g *Generator) Counts() Counts {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.counts
}

// Accepted returns the ids of the conversations whose closing webhook was answered with 2xx, in that order.
func (g *Generator) Accepted() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.accepted)
}

func (g *Generator) count(change func(*Counts)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	change(&g.counts)
}

// Run adds conversations to the server at the configured rate and sends their webhooks, until ctx ends. What is under
// way then is waited for, and answers of visitors that were still to come are sent at once. The error is nil when ctx
// ended it; otherwise it says that there is no site or that the server did not take a conversation.
func (g *Generator) Run(ctx context.Context) error {
	if len(g.cfg.Sites) == 0 {
		return errors.New("generate traffic: no sites")
	}
	producing, stop := context.WithCancel(ctx)
	defer stop()
	sending, abort := context.WithCancel(context.WithoutCancel(ctx))
	defer abort()
	var underWay sync.WaitGroup
	began := time.Now()
	for i := 0; ; i++ {
		due := began.Add(time.Duration(float64(i) / g.cfg.Rate * float64(time.Second)))
		if !sleep(producing, time.Until(due)) || !g.acquire(producing) {
			break
		}
		n := g.next()
		site := g.site(n)
		m := g.make(n, site)
		underWay.Go(func() {
			if err := g.play(producing, sending, m, site); err != nil {
				g.fail(err)
				stop()
			}
		})
	}
	if g.cfg.DrainTimeout > 0 {
		defer time.AfterFunc(g.cfg.DrainTimeout, abort).Stop()
	}
	underWay.Wait()
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.failed
}

func (g *Generator) fail(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.failed == nil {
		g.failed = fmt.Errorf("generate traffic: %w", err)
	}
}

// site is the one that the n-th conversation belongs to.
func (g *Generator) site(n uint64) Site {
	total := 0
	for _, s := range g.cfg.Sites {
		total += max(1, s.Weight)
	}
	// A stream of its own, so that the conversation itself does not depend on how many sites there are.
	at := g.rand(n ^ 1<<63).IntN(total)
	for _, s := range g.cfg.Sites {
		if at -= max(1, s.Weight); at < 0 {
			return s
		}
	}
	return g.cfg.Sites[0]
}

// play lets a conversation happen. It holds a slot, which acquire gave, while webhooks are under way.
func (g *Generator) play(producing, sending context.Context, m made, site Site) error {
	defer g.release()
	if err := g.server.Add(m.Conversation); err != nil {
		return err
	}
	escalated := m.Escalated()
	g.count(func(c *Counts) {
		c.Conversations++
		if escalated {
			c.Escalated++
		}
	})
	var others sync.WaitGroup
	for _, a := range m.Agents {
		others.Go(func() {
			g.sendOther(sending, site, g.server.PushedEvent(m.Conversation, a.ID), func(c *Counts) { c.Pushed++ })
		})
	}
	if m.early {
		others.Go(func() { g.sendClicks(sending, site, m) })
	}
	g.sendClosed(sending, site, m)
	others.Wait()
	if len(m.clicks) == 0 || m.early {
		return nil
	}
	g.release()
	sleep(producing, g.cfg.SatisfactionDelay)
	g.slots <- struct{}{} // those who hold slots never wait for one, so this comes to an end
	for _, c := range m.clicks {
		if err := g.server.Answer(m.ID, c.answer); err != nil {
			return err
		}
	}
	g.sendClicks(sending, site, m)
	return nil
}

func (g *Generator) sendClosed(ctx context.Context, site Site, m made) {
	delivery := g.server.Send(ctx, site.webhook(), g.server.ClosedEvent(m.Conversation))
	g.mu.Lock()
	defer g.mu.Unlock()
	if delivery.Accepted {
		g.counts.Accepted++
		g.accepted = append(g.accepted, m.ID)
	} else {
		g.counts.Refused++
	}
}

func (g *Generator) sendClicks(ctx context.Context, site Site, m made) {
	for _, e := range g.events(m) {
		g.sendOther(ctx, site, e, func(c *Counts) { c.Satisfaction++ })
	}
}

func (g *Generator) sendOther(ctx context.Context, site Site, e simiadvize.Event, counted func(*Counts)) {
	delivery := g.server.Send(ctx, site.webhook(), e)
	g.count(func(c *Counts) {
		counted(c)
		if !delivery.Accepted {
			c.OthersRefused++
		}
	})
}

func (g *Generator) acquire(ctx context.Context) bool {
	select {
	case g.slots <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (g *Generator) release() { <-g.slots }

// sleep reports false when ctx ended, also when there is nothing to wait for.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
