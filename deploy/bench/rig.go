package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"passerelle/deploy/stand"
	"passerelle/pkg/queue"
)

const (
	drainTime    = 20 * time.Second
	productGrace = 30 * time.Second // from SIGTERM; the product must end within drainTime
	readyTime    = 3 * time.Minute  // on a slow machine, with many accounts
)

// platform says on what the product runs.
type platform struct {
	binaries string // folder with passerelle and nats-server
	sync     string // sync_interval of nats-server
	redis    bool
	ingest   bool // with an ingest process; without one events go straight into the queue
	slots    int  // of each worker; 0 is the product's default
	procs    int  // processors that each of our programs may use at once
}

// rig is the product's processes with all that they stand on.
type rig struct {
	*world
	platform

	dir           string
	nats          *stand.NATS
	redisServer   *stand.Process
	redisAddress  string
	workers       []*stand.Process
	ingestProcess *stand.Process
	queue         *queue.Queue
	lines         lines        // to ingest
	refused       atomic.Int64 // webhooks that were not accepted at first

	product                context.Context //nolint:containedctx // the life of the processes, which are started at several places
	endProduct, endServers context.CancelFunc

	mu      sync.Mutex
	webhook string // guarded by mu; address of the ingest process
}

// openRig starts the servers and opens the queue. Workers and ingest are started by start.
func openRig(ctx context.Context, n nature, p platform, dir string) (r *rig, err error) {
	r = &rig{platform: p, dir: dir, lines: newLines()}
	servers, endServers := context.WithCancel(context.WithoutCancel(ctx))
	product, endProduct := context.WithCancel(context.WithoutCancel(ctx))
	r.product, r.endProduct, r.endServers = product, endProduct, endServers
	defer func() {
		if err != nil {
			r.close()
		}
	}()
	if r.world, err = openWorld(n); err != nil {
		return r, err
	}
	text, err := r.configuration(r.knows(ctx, `"bulk"`))
	if err != nil {
		return r, err
	}
	if err := os.WriteFile(r.config(), []byte(text), 0o600); err != nil {
		return r, fmt.Errorf("write configuration: %w", err)
	}
	starting, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	all, err := stand.LaunchNATS(servers, dir, filepath.Join(p.binaries, "nats-server"), stand.Settings{Sync: p.sync})
	if err != nil {
		return r, err
	}
	r.nats = all[0]
	if p.redis {
		if r.redisServer, r.redisAddress, err = stand.LaunchRedis(servers, dir); err != nil {
			return r, err
		}
		if err := r.redisServer.Ready(starting); err != nil {
			return r, err
		}
	}
	if err := stand.Healthy(starting, all); err != nil {
		return r, err
	}
	r.queue, err = queue.Open(starting, queue.Options{URL: "nats://" + r.nats.Address, Name: "bench"})
	return r, err
}

func (r *rig) config() string { return filepath.Join(r.dir, "passerelle.yaml") }

// knows tells whether a word stands in the product's own schema of its configuration.
func (r *rig) knows(ctx context.Context, word string) bool {
	schema, err := exec.CommandContext(ctx, filepath.Join(r.binaries, "passerelle"), "sites", "schema").Output() //nolint:gosec // our own program
	return err == nil && bytes.Contains(schema, []byte(word))
}

// start starts the workers, and ingest if there is to be one, and waits until they work.
func (r *rig) start(ctx context.Context) (err error) {
	for i := range r.world.workers {
		p, err := r.launch(fmt.Sprintf("worker-%d", i+1), "worker", r.zendeskOf[i], nil)
		if err != nil {
			return err
		}
		r.workers = append(r.workers, p)
	}
	if r.ingest {
		if r.ingestProcess, err = r.launch("ingest", "ingest", r.zendeskOf[0], r.hear); err != nil {
			return err
		}
	}
	starting, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	for _, p := range r.processes() {
		if err := p.Ready(starting); err != nil {
			return err
		}
	}
	return nil
}

func (r *rig) launch(name, role, zendesk string, seen func(string)) (*stand.Process, error) {
	redis := ""
	if r.redisAddress != "" {
		redis = "redis://" + r.redisAddress
	}
	env := []string{
		"PASSERELLE_CONFIG=" + r.config(), "PASSERELLE_DATA_DIR=" + filepath.Join(r.dir, "none"), "PASSERELLE_NATS_URL=nats://" + r.nats.Address,
		"PASSERELLE_REDIS_URL=" + redis, "PASSERELLE_INGEST_ADDR=127.0.0.1:0", "PASSERELLE_CONSOLE_ADDR=127.0.0.1:0", "PASSERELLE_HEALTH_ADDR=127.0.0.1:0",
		"PASSERELLE_LOG_LEVEL=info", "PASSERELLE_LOG_FORMAT=json", "PASSERELLE_DRAIN_TIMEOUT=" + drainTime.String(),
		"PASSERELLE_SWEEP_EVERY=24h", // a sweep is not what is measured
		zendeskVariable + "=" + zendesk, fmt.Sprintf("GOMAXPROCS=%d", r.procs),
	}
	if r.slots > 0 {
		env = append(env, fmt.Sprintf("PASSERELLE_WORKER_SLOTS=%d", r.slots))
	}
	return stand.Launch(r.product, r.dir, name, stand.Program{
		Path: filepath.Join(r.binaries, "passerelle"), Env: env, Args: []string{"serve", "--roles", role}, Ready: "health listens", Grace: productGrace, Seen: seen,
	})
}

// hear takes the address from the ingest process's log: with each start it is another one.
func (r *rig) hear(text string) {
	var line struct {
		Message string `json:"message"`
		Address string `json:"address"`
	}
	if json.Unmarshal([]byte(text), &line) != nil || line.Message != "ingest listens" {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.webhook = "http://" + line.Address + "/webhooks/iadvize"
}

func (r *rig) webhookAddress() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.webhook
}

// processes are the product's.
func (r *rig) processes() []*stand.Process {
	all := append([]*stand.Process{}, r.workers...)
	if r.ingestProcess != nil {
		all = append(all, r.ingestProcess)
	}
	return all
}

// crashed tells how many processes of the product ended though nobody asked them to.
func (r *rig) crashed() int {
	n := 0
	for _, p := range r.processes() {
		n += int(p.Surplus.Load())
	}
	return n
}

func (r *rig) close() {
	r.lines.close()
	r.endProduct()
	for _, p := range r.processes() {
		<-p.Done()
	}
	if r.queue != nil {
		r.queue.Close()
	}
	r.endServers()
	if r.nats != nil {
		<-r.nats.Done()
	}
	if r.redisServer != nil {
		<-r.redisServer.Done()
	}
	if r.world != nil {
		r.world.close()
	}
}

var errNotSettled = errors.New("not everything was settled in time")
