package worker

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"passerelle/pkg/limit"
	"passerelle/pkg/queue"
	"passerelle/pkg/queue/embed"
	"passerelle/pkg/ticket"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// town is a small world: one site, one account, one connection.
type town struct {
	mu       sync.Mutex
	site     ticket.Site
	known    bool
	form     ticket.Form
	formErr  error
	agents   map[string]ticket.AgentUser
	agentErr error
	read     func(id string) (ticket.Conversation, error)
	tickets  map[string]*made
	fail     func(call string) error // may be nil
	lose     func(call string) error // fails after the call took effect; may be nil
	calls    []string
	clients  bool

	refreshed func() // what a refresh brings; may be nil
}

type made struct {
	id       int64
	draft    ticket.Draft
	comments int
	fields   map[int64]any
}

func newTown() *town {
	t := &town{
		known: true, clients: true, tickets: map[string]*made{},
		site: ticket.Site{Name: "acme-fr", IAdvize: "main", Platform: "ha", ProjectID: 12, Account: "acme", Locale: "fr", Tickets: ticket.TicketSettings{
			Archive: true, Escalation: true, AssignToAgent: true, FallbackAssignee: "support@example.com",
			Fields: ticket.FieldIDs{ConversationID: 10, SatisfactionScore: 12, SatisfactionComment: 14},
		}},
		form:   ticket.Form{ID: 9, Active: true, Fields: []ticket.Field{{ID: 10, Type: ticket.FieldText, Title: "Conversation", Active: true}}},
		agents: map[string]ticket.AgentUser{"chloe@example.com": {ID: 100, Active: true}, "support@example.com": {ID: 200, Active: true}},
	}
	t.read = func(id string) (ticket.Conversation, error) { return conversation(id), nil }
	return t
}

func conversation(id string) ticket.Conversation {
	return ticket.Conversation{
		ID: id, ClosedAt: time.Now(), Visitor: ticket.Visitor{Email: "ada@example.com"}, ClosingForm: ticket.ClosingForm{Known: true},
		Messages: []ticket.Message{{Text: "Bonjour"}}, Handlers: []ticket.Agent{{ID: 1, Email: "chloe@example.com", Human: true}},
	}
}

func (t *town) Site(_ context.Context, platform string, id int64) (ticket.Site, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.site, t.known && id == t.site.ProjectID && platform == "ha"
}

func (t *town) Refresh(context.Context, string, int64, time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.refreshed != nil {
		t.refreshed()
	}
}

func (t *town) RefreshOld(ctx context.Context, platform string, projectID int64, before time.Time) {
	t.Refresh(ctx, platform, projectID, before)
}

func (t *town) Agent(_ context.Context, _, email string) (ticket.AgentUser, bool, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	a, ok := t.agents[email]
	return a, ok, t.agentErr
}

func (t *town) Form(context.Context, string, int64) (ticket.Form, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.form, t.formErr
}

func (t *town) Read(_ context.Context, id string) (ticket.Conversation, error) {
	t.mu.Lock()
	read := t.read
	t.mu.Unlock()
	return read(id)
}

func (t *town) ClosingForm(ctx context.Context, id string) (ticket.ClosingForm, error) {
	c, err := t.Read(ctx, id)
	return c.ClosingForm, err
}

// call notes a call and gives its failure, if the test wants one.
func (t *town) call(name string) error {
	t.calls = append(t.calls, name)
	if t.fail != nil {
		return t.fail(name)
	}
	return nil
}

func (t *town) after(name string) error {
	if t.lose != nil {
		return t.lose(name)
	}
	return nil
}

func (t *town) Create(_ context.Context, d ticket.Draft) (ref ticket.Ref, stamp string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.call("create"); err != nil {
		return ticket.Ref{}, "", err
	}
	id := int64(len(t.calls))
	key := d.ExternalID
	for t.tickets[key] != nil {
		key += " again" // a second ticket shows up in the test's count
	}
	t.tickets[key] = &made{id: id, draft: d, comments: 1, fields: map[int64]any{}}
	return ticket.Ref{ID: id, URL: "https://acme.example/" + decimal(id)}, decimal(1), t.after("create")
}

func (t *town) Find(_ context.Context, externalID string) (ticket.Ref, bool, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.call("find"); err != nil {
		return ticket.Ref{}, false, err
	}
	if m := t.tickets[externalID]; m != nil {
		return ticket.Ref{ID: m.id}, true, nil
	}
	return ticket.Ref{}, false, nil
}

