package ingest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"passerelle/pkg/iadvize"
	"passerelle/pkg/queue"
	"passerelle/pkg/queue/embed"
	"passerelle/pkg/sim/simiadvize"
	"passerelle/pkg/ticket"
)

var acme = ticket.Site{Name: "acme-fr", IAdvize: "main", Platform: "ha", ProjectID: 1, Account: "acme"}

func conversationID(i int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", i) }

// platform is a simulated iAdvize with a client for it.
type platform struct {
	*simiadvize.Server

	t      *testing.T
	client *iadvize.Client
}

func newPlatform(t *testing.T, config simiadvize.Config) *platform {
	t.Helper()
	config.Users = []simiadvize.User{{Username: "user", Password: "hunter2"}}
	server, err := simiadvize.New(config)
	if err != nil {
		t.Fatal(err)
	}
	served := httptest.NewServer(server)
	client := iadvize.NewClient(iadvize.Connection{
		Name: "main", URL: served.URL + "/graphql", TokenURL: served.URL + "/oauth2/token", Platform: "ha",
		Credentials: func() (string, string, error) { return "user", "hunter2", nil },
	}, nil)
	t.Cleanup(func() { client.Close(); _ = server.Close(); served.Close() })
	return &platform{server, t, client}
}

func (p *platform) list(string) (ClosedList, bool) { return p.client, true }

// ended adds conversations 1 to n of the site, one second apart, the last one at that time.
func (p *platform) ended(at time.Time, ids ...int) {
	p.t.Helper()
	for i, id := range ids {
		if err := p.Add(simiadvize.Conversation{ID: conversationID(id), ProjectID: 1, Channel: "CHAT", ClosedAt: at.Add(time.Duration(i-len(ids)+1) * time.Second)}); err != nil {
			p.t.Fatal(err)
		}
	}
}

// tally is a meter that remembers.
type tally struct {
	mu     sync.Mutex
	swept  map[string]int
	failed map[string]int
	until  map[string]time.Time
	news   chan struct{} // gets one for each position, as far as it has room
}

func newTally() *tally {
	return &tally{swept: map[string]int{}, failed: map[string]int{}, until: map[string]time.Time{}, news: make(chan struct{}, 100)}
}

func (m *tally) Swept(_, stage string)   { m.mu.Lock(); defer m.mu.Unlock(); m.swept[stage]++ }
func (m *tally) SweepFailed(name string) { m.mu.Lock(); defer m.mu.Unlock(); m.failed[name]++ }

func (m *tally) SweptUntil(site string, at time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.until[site] = at
	select {
	case m.news <- struct{}{}:
	default:
	}
}

func (m *tally) stages() map[string]int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.swept)
}

// clock is a time that a test moves.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.at }

func (c *clock) advance(d time.Duration) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
	return c.at
}

func sweepOf(q *queue.Queue, sites []ticket.Site, list func(string) (ClosedList, bool), c *clock) (s *Sweep, seen *tally, log *bytes.Buffer) {
	seen, log = newTally(), &bytes.Buffer{}
	s = NewSweep(q, func() []ticket.Site { return slices.Clone(sites) }, list, SweepSettings{}, zerolog.New(zerolog.SyncWriter(log)), seen)
	s.now = c.now
	return s, seen, log
}

