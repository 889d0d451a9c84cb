package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"passerelle/ingest"
	"passerelle/pkg/console"
	"passerelle/pkg/observe"
	"passerelle/pkg/queue"
	"passerelle/pkg/site"
	"passerelle/pkg/ticket"
	"passerelle/pkg/timerslack"
	"passerelle/worker"
)

type serveCommand struct {
	Roles []string `default:"ingest,worker,console" help:"What this process does: ingest, worker, console. Several processes need PASSERELLE_NATS_URL."`
	Apply bool     `help:"Put right what somebody changed of the streams on the NATS server; passerelle streams check shows it."`
}

// Run serves until the first signal.
func (c serveCommand) Run(ctx context.Context) error {
	e, err := readEnvironment()
	if err != nil {
		return err
	}
	e.ApplyStreams = c.Apply
	log, err := e.logger()
	if err != nil {
		return err
	}
	warnOfUnknown(log)
	limitMemory(log)
	for _, role := range c.Roles {
		if !slices.Contains([]string{"ingest", "worker", "console"}, role) {
			return usageError{fmt.Errorf("--roles: %q is none of ingest, worker, console", role)}
		}
	}
	warnOfMissingRoles(e, c.Roles, log)
	logStart(log, c.Roles, timerslack.Widen(e.TimerSlack))
	s, err := openService(ctx, e, loadFile(e.Config), log, c.Roles, nil)
	if stoppedEarly(ctx, err) {
		log.Info().Msg("ended before it served")
		return nil
	}
	if err != nil {
		return err
	}
	defer s.close()
	defer collectSeldom()()
	return s.run(ctx)
}

// stoppedEarly tells whether something failed to open because a signal came meanwhile: then nothing is wrong.
func stoppedEarly(ctx context.Context, err error) bool {
	return ctx.Err() != nil && errors.Is(err, context.Canceled)
}

// logStart tells what starts, and the timer slack that it has; slackErr is why it is not the one of the settings.
func logStart(log zerolog.Logger, roles []string, slackErr error) {
	has := "none on this system"
	if slack, err := timerslack.Now(); err == nil {
		has = slack.String()
	}
	log.Info().Str("version", readVersion().Version).Strs("roles", roles).Str("timer_slack", has).AnErr("timer_slack_why", slackErr).Msg("passerelle starts")
}

// warnOfMissingRoles tells that no process takes webhooks in, or that none makes tickets of them: only one process at a
// time can have the embedded store.
func warnOfMissingRoles(e environment, roles []string, log zerolog.Logger) {
	if e.NATSURL != "" {
		return
	}
	var missing []string
	for _, role := range []string{"ingest", "worker"} {
		if !slices.Contains(roles, role) {
			missing = append(missing, role)
		}
	}
	if len(missing) > 0 {
		log.Warn().Str("missing", strings.Join(missing, ", ")).Str("folder", e.DataDir).
			Str("hint", "leave --roles out, or set PASSERELLE_NATS_URL to run the roles in processes of their own").
			Msg("roles are missing, and no other process can play them while this one runs: the embedded store has room for one process")
	}
}

// service is a process that serves some roles.
type service struct {
	environment

	log     zerolog.Logger
	queue   *queue.Queue
	works   works
	worker  *worker.Worker // nil without that role
	sweep   *ingest.Sweep  // the same
	servers []*listening
	done    cleanups
	warned  sync.Map // accounts whose API token was warned of
	stance  stance
}

// listening is an HTTP server with its address.
type listening struct {
	name     string
	server   *http.Server
	listener net.Listener
}

// openService opens the queue and the addresses. Nothing is taken in before run. The configuration is the applied one,
// if there is one, or the file. watch is told of attempts too; it may be nil.
func openService(ctx context.Context, e environment, file fileConfig, log zerolog.Logger, roles []string, watch worker.Meter) (s *service, err error) {
	s = &service{environment: e, log: log, stance: newStance(roles)}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	password, err := e.password()
	if err != nil {
		return s, err
	}
	q, healthy, err := openQueue(ctx, e, log, &s.done)
	if err != nil {
		return s, errors.Join(file.err, err)
	}
	s.queue = q
	config, applied, err := inForce(ctx, q, file, usesOf(roles), s.refused)
	if err != nil {
		return s, err
	}
	reportSecrets(config, log)
	e.RedisState = reportRedis(log)
	if s.works, err = wireWorks(e, config, q, &s.done); err != nil {
		return s, err
	}
	s.works.directory.Adopt(originOf(applied))
	metrics := observe.NewMetrics()
	watching, stop := context.WithCancel(context.WithoutCancel(ctx)) // metrics are read while the process ends, too
	s.done.add(stop)
	watchStore(watching, metrics, q, s.works.accounts)
	if redis := s.works.redis; redis != nil {
		metrics.WatchRedis(func() observe.RedisSample {
			stats := redis.Stats()
			return observe.RedisSample{Up: stats.Healthy, Failures: stats.Failures}
		})
	}
	if slices.Contains(roles, "worker") {
		s.works.clients.refused = metrics.CallRefused
		metrics.WatchCalls(s.works.calls)
		s.worker = worker.New(q, s.works.deliverer, log, meters{metrics, watch})
		s.warnOfAPITokens(config)
	}
	if slices.Contains(roles, "ingest") {
		s.sweep = wireSweep(e, q, s.works, log, metrics)
		handler := ingest.New(q, s.works.directory, log, metrics)
		server := ingest.Server(handler)
		server.RegisterOnShutdown(handler.Drain)
		if err := s.listen("ingest", e.IngestAddr, server); err != nil {
			return s, err
		}
	}
	options := console.Options{
		Queue: q, Accounts: s.works.accounts, Metrics: metrics.Handler(), Password: password, Version: readVersion().Version,
		Ready: func(ctx context.Context) error { return errors.Join(healthy(), q.Healthy(ctx)) },
	}
	if slices.Contains(roles, "console") {
		if err := s.listen("console", e.ConsoleAddr, ingest.Server(console.New(options))); err != nil {
			return s, err
		}
	}
	if e.HealthAddr != "" {
		if err := s.listen("health", e.HealthAddr, ingest.Server(console.NewHealth(options))); err != nil {
			return s, err
		}
	}
	return s, nil
}

