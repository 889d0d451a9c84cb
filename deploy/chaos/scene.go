package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"passerelle/deploy/stand"
	"passerelle/pkg/queue"
	"passerelle/pkg/queue/embed"
)

// How many processes the cluster scenario runs.
const (
	ingests = 2
	workers = 3
	nodes   = 3 // of the NATS cluster
)

const (
	drainTime    = 12 * time.Second
	productGrace = 20 * time.Second // from SIGTERM; the product must end within drainTime
	readyTime    = 2 * time.Minute  // on a slow machine
)

// member is one process of the product, with its own lines to what is outside of it.
type member struct {
	*stand.Process

	nats    []*line
	redis   *line
	zendesk *line
}

// scene is the product with all that it stands on.
type scene struct {
	options

	dir     string
	world   *world
	stories *stories
	front   *line // in front of the ingest processes
	ingest  []*member
	worker  []*member      // the same process as ingest when it is embedded
	nats    []*stand.NATS  // none when it is embedded
	redis   *stand.Process // nil when it is embedded
	lines   []*line

	endProduct, endServers context.CancelFunc

	mu        sync.Mutex
	addresses map[string]string // guarded by mu; of the ingest processes, by name
}

// openScene starts everything, and waits until it works.
func openScene(ctx context.Context, o options, dir string) (s *scene, err error) {
	s = &scene{options: o, dir: dir, stories: newStories(), addresses: map[string]string{}}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	servers, endServers := context.WithCancel(context.WithoutCancel(ctx))
	product, endProduct := context.WithCancel(context.WithoutCancel(ctx))
	s.endServers, s.endProduct = endServers, endProduct
	if s.world, err = openWorld(o); err != nil {
		return s, err
	}
	if s.front, err = s.line(); err != nil {
		return s, err
	}
	text, err := s.world.configuration()
	if err != nil {
		return s, err
	}
	if err := os.WriteFile(s.config(), []byte(text), 0o600); err != nil {
		return s, fmt.Errorf("write configuration: %w", err)
	}
	starting, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	if o.scenario == embedded {
		m, err := s.member(product, "passerelle", "ingest,worker", "")
		if err != nil {
			return s, err
		}
		s.ingest, s.worker = []*member{m}, []*member{m}
		return s, m.Ready(starting)
	}
	return s, s.openCluster(starting, servers, product)
}

func (s *scene) openCluster(starting, servers, product context.Context) (err error) {
	if s.nats, err = stand.LaunchNATS(servers, s.dir, filepath.Join(s.binaries, "nats-server"), stand.Settings{Nodes: nodes, Sync: "always"}); err != nil {
		return err
	}
	var redis string
	if s.redis, redis, err = stand.LaunchRedis(servers, s.dir); err != nil {
		return err
	}
	if err := errors.Join(stand.Healthy(starting, s.nats), s.redis.Ready(starting)); err != nil {
		return err
	}
	// All at once, as after a power cut: they create the streams together.
	for i := range ingests + workers {
		name, role := fmt.Sprintf("ingest-%d", i+1), "ingest"
		if i >= ingests {
			name, role = fmt.Sprintf("worker-%d", i-ingests+1), "worker"
		}
		m, err := s.member(product, name, role, redis)
		if err != nil {
			return err
		}
		if role == "ingest" {
			s.ingest = append(s.ingest, m)
		} else {
			s.worker = append(s.worker, m)
		}
	}
	for _, m := range s.members() {
		if err := m.Ready(starting); err != nil {
			return err
		}
	}
	return nil
}

func (s *scene) config() string  { return filepath.Join(s.dir, "passerelle.yaml") }
func (s *scene) dataDir() string { return filepath.Join(s.dir, "data") }

// members are the processes of the product, each once.
func (s *scene) members() []*member {
	if s.scenario == embedded {
		return s.ingest
	}
	return append(append([]*member{}, s.ingest...), s.worker...)
}

