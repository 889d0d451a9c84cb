package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"passerelle/pkg/queue"
	"passerelle/pkg/queue/embed"
	"passerelle/pkg/sim/simiadvize"
	"passerelle/pkg/sim/simzendesk"
	"passerelle/pkg/site"
	"passerelle/pkg/ticket"
	"passerelle/worker"
)

// crash ends a worker as a power cut would, at one of the messages that leave it: to NATS, to iAdvize, to Zendesk. As
// each message is a step, none can be forgotten: a step that the code gets later is counted by itself.
type crash struct {
	at    int  // number of the message, from 1; 0: never
	after bool // the message gets through, its answer does not
	done  chan struct{}

	mu    sync.Mutex
	steps []string // guarded by mu
	dead  bool     // guarded by mu
}

// alive is no crash at all.
func alive() *crash { return &crash{done: make(chan struct{})} }

var errDead = errors.New("the worker is dead")

// step counts a message. It tells whether the message gets through, and whether an answer does.
func (c *crash) step(name string) (through, answered bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dead {
		return false, false
	}
	c.steps = append(c.steps, name)
	if len(c.steps) != c.at {
		return true, true
	}
	c.dead = true
	close(c.done)
	return c.after, false
}

func (c *crash) isDead() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dead
}

// crashConn is the worker's connection to NATS.
type crashConn struct {
	net.Conn

	crash *crash
	rest  []byte // a command that is not complete yet
}

type crashServer struct {
	*embed.Server

	crash *crash
}

func (s crashServer) InProcessConn() (net.Conn, error) {
	if s.crash.isDead() {
		return nil, errDead
	}
	conn, err := s.Server.InProcessConn()
	return &crashConn{Conn: conn, crash: s.crash}, err
}

// Write hands the commands of the protocol on, one by one. https://docs.nats.io/reference/reference-protocols/nats-protocol
func (c *crashConn) Write(p []byte) (int, error) {
	c.rest = append(c.rest, p...)
	for {
		line, _, complete := bytes.Cut(c.rest, []byte("\r\n"))
		if !complete {
			return len(p), nil
		}
		words, size := strings.Fields(string(line)), len(line)+2
		published := len(words) > 0 && (words[0] == "PUB" || words[0] == "HPUB")
		if published {
			payload, err := strconv.Atoi(words[len(words)-1])
			if err != nil {
				return 0, err
			}
			if size += payload + 2; len(c.rest) < size {
				return len(p), nil
			}
		}
		through, answered := true, true
		if published && countedSubject(words[1]) {
			through, answered = c.crash.step("nats " + shortSubject(words[1]))
		}
		if through {
			if _, err := c.Conn.Write(c.rest[:size]); err != nil {
				return 0, err
			}
		}
		if !answered {
			c.Conn.Close()
			return 0, errDead
		}
		c.rest = c.rest[size:]
	}
}

// countedSubject leaves out what is no step of a delivery: opening streams, and asking for the next event.
func countedSubject(subject string) bool {
	for _, other := range []string{"$JS.API.CONSUMER.", "$JS.API.STREAM.INFO.", "$JS.API.STREAM.CREATE.", "$JS.API.STREAM.UPDATE.", "$JS.API.INFO"} {
		if strings.HasPrefix(subject, other) {
			return false
		}
	}
	return true
}

var volatile = regexp.MustCompile(`[0-9a-z]{8}-[0-9a-z-]{27}|\b\d+\b|\b[0-9A-Za-z]{20,}\b`)

func shortSubject(subject string) string {
	if strings.HasPrefix(subject, "$JS.ACK.") {
		return "$JS.ACK." + strings.Split(subject, ".")[2]
	}
	return volatile.ReplaceAllString(subject, "*")
}