// meters passes an attempt on to several.
type meters struct{ metrics, watch worker.Meter }

func (m meters) Attempt(account string, o ticket.Outcome, took time.Duration) {
	m.metrics.Attempt(account, o, took)
	if m.watch != nil {
		m.watch.Attempt(account, o, took)
	}
}

func (s *service) listen(name, address string, server *http.Server) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("listen for %s: %w; choose another address with PASSERELLE_%s_ADDR", name, err, strings.ToUpper(name))
	}
	s.servers = append(s.servers, &listening{name, server, listener})
	s.done.add(func() { _ = listener.Close() })
	return nil
}

// address gives where a server listens.
func (s *service) address(name string) string {
	for _, l := range s.servers {
		if l.name == name {
			return l.listener.Addr().String()
		}
	}
	return ""
}

// grace is kept of the time to drain for what must be written down after work was cut off.
const grace = 5 * time.Second

// run serves until ctx ends. Then it takes nothing in any more, finishes what it has, and gives back what never began,
// all within the time to drain.
func (s *service) run(ctx context.Context) error {
	work, cut := context.WithCancel(context.Background())
	defer cut()
	var parts sync.WaitGroup
	failed := make(chan error, len(s.servers))
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	for _, l := range s.servers {
		s.log.Info().Str("address", l.listener.Addr().String()).Msg(l.name + " listens")
		parts.Go(func() {
			if err := l.server.Serve(l.listener); !errors.Is(err, http.ErrServerClosed) {
				failed <- fmt.Errorf("serve %s: %w", l.name, err)
				stop()
			}
		})
	}
	parts.Go(func() { s.works.directory.Watch(ctx, s.Config, s.changed) })
	parts.Go(func() { s.followApplied(ctx) })
	if s.worker != nil {
		parts.Go(func() { s.worker.Run(ctx, work) })
		parts.Go(func() { s.keepTokens(ctx) })
		parts.Go(func() { s.countWorkers(ctx) })
		parts.Go(func() { s.tryAnew(ctx) })
	}
	if s.sweep != nil {
		parts.Go(func() { s.sweep.Run(ctx) })
	}
	<-ctx.Done()
	s.log.Info().Dur("within_ms", s.DrainTimeout).Msg("ending: finishing what is in work")
	limit := time.AfterFunc(max(s.DrainTimeout-grace, s.DrainTimeout/2), cut)
	defer limit.Stop()
	shutdown, cancel := context.WithTimeout(context.Background(), max(s.DrainTimeout-grace, s.DrainTimeout/2))
	defer cancel()
	for _, l := range s.servers {
		if err := l.server.Shutdown(shutdown); err != nil { //nolint:contextcheck // the caller's context has ended by now
			_ = l.server.Close() // callers who hold on are cut off
		}
	}
	parts.Wait()
	s.log.Info().Msg("ended")
	select {
	case err := <-failed:
		return err
	default:
		return nil
	}
}

// changed tells what became of the configuration file.
func (s *service) changed(config *site.Config, err error) {
	defer giveBack()
	var notInForce site.NotInForce
	if errors.As(err, &notInForce) {
		s.log.Warn().Err(err).Uint64("applied", notInForce.Applied.Revision).Msg("the configuration file is not in force")
		return
	}
	if err != nil {
		s.log.Error().Err(err).Msg("the changed configuration is refused; the old one stays in force")
		return
	}
	s.log.Info().Str("revision", config.Revision).Int("sites", len(config.Sites)).Msg("changed configuration in force")
	reportSecrets(config, s.log)
	s.warnOfAPITokens(config)
}

func (s *service) close() { s.done.run() }

// reportSecrets names the references that cannot be resolved now. They are resolved where they are used, so that a
// secret that appears later is found.
func reportSecrets(config *site.Config, log zerolog.Logger) {
	for _, missing := range config.Unresolved() {
		log.Warn().Str("key", missing.Key).Err(missing.Err).Msg("a secret cannot be resolved; what needs it waits")
	}
}
