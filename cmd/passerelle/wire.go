package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"passerelle/pkg/cache"
	"passerelle/pkg/iadvize"
	"passerelle/pkg/limit"
	"passerelle/pkg/queue"
	"passerelle/pkg/queue/embed"
	"passerelle/pkg/site"
	"passerelle/pkg/token"
	"passerelle/pkg/zendesk"
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
		server, err := startStore(e, embed.Options{Logger: natsLog{log}})
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
			return nil, fmt.Errorf("nothing is stored at %s yet; set PASSERELLE_DATA_DIR or PASSERELLE_NATS_URL to where passerelle serve keeps its work", e.DataDir)
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

// clients are those of the accounts in force, made when they are first used, and anew when their settings change.
type clients struct {
	tokens token.Store // nil: tokens of this process alone
	config func() *site.Config

	mu      sync.Mutex
	zendesk map[string]*made[site.Zendesk, *zendesk.Client] // guarded by mu
	iadvize map[string]*made[site.IAdvize, *iadvize.Client] // guarded by mu
}

type made[S any, C any] struct {
	config   *site.Config // the last one whose settings were found to be the same
	settings S
	client   C
}

// serves tells whether the client is right for the settings of a configuration, which does not change.
func (m *made[S, C]) serves(config *site.Config, settings S) bool {
	return m.config == config || reflect.DeepEqual(m.settings, settings)
}

func newClients(tokens token.Store) *clients {
	return &clients{tokens: tokens, zendesk: map[string]*made[site.Zendesk, *zendesk.Client]{}, iadvize: map[string]*made[site.IAdvize, *iadvize.Client]{}}
}

func (c *clients) zendeskClient(name string) (*zendesk.Client, bool) {
	config := c.config()
	settings, ok := config.Zendesk[name]
	if !ok {
		return nil, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if old, ok := c.zendesk[name]; ok && old.serves(config, settings) {
		old.config = config
		return old.client, true
	}
	url, err := settings.URL.Resolve()
	if err != nil {
		return nil, false // said at the start, and by the failure of each job
	}
	account := zendesk.Account{Name: name, URL: url}
	if o := settings.Auth.OAuth; o != nil {
		account.OAuth = pair(o.ClientID, o.ClientSecret)
		if o.RefreshToken != "" {
			account.RefreshToken = o.RefreshToken.Resolve
		}
	}
	if t := settings.Auth.APIToken; t != nil {
		account.APIToken = pair(t.Email, t.Token)
	}
	client := zendesk.NewClient(account, c.tokens)
	c.zendesk[name] = &made[site.Zendesk, *zendesk.Client]{config, settings, client}
	return client, true
}

// bulk gives the client for an account's bulk jobs, and its terms.
func (c *clients) bulk(name string) (worker.Bulk, worker.BulkTerms, bool) {
	client, ok := c.zendeskClient(name)
	settings := c.config().Zendesk[name]
	if !ok || settings.BulkJobs == nil {
		return nil, worker.BulkTerms{}, false
	}
	terms := worker.BulkTerms{Jobs: *settings.BulkJobs, Import: settings.Import}
	if settings.Bulk == site.BulkOff {
		terms.Jobs = 0 // those that are under way are watched to their end
	}
	return client, terms, true
}

func (c *clients) iadvizeClient(name string) (*iadvize.Client, bool) {
	config := c.config()
	settings, ok := config.IAdvize[name]
	if !ok {
		return nil, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if old, ok := c.iadvize[name]; ok && old.serves(config, settings) {
		old.config = config
		return old.client, true
	}
	url, err := settings.URL.Resolve()
	tokenURL, tokenErr := settings.TokenURL.Resolve()
	if err != nil || tokenErr != nil {
		return nil, false
	}
	client := iadvize.NewClient(iadvize.Connection{
		Name: name, URL: url, TokenURL: tokenURL, Platform: settings.Platform, Credentials: pair(settings.Username, settings.Password),
	}, c.tokens)
	c.iadvize[name] = &made[site.IAdvize, *iadvize.Client]{config, settings, client}
	return client, true
}

func (c *clients) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range c.zendesk {
		m.client.Close()
	}
	for _, m := range c.iadvize {
		m.client.Close()
	}
}

func pair(a, b site.Ref) func() (string, string, error) {
	return func() (string, string, error) {
		first, errFirst := a.Resolve()
		second, errSecond := b.Resolve()
		return first, second, errors.Join(errFirst, errSecond)
	}
}

// works is what deliveries need.
type works struct {
	directory *site.Directory
	deliverer *worker.Deliverer
	clients   *clients
}

// wireWorks connects sites, accounts and queue.
func wireWorks(e environment, config *site.Config, q *queue.Queue, done *cleanups) (works, error) {
	var redis *cache.Redis
	if e.RedisURL != "" {
		var err error
		if redis, err = cache.OpenRedis(e.RedisURL, cache.RedisState(e.RedisState)); err != nil {
			return works{}, usageError{fmt.Errorf("PASSERELLE_REDIS_URL: %w", err)}
		}
		done.add(func() { _ = redis.Close() })
	}
	all := newClients(q)
	directory := site.NewDirectory(config, redis, func(name string) (site.Account, bool) { return all.zendeskClient(name) })
	all.config = directory.Config
	done.add(all.close)
	deliverer := worker.NewDeliverer(worker.World{
		Directory:     directory,
		Conversations: func(name string) (worker.Conversations, bool) { return all.iadvizeClient(name) },
		Tickets:       func(name string, _ limit.Rank) (worker.Tickets, bool) { return all.zendeskClient(name) },
		Ledger:        q,
		Bulk:          all.bulk,
	}, worker.Settings{Slots: e.WorkerSlots, Patience: e.Patience, Expiry: e.JobExpiry})
	return works{directory, deliverer, all}, nil
}

func reportRedis(log zerolog.Logger) func(healthy bool) {
	return func(healthy bool) {
		if healthy {
			log.Info().Msg("Redis reached again")
			return
		}
		log.Warn().Msg("Redis out of reach; going on without it: more calls go to Zendesk and iAdvize")
	}
}
