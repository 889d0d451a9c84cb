package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"passerelle/deploy/stand"
)

// kill is one kind of thing that goes wrong with a process or a network. It returns when it is over.
type kill struct {
	kind string
	do   func(ctx context.Context, k *killer) error
}

// killer does one kill after the other, beside other killers that have other victims.
type killer struct {
	*scene

	rand  *rand.Rand // of this killer alone
	kinds []kill
	after func(ctx context.Context) error // waits until the victims are well again; may be nil
}

// count says how often each kind was done.
type count struct {
	mu    sync.Mutex
	kinds map[string]int // guarded by mu
}

func (c *count) add(kind string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kinds[kind]++
}

// time draws how long a kill lasts.
func (k *killer) time() time.Duration {
	return k.shortest + rand.N(k.longest-k.shortest+1) //nolint:gosec // no secret
}

func pick[T any](k *killer, all []T) T { return all[k.rand.IntN(len(all))] }

// killers gives those of the scenario.
func (s *scene) killers() []*killer {
	product := &killer{kinds: productKills("worker", func() []*member { return s.worker })}
	network := &killer{kinds: zendeskLines()}
	all := []*killer{product, network}
	if s.scenario == embedded {
		product.kinds = productKills("process", s.members)
		// The one process has nothing beside it that could be killed.
		product.kinds = append(append(product.kinds, product.kinds...), product.kinds...)
	} else {
		product.kinds = append(product.kinds, productKills("ingest", func() []*member { return s.ingest })...)
		network.kinds = append(network.kinds, natsLines()...)
		network.kinds = append(network.kinds, redisLines()...)
		nats := &killer{kinds: natsKills(), after: func(ctx context.Context) error { return stand.Healthy(ctx, s.nats) }}
		redis := &killer{kinds: redisKills()}
		all = append(all, nats, redis)
	}
	product.after = func(ctx context.Context) error {
		for _, m := range s.members() {
			if err := m.Ready(ctx); err != nil {
				return err
			}
		}
		return nil
	}
	for i, k := range all {
		k.scene, k.rand = s, rand.New(rand.NewPCG(uint64(s.seed), uint64(i))) //nolint:gosec // no secret
	}
	return all
}

// productKills are kind by kind for the processes that of gives.
func productKills(name string, of func() []*member) []kill {
	return []kill{
		{name + " killed", func(_ context.Context, k *killer) error { pick(k, of()).Kill(0); return nil }},
		{name + " stopped, then continued", func(ctx context.Context, k *killer) error { pick(k, of()).Pause(ctx, k.time()); return nil }},
		{name + " restarted", func(_ context.Context, k *killer) error { pick(k, of()).Restart(productGrace); return nil }},
	}
}

// stoppedLong makes others take over what the stopped process has in work, before it goes on with it.
func stoppedLong() kill {
	const longerThanTheQueueWaits = 36 * time.Second
	return kill{"worker stopped until others took over", func(ctx context.Context, k *killer) error {
		pick(k, k.worker).Pause(ctx, longerThanTheQueueWaits)
		return nil
	}}
}

func natsKills() []kill {
	return []kill{
		{"nats-server killed", func(_ context.Context, k *killer) error { pick(k, k.nats).Kill(k.time()); return nil }},
		{"nats-server stopped, then continued", func(ctx context.Context, k *killer) error { pick(k, k.nats).Pause(ctx, k.time()); return nil }},
		{"nats-server restarted, one after the other", func(ctx context.Context, k *killer) error {
			for _, n := range k.nats {
				n.Restart(stand.ServerGrace)
				if err := stand.Healthy(ctx, k.nats); err != nil {
					return err
				}
			}
			return nil
		}},
		{"two nats-servers stopped, then continued", func(ctx context.Context, k *killer) error {
			var both sync.WaitGroup
			spared := k.rand.IntN(nodes)
			d := k.time()
			for i, n := range k.nats {
				if i != spared {
					both.Go(func() { n.Pause(ctx, d) })
				}
			}
			both.Wait()
			return nil
		}},
	}
}

func redisKills() []kill {
	return []kill{
		{"redis-server killed", func(_ context.Context, k *killer) error { k.redis.Kill(k.time()); return nil }},
		{"redis-server stopped, then continued", func(ctx context.Context, k *killer) error { k.redis.Pause(ctx, k.time()); return nil }},
		{"redis-server restarted", func(_ context.Context, k *killer) error { k.redis.Restart(stand.ServerGrace); return nil }},
	}
}

// slowness is added to each chunk, in both directions.
const slowness = 150 * time.Millisecond

// lineKills are the three ways in which a network fails.
func lineKills(name string, of func(k *killer) []*line) []kill {
	during := func(s state, delay time.Duration) func(context.Context, *killer) error {
		return func(ctx context.Context, k *killer) error {
			lines := of(k)
			for _, l := range lines {
				l.set(s, delay)
			}
			stand.Rest(ctx, k.time())
			for _, l := range lines {
				l.set(open, 0)
			}
			return nil
		}
	}
	return []kill{
		{"network to " + name + " cut", during(cut, 0)},
		{"network to " + name + " silent", during(silent, 0)},
		{"network to " + name + " slow", during(open, slowness)},
	}
}

// natsLines fail for one process of the product.
func natsLines() []kill {
	return lineKills("NATS", func(k *killer) []*line { return pick(k, k.members()).nats })
}

func redisLines() []kill {
	return lineKills("Redis", func(k *killer) []*line { return []*line{pick(k, k.members()).redis} })
}

// zendeskLines fail for all at once.
func zendeskLines() []kill {
	return lineKills("Zendesk", func(k *killer) []*line {
		var all []*line
		for _, m := range k.worker {
			all = append(all, m.zendesk)
		}
		return all
	})
}

// killAll spreads the kills over the time, and returns when all are done.
func (s *scene) killAll(ctx context.Context, span time.Duration) (map[string]int, error) {
	all := s.killers()
	kinds := 0
	for _, k := range all {
		kinds += len(k.kinds)
	}
	rounds := max(1, (s.kills+kinds-1)/kinds)
	if s.kills == 0 {
		rounds = 0
	}
	done := &count{kinds: map[string]int{}}
	failed := make([]error, len(all))
	var wait sync.WaitGroup
	for i, k := range all {
		wait.Go(func() { failed[i] = k.run(ctx, rounds, span, done, i == 0) })
	}
	wait.Wait()
	for _, err := range failed {
		if err != nil {
			return done.kinds, err
		}
	}
	return done.kinds, nil
}

func (k *killer) run(ctx context.Context, rounds int, span time.Duration, done *count, long bool) error {
	var list []kill
	for range rounds {
		list = append(list, k.kinds...)
		if long && k.hangs {
			list = append(list, stoppedLong())
		}
	}
	k.rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	began := time.Now()
	for i, what := range list {
		due := time.Duration(float64(span) * (float64(i) + 0.5) / float64(len(list)))
		if !stand.Rest(ctx, max(time.Until(began.Add(due)), 0)) {
			return fmt.Errorf("the time was over before %q", what.kind)
		}
		if err := what.do(ctx, k); err != nil {
			return fmt.Errorf("%s: %w", what.kind, err)
		}
		done.add(what.kind)
		if k.after == nil {
			continue
		}
		well, cancel := context.WithTimeout(ctx, readyTime)
		err := k.after(well)
		cancel()
		if err != nil {
			return fmt.Errorf("after %q: %w", what.kind, err)
		}
	}
	return nil
}