func (t *town) byID(id int64) *made {
	for _, m := range t.tickets {
		if m.id == id {
			return m
		}
	}
	return &made{fields: map[int64]any{}}
}

func (t *town) CountComments(_ context.Context, id int64) (n int, stamp string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n = t.byID(id).comments
	return n, decimal(int64(n)), t.call("count")
}

func (t *town) AddComment(_ context.Context, id int64, _ ticket.Comment, stamp string) (next string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.call("comment"); err != nil {
		return "", err
	}
	m := t.byID(id)
	if stamp != decimal(int64(m.comments)) {
		return "", &ticket.Failure{Trouble: ticket.TroubleHiccup, Detail: ticket.Detail{Message: "conflict", Status: 409}}
	}
	m.comments++
	return decimal(int64(m.comments)), t.after("comment")
}

func (t *town) SetFields(_ context.Context, id int64, fields []ticket.FieldValue) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.call("fields"); err != nil {
		return err
	}
	for _, f := range fields {
		t.byID(id).fields[f.ID] = f.Value
	}
	return nil
}

// with changes the town while workers run.
func (t *town) with(change func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	change()
}

func openQueue(tb testing.TB) *queue.Queue {
	tb.Helper()
	server, err := embed.Start(embed.Options{Dir: tb.TempDir()})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(server.Close)
	q, err := queue.Open(tb.Context(), queue.Options{Server: server})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(q.Close)
	return q
}

func deliverer(t *town, q *queue.Queue, s Settings) *Deliverer {
	return NewDeliverer(World{
		Directory:     t,
		Conversations: func(string) (Conversations, bool) { return t, t.clients },
		Tickets:       func(string, limit.Rank, bool) (Tickets, bool) { return t, t.clients },
		Ledger:        q,
	}, s)
}

// putAhead gives a deliverer a clock that stands at begin, and how far a test has put it ahead. It is to be called before
// the worker is made.
func putAhead(d *Deliverer, begin time.Time) *atomic.Int64 {
	ahead := &atomic.Int64{}
	d.now = func() time.Time { return begin.Add(time.Duration(ahead.Load())) }
	return ahead
}

func accountDown() *ticket.Failure { return downAt(queue.LaneGate("acme")) }

func connectionDown(name string) *ticket.Failure { return downAt(connectionGate(name)) }

func downAt(gate string) *ticket.Failure {
	return &ticket.Failure{Trouble: ticket.TroubleAccount, Gate: gate, Detail: ticket.Detail{Message: "down"}}
}

// results passes on what became of each attempt.
type results chan ticket.Outcome

func (r results) Attempt(_ string, o ticket.Outcome, _ time.Duration) { r <- o }

// start runs a worker until the test ends, or until stop is called.
func start(tb testing.TB, t *town, q *queue.Queue, s Settings) (attempts results, stop func()) {
	tb.Helper()
	attempts = make(results, 1000)
	w := New(q, deliverer(t, q, s), zerolog.New(zerolog.NewTestWriter(tb)), attempts)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); w.Run(ctx, context.Background()) }()
	stop = func() { cancel(); <-done }
	tb.Cleanup(stop)
	return attempts, stop
}

func closed(id string) ticket.Event {
	return ticket.Event{ID: "e-" + id, Kind: ticket.KindClosed, Platform: "ha", ProjectID: 12, ConversationID: id, Account: "acme", ReceivedAt: time.Now(), OccurredAt: time.Now()}
}

// triedBefore is closed as it comes again.
func triedBefore(id string) ticket.Event {
	e := closed(id)
	e.Attempts = 2
	return e
}

func publish(tb testing.TB, q *queue.Queue, e ticket.Event) {
	tb.Helper()
	if stored, err := q.Publish(tb.Context(), e); err != nil || stored != queue.Accepted {
		tb.Fatalf("publish: %v, %v", stored, err)
	}
}

func await(tb testing.TB, attempts results, want ticket.Result) ticket.Outcome {
	tb.Helper()
	for {
		select {
		case o := <-attempts:
			if o.Result == want {
				return o
			}
		case <-tb.Context().Done():
			tb.Fatal("the test's time is over")
		}
	}
}
