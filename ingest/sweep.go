package ingest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"passerelle/pkg/iadvize"
	"passerelle/pkg/queue"
	"passerelle/pkg/ticket"
)

// SweepMeter is told what sweeps find. It must not block.
type SweepMeter interface {
	// Swept counts a conversation when a sweep first comes by; the stage is missing for one that is queued then.
	Swept(account, stage string)
	SweepFailed(connection string)
	// SweptUntil says that everything that ended at the site before is known.
	SweptUntil(site string, until time.Time)
}

// SweepSettings are the sweep's bounds. The zero value of each means its default.
type SweepSettings struct {
	Every    time.Duration // from the start of a sweep to that of the next one; default 5 min
	Overlap  time.Duration // looked at again each time, because iAdvize may list a conversation late; default 15 min
	LookBack time.Duration // never further back than this; default 7 days
	// Fresh conversations are left to their webhook, which may still be on its way; default 60 s, at most Every.
	Fresh time.Duration
}

func (s SweepSettings) withDefaults() SweepSettings {
	for _, d := range []struct {
		value *time.Duration
		is    time.Duration
	}{{&s.Every, 5 * time.Minute}, {&s.Overlap, 15 * time.Minute}, {&s.LookBack, 7 * 24 * time.Hour}, {&s.Fresh, time.Minute}} {
		if *d.value == 0 {
			*d.value = d.is
		}
	}
	s.Fresh = min(s.Fresh, s.Every)
	return s
}

const (
	sweepSlice = 6 * time.Hour // of a site's list; the usual sweep is one slice
	sweepSites = 4             // of one connection at once
	sweepLimit = time.Minute   // a sweep may take this long, or Every if that is longer
)

// Sweep finds the conversations that ended while nobody answered, and queues them: iAdvize tries a webhook three times
// within half a minute and then never again (https://docs.iadvize.dev/technologies/webhooks). Each process may run one;
// one at a time sweeps. The position of each site is kept in the store. A site that is seen for the first time begins
// there and then: what ended before is for a backfill.
type Sweep struct {
	SweepSettings

	store *queue.Queue
	sites func() []ticket.Site
	list  func(connection string) (ClosedList, bool)
	log   zerolog.Logger
	meter SweepMeter
	now   func() time.Time

	mu   sync.Mutex
	told map[string]string // guarded by mu; the trouble of each site or connection that was logged last
}

// NewSweep makes one. sites gives those that are configured at the time, list a connection's client and whether it is
// configured. The meter may be nil.
func NewSweep(store *queue.Queue, sites func() []ticket.Site, list func(string) (ClosedList, bool), s SweepSettings, log zerolog.Logger, meter SweepMeter) *Sweep {
	return &Sweep{
		SweepSettings: s.withDefaults(), store: store, sites: sites, list: list, log: log, meter: meter, now: time.Now, told: map[string]string{},
	}
}

// sweep looks at all sites. Trouble of one site or connection is logged and does not hold up the others; the error is
// that of ctx.
func (s *Sweep) sweep(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, max(sweepLimit, s.Every))
	defer cancel()
	byConnection := map[string][]ticket.Site{}
	for _, site := range s.sites() {
		byConnection[site.IAdvize] = append(byConnection[site.IAdvize], site)
	}
	var wait sync.WaitGroup
	for name, sites := range byConnection {
		// Another order each time: were the time too short for all, each site would have its turn.
		rand.Shuffle(len(sites), func(i, j int) { sites[i], sites[j] = sites[j], sites[i] }) //nolint:gosec // fairness needs no secrecy
		wait.Go(func() { s.connection(limited, name, sites) })
	}
	wait.Wait()
	return ctx.Err()
}