func (s *scene) line(targets ...string) (*line, error) {
	l, err := newLine(targets...)
	if err == nil {
		s.lines = append(s.lines, l)
	}
	return l, err
}

func (s *scene) member(ctx context.Context, name, roles, redis string) (m *member, err error) {
	m = &member{}
	if m.zendesk, err = s.line(s.world.zendeskAddress); err != nil {
		return nil, err
	}
	env := []string{
		"PASSERELLE_CONFIG=" + s.config(), "PASSERELLE_DATA_DIR=" + s.dataDir(), "PASSERELLE_NATS_URL=", "PASSERELLE_REDIS_URL=",
		"PASSERELLE_INGEST_ADDR=127.0.0.1:0", "PASSERELLE_CONSOLE_ADDR=127.0.0.1:0", "PASSERELLE_HEALTH_ADDR=127.0.0.1:0",
		"PASSERELLE_LOG_LEVEL=debug", "PASSERELLE_LOG_FORMAT=json", "PASSERELLE_DRAIN_TIMEOUT=" + drainTime.String(),
		zendeskVariable + "=" + m.zendesk.address(),
	}
	if len(s.nats) > 0 {
		var urls []string
		for _, n := range s.nats {
			l, err := s.line(n.Address)
			if err != nil {
				return nil, err
			}
			m.nats, urls = append(m.nats, l), append(urls, "nats://"+l.address())
		}
		if m.redis, err = s.line(redis); err != nil {
			return nil, err
		}
		env = append(env, "PASSERELLE_NATS_URL="+strings.Join(urls, ","), fmt.Sprintf("PASSERELLE_NATS_REPLICAS=%d", nodes), "PASSERELLE_REDIS_URL=redis://"+m.redis.address())
	}
	m.Process, err = stand.Launch(ctx, s.dir, name, stand.Program{
		Path: filepath.Join(s.binaries, "passerelle"), Env: env, Args: []string{"serve", "--roles", roles}, Ready: "health listens",
		Grace: productGrace, Seen: func(text string) { s.hear(name, text) },
	})
	return m, err
}

// hear takes in a log line of the product. The front learns from them where the ingest processes are.
func (s *scene) hear(name, text string) {
	s.stories.hear(text)
	if !strings.Contains(text, "ingest listens") {
		return
	}
	var line struct {
		Address string `json:"address"`
	}
	if json.Unmarshal([]byte(text), &line) != nil || line.Address == "" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.addresses[name] = line.Address
	var all []string
	for _, address := range s.addresses {
		all = append(all, address)
	}
	s.front.lead(all...)
}

// visit opens the queue beside the running product. With the embedded store, running says whether a process has it.
func (s *scene) visit(ctx context.Context, running bool) (q *queue.Queue, done func(), err error) {
	o := queue.Options{Name: "chaos", Replicas: nodes}
	done = func() {}
	switch {
	case len(s.nats) > 0:
		var urls []string
		for _, n := range s.nats {
			urls = append(urls, "nats://"+n.Address)
		}
		o.URL = strings.Join(urls, ",")
	case running:
		if o.Server, err = embed.Reach(s.dataDir()); err != nil {
			return nil, nil, err
		}
	default:
		server, err := embed.Start(embed.Options{Dir: s.dataDir()})
		if err != nil {
			return nil, nil, err
		}
		o.Server, done = server, server.Close
	}
	if q, err = queue.Open(ctx, o); err != nil {
		done()
		return nil, nil, err
	}
	end := done
	return q, func() { q.Close(); end() }, nil
}

// stopProduct ends the product's processes as an operator does.
func (s *scene) stopProduct() {
	s.endProduct()
	for _, m := range s.members() {
		<-m.Done()
	}
}

func (s *scene) close() {
	s.stopProduct()
	s.endServers()
	for _, n := range s.nats {
		<-n.Done()
	}
	if s.redis != nil {
		<-s.redis.Done()
	}
	for _, l := range s.lines {
		l.close()
	}
	if s.world != nil {
		s.world.close()
	}
}
