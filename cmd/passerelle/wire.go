package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"passerelle/pkg/cache"
	"passerelle/pkg/limit"
	"passerelle/pkg/queue"
	"passerelle/pkg/queue/embed"
	"passerelle/pkg/site"
	"passerelle/worker"
)

// cleanups run in the reverse order of their making.
type cleanups []func()

func (c *cleanups) add(f func()) { *c = append(*c, f) }

func (c *cleanups) run() {
	for i := range slices.Backward(*c) {
		(*c)[i]()
	}
	*c = nil
}

// natsPatience is how long a process that serves waits for a NATS that starts at the same time, or elects its leaders.
const natsPatience = time.Minute

// storePatience is how long it waits for a command that has the data folder, which each has for a moment when nothing
// serves there.
const storePatience = 5 * time.Second

// openQueue opens the queue of a process that serves: the NATS server of the environment, or an embedded one of its
// own. healthy tells of the embedded server's store.
func openQueue(ctx context.Context, e environment, log zerolog.Logger, done *cleanups) (q *queue.Queue, healthy func() error, err error) {
	options := queue.Options{
		URL: e.NATSURL, Name: "passerelle", Replicas: e.NATSReplicas, Apply: e.ApplyStreams, OnDifference: reportDifference(log),
		OnState: func(connected bool, err error) {
			if connected {
				log.Info().Msg("NATS reached again")
			} else if err != nil {
				log.Warn().Str("cause", "connection lost").Msg("NATS out of reach; trying again every second")
			}
		},
		Patience: natsPatience,
		OnWait: func(err error) {
			log.Warn().Err(err).Dur("within_ms", natsPatience).Msg("NATS is not ready yet; trying again")
		},
	}
	healthy = func() error { return nil }
	if e.NATSURL == "" {
		server, err := startStore(e, embed.Options{Logger: natsLog{log}, Patience: storePatience})
		if err != nil {
			return nil, nil, err
		}
		done.add(server.Close)
		options.Server, healthy = server, server.Healthy
	}
	if q, err = queue.Open(ctx, options); err != nil {
		return nil, nil, err
	}
	done.add(q.Close)
	if e.NATSURL != "" {
		reportSync(ctx, q, e, log)
	}
	return q, healthy, nil
}

// startStore starts the embedded server on the data folder. A key that does not fit is wrong configuration.
func startStore(e environment, options embed.Options) (*embed.Server, error) {
	var err error
	if options.Key, err = e.storeKey(); err != nil {
		return nil, err
	}
	options.Dir = e.DataDir
	server, err := embed.Start(options)
	if errors.Is(err, embed.ErrKey) {
		return nil, usageError{err}
	}
	return server, err
}

// visitQueue opens the queue for a command: the NATS server, the embedded one of a process that serves, or its store
// when no process does.
func visitQueue(ctx context.Context, e environment, done *cleanups) (*queue.Queue, error) {
	options := queue.Options{URL: e.NATSURL, Name: "passerelle command", Replicas: e.NATSReplicas, Lenient: true}
	if e.NATSURL == "" {
		if _, err := os.Stat(e.DataDir); err != nil {
			return nil, fmt.Errorf("nothing is stored at %s (a demonstration takes its folder away when it ends); set PASSERELLE_DATA_DIR or PASSERELLE_NATS_URL to where passerelle serve keeps its work", e.DataDir)
		}
		server, err := startStore(e, embed.Options{})
		switch {
		case errors.Is(err, embed.ErrInUse):
			if options.Server, err = embed.Reach(e.DataDir); err != nil {
				return nil, err
			}
		case err != nil:
			return nil, err
		default:
			done.add(server.Close)
			options.Server = server
		}
	}
	q, err := queue.Open(ctx, options)
	if err != nil {
		return nil, err
	}
	done.add(q.Close)
	return q, nil
}

// natsLog passes the embedded server's warnings on; its notices are for debugging.
type natsLog struct{ log zerolog.Logger }

func (n natsLog) Noticef(format string, v ...any) { n.log.Debug().Msgf("nats: "+format, v...) }
func (n natsLog) Warnf(format string, v ...any)   { n.log.Warn().Msgf("nats: "+format, v...) }
func (n natsLog) Fatalf(format string, v ...any)  { n.log.Error().Msgf("nats: "+format, v...) }
func (n natsLog) Errorf(format string, v ...any)  { n.log.Error().Msgf("nats: "+format, v...) }
func (n natsLog) Debugf(string, ...any)           {}
func (n natsLog) Tracef(string, ...any)           {}

// works is what deliveries need.
type works struct {
	directory *site.Directory
	deliverer *worker.Deliverer
	clients   *clients
	workers   *atomic.Int64 // processes that make calls, as far as is known
	redis     *cache.Redis  // nil: there is none
}

// openRedis prepares the connection to the Redis of the environment; nil: there is none.
func openRedis(e environment, done *cleanups) (*cache.Redis, error) {
	if e.RedisURL == "" {
		return nil, nil //nolint:nilnil // none is what nil means wherever one is used
	}
	redis, err := cache.OpenRedis(e.RedisURL, cache.RedisState(e.RedisState))
	if err != nil {
		return nil, usageError{fmt.Errorf("PASSERELLE_REDIS_URL: %w", err)}
	}
	done.add(func() { _ = redis.Close() })
	return redis, nil
}

// wireWorks connects sites, accounts and queue.
func wireWorks(e environment, config *site.Config, q *queue.Queue, done *cleanups) (works, error) {
	redis, err := openRedis(e, done)
	if err != nil {
		return works{}, err
	}
	workers := &atomic.Int64{}
	all := newClients(q)
	all.budgets = limit.New(redis, all.quota, limit.Workers(func() int { return int(max(workers.Load(), 1)) }))
	directory := site.NewDirectory(config, redis, func(name string) (site.Account, bool) { return all.learner(name) })
	all.config = directory.Config
	done.add(all.close)
	deliverer := worker.NewDeliverer(worker.World{
		Directory:     directory,
		Conversations: func(name string) (worker.Conversations, bool) { return all.iadvizeClient(name) },
		Tickets: func(name string, rank limit.Rank, patient bool) (worker.Tickets, bool) {
			return all.ranked(name, rank, patient)
		},
		Ledger: q,
		Bulk:   all.bulk,
		Budget: all.budget,
	}, worker.Settings{Slots: e.WorkerSlots, Patience: e.Patience, Expiry: e.JobExpiry})
	return works{directory, deliverer, all, workers, redis}, nil
}

func reportRedis(log zerolog.Logger) func(why error) {
	return func(why error) {
		if why == nil {
			log.Info().Msg("Redis reached again")
			return
		}
		log.Warn().Err(why).Msg("Redis out of reach; going on without it: more calls go to Zendesk and iAdvize")
	}
}