// connection sweeps the sites of one connection. When nothing can be read from it, the rest of them wait for the next
// time.
func (s *Sweep) connection(ctx context.Context, name string, sites []ticket.Site) {
	gate := "iadvize/" + name
	list, ok := s.list(name)
	if !ok {
		s.trouble(name, gate, errors.New("the connection is not in the configuration, or its address cannot be resolved"))
		return
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var group errgroup.Group
	group.SetLimit(sweepSites)
	for _, site := range sites {
		if ctx.Err() != nil {
			break
		}
		group.Go(func() error {
			s.judge(ctx, name, site, s.site(ctx, site, list), stop)
			return nil
		})
	}
	_ = group.Wait() // each one told its own
	switch cause := context.Cause(ctx); {
	case cause == nil:
		s.well(gate)
	case errors.Is(cause, context.Canceled): // this process ends
	default:
		s.trouble(name, gate, cause)
	}
}

// judge tells of a site's failure, or stops its connection when the others would fail like it.
func (s *Sweep) judge(ctx context.Context, connection string, site ticket.Site, err error, stop func(error)) {
	switch {
	case err == nil:
		s.well("site " + site.Name)
	case ctx.Err() != nil: // cut off, and told by the connection
	case ofSite(err):
		s.trouble(connection, "site "+site.Name, err)
	default:
		stop(err)
	}
}

// ofSite tells whether a failure leaves hope for the other sites of the connection.
func ofSite(err error) bool {
	return ofList(err) || errors.Is(err, errEndless) || errors.Is(err, errRepeats) || errors.Is(err, queue.ErrOvertaken)
}

// site looks at what ended at a site since the last time.
func (s *Sweep) site(ctx context.Context, site ticket.Site, list ClosedList) error {
	now := s.now()
	p, seen, err := s.store.SweepPosition(ctx, site)
	if err != nil {
		return err
	}
	if !seen {
		p = queue.SweepPosition{Since: now, Until: now}
		if _, err := s.store.SaveSweepPosition(ctx, site, p); err != nil {
			return err
		}
		s.log.Info().Str("site", site.Name).Msg("first sweep of the site: it looks for what ends from now on; passerelle backfill looks for what ended before")
		s.until(site, now)
		return nil
	}
	at := p.Place
	if at.After == "" {
		at = queue.Place{From: s.from(site, p, now)}
	}
	began, queued := p, 0
	walk := scan{
		list: list, site: site, to: now.Add(-s.Fresh), slice: sweepSlice,
		see: func(ctx context.Context, page []iadvize.ClosedConversation) error {
			n, err := s.see(ctx, site, began, page)
			queued += n
			return err
		},
		passed: func(ctx context.Context, next queue.Place) (err error) {
			if p.Place = next; next.After == "" {
				p.Place, p.Until = queue.Place{}, later(p.Until, next.From)
			}
			if p, err = s.store.SaveSweepPosition(ctx, site, p); err == nil {
				s.until(site, p.Until)
			}
			return err
		},
	}
	err = walk.run(ctx, at)
	if queued > 0 {
		s.log.Info().Str("site", site.Name).Str("account", site.Account).Int("queued", queued).Msg("conversations found whose webhook never came, or was refused")
	}
	return err
}

// from is where a sweep of the site begins.
func (s *Sweep) from(site ticket.Site, p queue.SweepPosition, now time.Time) time.Time {
	from := later(p.Until.Add(-s.Overlap), p.Since)
	floor := now.Add(-s.LookBack)
	if p.Until.Before(floor) {
		s.log.Warn().Str("site", site.Name).Time("from", p.Until).Time("to", floor).
			Msg("the last sweep of the site was too long ago to look at all that ended since; run passerelle backfill for this interval")
	}
	return later(from, floor)
}

// see queues what is missing of a page, and gives how many that were. It counts each conversation once: what ended before
// the position at which the sweep began was counted by the one before, unless it is missing.
func (s *Sweep) see(ctx context.Context, site ticket.Site, began queue.SweepPosition, page []iadvize.ClosedConversation) (queued int, err error) {
	for _, c := range page {
		if !c.ClosedAt.IsZero() && c.ClosedAt.Before(began.Since) {
			continue
		}
		stage, err := offer(ctx, s.store, ended(site, c, s.now()))
		if err != nil {
			return queued, err
		}
		if stage == queue.StageMissing {
			queued++
			s.log.Debug().Str("conversation", c.ID).Str("site", site.Name).Msg("conversation found by the sweep")
		}
		if s.meter != nil && (stage == queue.StageMissing || c.ClosedAt.Truncate(edge).After(began.Until)) {
			s.meter.Swept(site.Account, string(stage))
		}
	}
	return queued, nil
}

func (s *Sweep) until(site ticket.Site, at time.Time) {
	if s.meter != nil {
		s.meter.SweptUntil(site.Name, at)
	}
}

// trouble counts a failure, and logs it when it is news.
func (s *Sweep) trouble(connection, whose string, err error) {
	if s.meter != nil {
		s.meter.SweepFailed(connection)
	}
	text, hint := err.Error(), "check the NATS server"
	if f := (*ticket.Failure)(nil); errors.As(err, &f) {
		hint = f.Hint
	} else if errors.Is(err, context.DeadlineExceeded) {
		text, hint = fmt.Sprintf("not done within %s", max(sweepLimit, s.Every)), "nothing: the next sweep goes on from there"
	}
	s.mu.Lock()
	news := s.told[whose] != text
	s.told[whose] = text
	s.mu.Unlock()
	if !news {
		return
	}
	s.log.Warn().Str("of", whose).Str("failure", text).Str("hint", hint).Msg("cannot sweep; trying again next time")
}

func (s *Sweep) well(whose string) {
	s.mu.Lock()
	_, was := s.told[whose]
	delete(s.told, whose)
	s.mu.Unlock()
	if was {
		s.log.Info().Str("of", whose).Msg("swept again")
	}
}