// handler stands in front of a simulator.
func (c *crash) handler(name string, simulator http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		through, answered := c.step(name + " " + r.Method + " " + volatile.ReplaceAllString(r.URL.Path, "*"))
		if through {
			answer := httptest.NewRecorder()
			simulator.ServeHTTP(answer, r)
			if answered {
				maps.Copy(w.Header(), answer.Header())
				w.WriteHeader(answer.Code)
				_, _ = w.Write(answer.Body.Bytes())
				return
			}
		}
		panic(http.ErrAbortHandler)
	})
}

// crashWorld has everything but workers.
type crashWorld struct {
	t       *testing.T
	server  *embed.Server
	zendesk *simzendesk.Server
	account *simzendesk.AccountState
	iadvize *simiadvize.Server
	site    worldSite
	built   world
	js      jetstream.JetStream
}

func newCrashWorld(t *testing.T) *crashWorld {
	t.Helper()
	server, err := embed.Start(embed.Options{Dir: filepath.Join(t.TempDir(), "data")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	w := &crashWorld{t: t, server: server, zendesk: simzendesk.New(simzendesk.Config{})}
	w.built = buildWorld(w.zendesk, 1)
	w.site = w.built.Sites[0]
	w.account, _ = w.zendesk.Account(w.site.Account)
	if w.iadvize, err = simiadvize.New(simiadvize.Config{Users: []simiadvize.User{{Username: demoUser, Password: demoPassword}}, LoginsPerMinute: -1}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = w.zendesk.Close(), w.iadvize.Close() })
	q, err := queue.Open(t.Context(), queue.Options{Server: server})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(q.Close)
	nc, err := nats.Connect("", nats.InProcessServer(server))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	if w.js, err = jetstream.New(nc); err != nil {
		t.Fatal(err)
	}
	// What a dead worker had in hand comes back soon.
	soon := 700 * time.Millisecond
	for stream, c := range map[string]jetstream.ConsumerConfig{
		"EVENTS": {Durable: "workers", AckPolicy: jetstream.AckExplicitPolicy, AckWait: soon, MaxAckPending: 20_000, MaxDeliver: -1},
		"HOLD":   {Durable: "runners", AckPolicy: jetstream.AckExplicitPolicy, AckWait: soon, MaxAckPending: 20_000, MaxDeliver: -1, FilterSubject: "run.*"},
	} {
		if _, err := w.js.CreateOrUpdateConsumer(t.Context(), stream, c); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// work runs a worker until the crash, or until nothing is left to do.
func (w *crashWorld) work(c *crash) error {
	desk, platform := httptest.NewServer(c.handler("zendesk", w.zendesk)), httptest.NewServer(c.handler("iadvize", w.iadvize))
	defer desk.Close()
	defer platform.Close()
	text, err := w.built.config(desk.URL, platform.URL, demoPassword, "s", demoPassword)
	if err != nil {
		return err
	}
	config, err := site.Parse("crash.yaml", []byte(text))
	if err != nil {
		return err
	}
	q, err := queue.Open(w.t.Context(), queue.Options{Server: crashServer{w.server, c}, Lenient: true})
	if c.isDead() {
		return nil
	}
	if err != nil {
		return err
	}
	defer q.Close()
	var done cleanups
	defer done.run()
	works, err := wireWorks(environment{WorkerSlots: 2, Patience: time.Minute, JobExpiry: time.Hour}, config, q, &done)
	if err != nil {
		return err
	}
	works.deliverer.BulkDoubt = time.Second
	ctx, stop := context.WithCancel(w.t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		worker.New(q, works.deliverer, zerolog.Nop(), nil).Run(ctx, ctx)
	}()
	defer func() { stop(); <-ended }()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	limit := time.NewTimer(3 * time.Minute)
	defer limit.Stop()
	for {
		select {
		case <-c.done:
			q.Close() // nothing gets through any more; let the calls in progress know
			return nil
		case <-tick.C:
			if w.empty() {
				return nil
			}
		case <-limit.C:
			return fmt.Errorf("not settled within three minutes; tickets: %+v", w.account.Tickets())
		}
	}
}

// empty tells whether nothing is left to do.
func (w *crashWorld) empty() bool {
	for _, name := range []string{"EVENTS", "HOLD"} {
		stream, err := w.js.Stream(w.t.Context(), name)
		if err != nil {
			return false
		}
		info, err := stream.Info(w.t.Context(), jetstream.WithSubjectFilter(">"))
		if err != nil {
			return false
		}
		for subject := range info.State.Subjects {
			if !strings.HasPrefix(subject, "wake.") { // an alarm that rings for nothing harms nobody
				return false
			}
		}
	}
	return true
}

func (w *crashWorld) publish(e ticket.Event) {
	w.t.Helper()
	q, err := queue.Open(w.t.Context(), queue.Options{Server: w.server, Lenient: true})
	if err != nil {
		w.t.Fatal(err)
	}
	defer q.Close()
	e.Platform, e.ProjectID, e.ConversationID, e.Account, e.ReceivedAt = "ha", w.site.ProjectID, closedID, w.site.Account, time.Now()
	if _, err := q.Publish(w.t.Context(), e); err != nil {
		w.t.Fatal(err)
	}
}

func (w *crashWorld) conversation() {
	w.t.Helper()
	at := time.Now().Add(-time.Minute)
	c := simiadvize.Conversation{ID: closedID, ProjectID: w.site.ProjectID, ClosedAt: at, Visitor: &simiadvize.Visitor{FirstName: "Ada", Email: "ada@example.com"}}
	fill(&c, w.site.Agents[0], at)
	c.ClosingForm = []simiadvize.FormValue{{FieldID: "create_escalation_ticket", Value: "true", Checkbox: true}, {FieldID: "private_note", Value: "Call back"}}
	if err := w.iadvize.Add(c); err != nil {
		w.t.Fatal(err)
	}
}

func backlogID(i int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", i) }

// backlog holds the ends of several conversations.
func (w *crashWorld) backlog(n int) {
	w.t.Helper()
	q, err := queue.Open(w.t.Context(), queue.Options{Server: w.server, Lenient: true})
	if err != nil {
		w.t.Fatal(err)
	}
	defer q.Close()
	for i := range n {
		at := time.Now()
		c := simiadvize.Conversation{ID: backlogID(i), ProjectID: w.site.ProjectID, ClosedAt: at, Visitor: &simiadvize.Visitor{FirstName: "Ada", Email: "ada@example.com"}}
		fill(&c, w.site.Agents[0], at)
		if err := w.iadvize.Add(c); err != nil {
			w.t.Fatal(err)
		}
		e := ticket.Event{
			ID: c.ID, Kind: ticket.KindClosed, Platform: "ha", ProjectID: w.site.ProjectID, ConversationID: c.ID, Account: w.site.Account, ReceivedAt: at,
		}
		if err := q.Hold(w.t.Context(), e, at); err != nil {
			w.t.Fatal(err)
		}
	}
}

// story is what a worker has to do, and how it must end.
type story struct {
	name    string
	begin   func(*crashWorld)
	check   func(*crashWorld) error
	sampled bool // of steps that are alike, the first and the last one do
}

// deadly gives the steps at which a worker dies, from 1.
func (s story) deadly(steps []string) []int {
	first, last := map[string]int{}, map[string]int{}
	var all []int
	for i, step := range steps {
		all = append(all, i+1)
		if first[step] == 0 {
			first[step] = i + 1
		}
		last[step] = i + 1
	}
	if !s.sampled {
		return all
	}
	return slices.DeleteFunc(all, func(at int) bool { return at != first[steps[at-1]] && at != last[steps[at-1]] })
}

func stories() []story {
	oneTicket := func(w *crashWorld) error {
		all := w.account.Tickets()
		if len(all) != 1 || len(all[0].Comments) != 2 || !strings.Contains(all[0].Comments[1].Body, "Call back") {
			return fmt.Errorf("tickets = %+v", all)
		}
		return nil
	}
	const backlog = 14 // a bulk job, and the event that tells whether the account is well
	five := 5
	return []story{
		{name: "an escalated conversation", begin: func(w *crashWorld) {
			w.conversation()
			w.publish(ticket.Event{ID: "e1", Kind: ticket.KindClosed})
		}, check: oneTicket},
		{name: "a backlog that is made in bulk", sampled: true, begin: func(w *crashWorld) { w.backlog(backlog) }, check: func(w *crashWorld) error {
			made := map[string]int{}
			for _, t := range w.account.Tickets() {
				made[t.ExternalID]++
			}
			for i := range backlog {
				if id := ticket.ExternalID(backlogID(i)); made[id] != 1 {
					return fmt.Errorf("%s has %d tickets", id, made[id])
				}
			}
			return nil
		}},
		{name: "a late answer", begin: func(w *crashWorld) {
			w.conversation()
			w.publish(ticket.Event{ID: "e1", Kind: ticket.KindClosed})
			if err := w.work(alive()); err != nil {
				w.t.Error(err)
			}
			w.publish(ticket.Event{ID: "e2", Kind: ticket.KindSatisfaction, OccurredAt: time.Now(), Satisfaction: &ticket.Satisfaction{Score: &five}})
		}, check: func(w *crashWorld) error {
			if got := w.account.Tickets()[0].Fields[w.site.Score]; got != "5" {
				return fmt.Errorf("score = %v", got)
			}
			return oneTicket(w)
		}},
		{name: "a dead letter", begin: func(w *crashWorld) {
			w.account.AddUser(simzendesk.User{Name: "Ada", Email: "ada@example.com", Suspended: true})
			w.conversation()
			w.publish(ticket.Event{ID: "e1", Kind: ticket.KindClosed})
		}, check: func(w *crashWorld) error {
			dead, err := w.js.Stream(w.t.Context(), "DEAD")
			if err != nil {
				return err
			}
			if info, err := dead.Info(w.t.Context()); err != nil || info.State.Msgs != 1 || len(w.account.Tickets()) != 0 {
				return fmt.Errorf("%v dead letters, %d tickets, %w", info, len(w.account.Tickets()), err)
			}
			return nil
		}},
	}
}

// A worker dies at each message that leaves it, before and after the message gets through, and another one goes on.
func TestAWorkerMayDieAtEveryStep(t *testing.T) { //nolint:tparallel // each story has sixteen workers at once already
	t.Parallel()
	for _, s := range stories() {
		t.Run(s.name, func(t *testing.T) {
			whole := alive()
			w := newCrashWorld(t)
			s.begin(w)
			if err := errors.Join(w.work(whole), s.check(w)); err != nil {
				t.Fatal(err)
			}
			t.Logf("%d steps: %s", len(whole.steps), strings.Join(whole.steps, ", "))
			if len(whole.steps) < 5 || !slices.ContainsFunc(whole.steps, func(s string) bool { return strings.HasPrefix(s, "nats $JS.ACK.") }) {
				t.Fatalf("steps = %q", whole.steps)
			}
			var deaths errgroup.Group // most of their time they wait for what the dead one had in hand
			deaths.SetLimit(16)
			for _, at := range s.deadly(whole.steps) {
				for _, after := range []bool{false, true} {
					deaths.Go(func() error {
						w := newCrashWorld(t)
						s.begin(w)
						first := &crash{at: at, after: after, done: make(chan struct{})}
						if err := errors.Join(w.work(first), w.work(alive()), s.check(w)); err != nil {
							return fmt.Errorf("dead at message %d of %q (after it: %v): %w", at, first.steps, after, err)
						}
						return nil
					})
				}
			}
			if err := deaths.Wait(); err != nil {
				t.Error(err)
			}
		})
	}
}
