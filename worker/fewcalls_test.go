package worker

import (
	"context"
	"fmt"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"passerelle/pkg/cache"
	"passerelle/pkg/limit"
	"passerelle/pkg/queue"
	"passerelle/pkg/sim/simzendesk"
	"passerelle/pkg/site"
	"passerelle/pkg/ticket"
	"passerelle/pkg/zendesk"
)

// memo is a ledger in memory, kept for ever, as far as a ticket that nothing goes wrong with needs one.
type memo struct {
	Ledger

	mu      sync.Mutex
	entries map[ticket.Job]queue.Entry
}

func (m *memo) Look(_ context.Context, job ticket.Job) (queue.Entry, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, found := m.entries[job]
	return e, found, nil
}

func (m *memo) Write(_ context.Context, job ticket.Job, _, e queue.Entry) (queue.Entry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.entries[job] = e
	return e, nil
}

func (m *memo) LedgerSince(context.Context) (time.Time, error) { return time.Time{}, nil }

func (m *memo) LeaseToken(context.Context, string, time.Duration) (func(), bool, error) {
	return func() {}, true, nil
}

// agency is a simulated account with three sites, each with a form of its own, and twelve agents, one of whom Zendesk does
// not know.
type agency struct {
	account   *simzendesk.AccountState
	deliverer *Deliverer
	clock     *clock
	said      int
}

const agencyAgents = 12

func openAgency(t *testing.T) *agency {
	t.Helper()
	a := &agency{clock: &clock{at: time.Now()}}
	sim := simzendesk.New(simzendesk.Config{})
	a.account = sim.AddAccount(simzendesk.Account{Name: "acme", APIToken: "hush"})
	web := httptest.NewServer(sim)
	t.Cleanup(func() { _ = sim.Close(); web.Close() })
	field := a.account.AddField(simzendesk.Field{Type: "text", Title: "Conversation"})
	for i := range agencyAgents - 1 {
		a.account.AddUser(simzendesk.User{Name: "Agent", Email: fmt.Sprintf("agent%d@example.com", i), Role: simzendesk.RoleAgent})
	}
	a.account.AddUser(simzendesk.User{Name: "Support", Email: "support@example.com", Role: simzendesk.RoleAgent})
	var text strings.Builder
	fmt.Fprintf(&text, "iadvize: {main: {username: u, password: p, webhook_secrets: [s]}}\nzendesk: {acme: {url: %q, auth: {api_token: {email: e, token: t}}}}\nsites:\n", web.URL+"/acme")
	for i := range 3 {
		form := a.account.AddForm(simzendesk.Form{Name: "Chat", FieldIDs: []int64{field.ID}})
		fmt.Fprintf(&text, "  s%d: {iadvize: main, project_id: %d, zendesk: acme, tickets: {archive: true, assign_to_agent: true, fallback_assignee: support@example.com, form_id: %d, fields: {conversation_id: %d}}}\n",
			i, i+1, form.ID, field.ID)
	}
	config, err := site.Parse("x.yaml", []byte(text.String()))
	if err != nil {
		t.Fatal(err)
	}
	client := zendesk.NewClient(zendesk.Account{Name: "acme", URL: web.URL + "/acme", APIToken: func() (string, string, error) { return "admin@acme.example", "hush", nil }}, nil)
	t.Cleanup(client.Close)
	directory := site.NewDirectory(config, nil, func(string) (site.Account, bool) { return client, true }, cache.Clock(a.clock.now))
	world := newTown()
	a.deliverer = NewDeliverer(World{
		Directory:     directory,
		Conversations: func(string) (Conversations, bool) { return world, true },
		Tickets:       func(string, limit.Rank, bool) (Tickets, bool) { return client, true },
		Ledger:        &memo{entries: map[ticket.Job]queue.Entry{}},
	}, Settings{})
	world.read = func(id string) (ticket.Conversation, error) {
		c := conversation(id)
		var n int
		_, err := fmt.Sscanf(id, "c%d", &n)
		c.Handlers[0].Email = fmt.Sprintf("agent%d@example.com", n%agencyAgents)
		return c, err
	}
	return a
}

func (a *agency) calls() (calls, tickets int) {
	for _, n := range a.account.Requests() {
		calls += n
	}
	return calls, a.account.Requests()["POST /api/v2/tickets"]
}

// make makes some archive tickets, with so long between two of them, and gives the calls a ticket.
func (a *agency) make(t *testing.T, n int, apart time.Duration) float64 {
	t.Helper()
	callsBefore, ticketsBefore := a.calls()
	for range n {
		a.said++
		e := closed(fmt.Sprintf("c%d", a.said))
		e.ProjectID = int64(a.said%3 + 1)
		if o := a.deliverer.Deliver(t.Context(), &e); o.Result != ticket.ResultCreated {
			t.Fatalf("outcome = %+v", o)
		}
		a.clock.move(apart)
	}
	calls, tickets := a.calls()
	if tickets-ticketsBefore != n {
		t.Fatalf("%d tickets of %d", tickets-ticketsBefore, n)
	}
	return float64(calls-callsBefore) / float64(n)
}

func TestFewCalls(t *testing.T) {
	a := openAgency(t)
	cold := a.make(t, 300, 0)
	warm := a.make(t, 300, 0)
	hour := a.make(t, 3600, time.Second) // 60 tickets a minute
	t.Logf("calls a ticket: %.4f for 300 with cold caches, %.4f for 300 more, %.4f for an hour at 60 a minute", cold, warm, hour)
	t.Logf("requests: %v", a.account.Requests())
	if cold > 1.05 || warm != 1 || hour > 1.02 {
		t.Errorf("calls a ticket = %.4f, %.4f, %.4f; want at most 1.05, 1 and 1.02", cold, warm, hour)
	}
}