func (s *Sweep) once(t *testing.T) {
	t.Helper()
	if err := s.sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// queued takes all events from the queue and gives how often each conversation was in it.
func queued(t *testing.T, q *queue.Queue, n int) (all map[string]int, events []ticket.Event) {
	t.Helper()
	r, err := q.Receive(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	all = map[string]int{}
	for range n {
		d, err := r.Next(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		all[d.Event.ConversationID]++
		events = append(events, d.Event)
		if err := d.Done(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if backlog, err := q.Backlog(t.Context(), "acme"); err != nil || backlog.Pending != 0 {
		t.Errorf("%d more events, %v", backlog.Pending, err)
	}
	return all, events
}

func TestASweepQueuesWhatIsMissingOnce(t *testing.T) {
	q := openQueue(t)
	p := newPlatform(t, simiadvize.Config{PageLimit: 3})
	c := &clock{at: time.Now().Add(-time.Hour)}
	start := c.now()
	s, seen, _ := sweepOf(q, []ticket.Site{acme}, p.list, c)
	p.ended(start.Add(-time.Second), 1, 2, 3) // before the site was known
	s.once(t)
	p.ended(c.advance(5*time.Minute), 11, 12, 13, 14, 15, 16, 17, 18)
	last := c.now()
	if err := p.Add(simiadvize.Conversation{ID: conversationID(99), ProjectID: 2, ClosedAt: start.Add(time.Minute)}); err != nil {
		t.Fatal(err)
	}
	// Some are known, in every way there is.
	e := func(id int) ticket.Event {
		return ticket.Event{Kind: ticket.KindClosed, ConversationID: conversationID(id), Account: "acme"}
	}
	for id, state := range map[int]queue.State{11: queue.StateCreated, 12: queue.StateSkipped, 13: queue.StateDead} {
		if _, err := q.Write(t.Context(), e(id).Job(), queue.Entry{}, queue.Entry{State: state}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := q.Publish(t.Context(), e(14)); err != nil {
		t.Fatal(err)
	}
	if err := q.Hold(t.Context(), e(15), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	s.once(t) // all of them are fresh: their webhooks may be on the way
	if got := seen.stages(); len(got) != 0 {
		t.Errorf("fresh ones: %v", got)
	}
	c.advance(5 * time.Minute)
	p.ended(c.now(), 21) // fresh
	for range 3 {        // the overlap looks at the same ones again
		s.once(t)
		c.advance(30 * time.Second)
	}
	want := map[string]int{"created": 1, "skipped": 1, "dead": 1, "held": 1, "queued": 1, "missing": 3 + 1} // each once
	if got := seen.stages(); !maps.Equal(got, want) {
		t.Errorf("stages = %v, want %v", got, want)
	}
	all, events := queued(t, q, 5)
	for _, id := range []int{14, 16, 17, 18, 21} {
		if all[conversationID(id)] != 1 {
			t.Errorf("conversation %d was queued %d times", id, all[conversationID(id)])
		}
	}
	for _, got := range events[1:2] {
		got.ReceivedAt = time.Time{}
		want := ticket.Event{
			Kind: ticket.KindClosed, Platform: "ha", ProjectID: 1, ConversationID: conversationID(16), Channel: "CHAT",
			OccurredAt: last.Add(-2 * time.Second).UTC().Truncate(time.Millisecond), Site: "acme-fr", Account: "acme",
		}
		if asJSON(t, got) != asJSON(t, want) {
			t.Errorf("event = %s, want %s", asJSON(t, got), asJSON(t, want))
		}
	}
	if at := seen.until["acme-fr"]; at.Before(last) {
		t.Errorf("position = %s", at)
	}
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// broke is a list that fails.
type broke struct {
	mu    sync.Mutex
	err   error
	pages func(projectID int64, after string) (iadvize.ClosedPage, error) // when err is nil
	calls int
}

func (b *broke) ClosedConversations(_ context.Context, projectID int64, _, _ time.Time, after string) (iadvize.ClosedPage, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls++
	if b.err != nil || b.pages == nil {
		return iadvize.ClosedPage{}, b.err
	}
	return b.pages(projectID, after)
}

func TestAConnectionInTroubleHoldsNobodyUp(t *testing.T) {
	q := openQueue(t)
	p := newPlatform(t, simiadvize.Config{})
	c := &clock{at: time.Now().Add(-time.Hour)}
	down := &broke{err: &ticket.Failure{Trouble: ticket.TroubleAccount, Detail: ticket.Detail{Message: "iAdvize is down"}, Hint: "wait"}}
	sites := []ticket.Site{acme}
	for i := range 20 {
		sites = append(sites, ticket.Site{Name: fmt.Sprintf("other-%d", i), IAdvize: "other", Platform: "ha", ProjectID: int64(100 + i), Account: "other"})
	}
	sites = append(sites, ticket.Site{Name: "gone", IAdvize: "gone", Platform: "ha", ProjectID: 99, Account: "other"})
	s, seen, log := sweepOf(q, sites, func(name string) (ClosedList, bool) {
		switch name {
		case "main":
			return p.list(name)
		case "other":
			return down, true
		default:
			return nil, false
		}
	}, c)
	s.once(t)
	p.ended(c.advance(time.Minute), 1, 2)
	for range 3 {
		c.advance(5 * time.Minute)
		s.once(t)
	}
	if got := seen.stages(); got["missing"] != 2 {
		t.Errorf("stages = %v", got)
	}
	if down.calls > 3*sweepSites {
		t.Errorf("%d calls to a connection that is down", down.calls)
	}
	if n := strings.Count(log.String(), "iAdvize is down"); n != 1 {
		t.Errorf("its trouble was logged %d times:\n%s", n, log)
	}
	if seen.failed["other"] != 3 || seen.failed["gone"] != 4 {
		t.Errorf("failures = %v", seen.failed)
	}
	down.err = nil
	c.advance(5 * time.Minute)
	s.once(t)
	if !strings.Contains(log.String(), "swept again") || seen.until["other-0"].Before(c.now().Add(-2*time.Minute)) {
		t.Errorf("until = %v, log = %s", seen.until, log)
	}
}

func TestASiteThatCannotBeListedStaysWhereItWas(t *testing.T) {
	q := openQueue(t)
	c := &clock{at: time.Now().Add(-time.Hour)}
	list := &broke{}
	s, seen, log := sweepOf(q, []ticket.Site{acme}, func(string) (ClosedList, bool) { return list, true }, c)
	s.once(t)
	first := seen.until["acme-fr"]
	for name, fail := range map[string]func(){
		"refused": func() { list.err = &ticket.Failure{Trouble: ticket.TroubleHiccup, Hint: "look"} },
		"repeats": func() {
			list.err = nil
			list.pages = func(int64, string) (iadvize.ClosedPage, error) { return iadvize.ClosedPage{Next: "same"}, nil }
		},
		"foreign": func() {
			list.pages = func(int64, string) (iadvize.ClosedPage, error) {
				return iadvize.ClosedPage{Conversations: []iadvize.ClosedConversation{{ID: "foreign", ProjectID: 2}}}, errors.New("and then it breaks")
			}
		},
	} {
		fail()
		c.advance(5 * time.Minute)
		s.once(t)
		if !seen.until["acme-fr"].Equal(first) || len(seen.stages()) != 0 {
			t.Errorf("%s: %v %v", name, seen.until, seen.stages())
		}
	}
	if !strings.Contains(log.String(), "site acme-fr") {
		t.Errorf("log = %s", log)
	}
}

func TestASweepThatWasCutOffGoesOn(t *testing.T) {
	q := openQueue(t)
	c := &clock{at: time.Now().Add(-time.Hour)}
	list, asked := &broke{}, []string(nil)
	s, seen, _ := sweepOf(q, []ticket.Site{acme}, func(string) (ClosedList, bool) { return list, true }, c)
	s.once(t)
	c.advance(10 * time.Minute)
	one := func(id, next string) iadvize.ClosedPage {
		return iadvize.ClosedPage{Conversations: []iadvize.ClosedConversation{{ID: id}, {ID: "foreign", ProjectID: 2}}, Next: next}
	}
	list.pages = func(_ int64, after string) (iadvize.ClosedPage, error) {
		asked = append(asked, after)
		switch len(asked) {
		case 1:
			return one("c1", "p2"), nil
		case 2:
			return iadvize.ClosedPage{}, &ticket.Failure{Trouble: ticket.TroubleAccount}
		case 3: // the next sweep; the cursor is no longer good
			return iadvize.ClosedPage{}, &ticket.Failure{Trouble: ticket.TroubleHiccup}
		case 4:
			return one("c1", "p2"), nil
		default:
			return one("c2", ""), nil
		}
	}
	s.once(t)
	c.advance(10 * time.Second) // nothing more comes of age
	s.once(t)
	if want := []string{"", "p2", "p2", "", "p2"}; !slices.Equal(asked, want) {
		t.Errorf("asked %q, want %q", asked, want)
	}
	if got := seen.stages(); got["missing"] != 2 {
		t.Errorf("stages = %v", got)
	}
	queued(t, q, 2)
}

func TestASweepNeverLooksFurtherBackThanItsBound(t *testing.T) {
	q := openQueue(t)
	p := newPlatform(t, simiadvize.Config{})
	c := &clock{at: time.Now().Add(-30 * 24 * time.Hour)}
	s, seen, log := sweepOf(q, []ticket.Site{acme}, p.list, c)
	s.once(t)
	p.ended(c.advance(time.Hour), 1)
	p.ended(c.advance(10*24*time.Hour), 2)
	c.advance(5 * 24 * time.Hour)
	s.once(t)
	if got := seen.stages(); got["missing"] != 1 || !strings.Contains(log.String(), "run passerelle backfill") {
		t.Errorf("stages = %v, log = %s", got, log)
	}
	if all, _ := queued(t, q, 1); all[conversationID(2)] != 1 {
		t.Errorf("queued %v", all)
	}
}

func TestOneProcessSweepsAndAnotherTakesOver(t *testing.T) {
	server, err := embed.Start(embed.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	entered := make(chan int, 10)
	gate := make(chan struct{})
	run := func(n int) (seen *tally, end func()) {
		q, err := queue.Open(t.Context(), queue.Options{Server: server})
		if err != nil {
			t.Fatal(err)
		}
		seen = newTally()
		s := NewSweep(q, func() []ticket.Site {
			entered <- n
			<-gate
			return []ticket.Site{acme}
		}, func(string) (ClosedList, bool) { return &broke{}, true }, SweepSettings{Every: time.Second}, zerolog.Nop(), seen)
		ctx, cancel := context.WithCancel(context.Background())
		var wait sync.WaitGroup
		wait.Go(func() { s.Run(ctx) })
		return seen, func() { cancel(); wait.Wait(); q.Close() }
	}
	_, endFirst := run(1)
	<-entered
	seen, endSecond := run(2)
	defer endSecond()
	// The second process sets the alarm as well: a sweep is long due. It does not get the right to sweep.
	select {
	case n := <-entered:
		t.Fatalf("process %d sweeps beside process 1", n)
	case <-time.After(3 * time.Second):
	}
	ended := make(chan struct{})
	go func() { endFirst(); close(ended) }()
	close(gate)
	<-ended
	for range 3 { // the first position, and two more
		<-seen.news
	}
}

func TestALostAlarmIsSetAgain(t *testing.T) {
	q := openQueue(t)
	c := &clock{at: time.Now()}
	s, _, _ := sweepOf(q, nil, nil, c)
	state := func() queue.SweepAlarm {
		t.Helper()
		if err := s.healOnce(t.Context()); err != nil {
			t.Fatal(err)
		}
		a, err := q.SweepAlarm(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	if a := state(); !a.Set && !a.Rang {
		t.Errorf("never swept: %+v", a)
	}
	runs, err := q.SweepRuns(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer runs.Close()
	run, err := runs.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if a := state(); a.Set || !a.Rang { // somebody sweeps: left alone
		t.Errorf("while somebody sweeps: %+v", a)
	}
	if err := run.Done(t.Context(), q); err != nil { // it dies before it sets the next alarm
		t.Fatal(err)
	}
	if a := state(); !a.Set || a.Rang {
		t.Errorf("lost: %+v", a)
	}
	s.Every = time.Nanosecond // the alarm that is set is too late, after a change of the interval
	c.advance(time.Second)
	if a := state(); !a.Set && !a.Rang {
		t.Errorf("overdue: %+v", a)
	}
	second, err := runs.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.now = time.Now
	if err := s.turn(t.Context(), second); err != nil {
		t.Fatal(err)
	}
	if err := q.RingSweep(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	third, err := runs.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	third.At = run.At // rang before the last sweep ended
	if err := s.turn(t.Context(), third); err != nil {
		t.Fatal(err)
	}
	if a, err := q.SweepAlarm(t.Context()); err != nil || a.Set || a.Rang {
		t.Errorf("a second alarm: %+v, %v", a, err)
	}
}
