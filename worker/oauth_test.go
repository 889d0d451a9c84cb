package worker

import (
	"context"
	"fmt"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"passerelle/pkg/limit"
	"passerelle/pkg/queue"
	"passerelle/pkg/queue/embed"
	"passerelle/pkg/sim/simzendesk"
	"passerelle/pkg/ticket"
	"passerelle/pkg/zendesk"
)

// clock is a time that the test moves, for the simulated Zendesk and for the lives of tokens.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// office is a simulated account with workers that share one NATS server, each as a process of its own would: with its
// own connection and its own client.
type office struct {
	clock    *clock
	account  *simzendesk.AccountState
	queues   []*queue.Queue
	clients  []*zendesk.Client
	attempts results
}

func openOffice(t *testing.T, workers int, refresh string) *office {
	t.Helper()
	o := &office{clock: &clock{at: time.Now()}, attempts: make(results, 1000)}
	sim := simzendesk.New(simzendesk.Config{Now: o.clock.now})
	o.account = sim.AddAccount(simzendesk.Account{Name: "acme", OAuthClientID: "passerelle", OAuthSecret: "hush", RefreshToken: refresh})
	web := httptest.NewServer(sim)
	t.Cleanup(func() { _ = sim.Close(); web.Close() })
	world := newTown()
	world.site.Tickets.Fields.ConversationID = o.account.AddField(simzendesk.Field{Type: "text", Title: "Conversation"}).ID
	world.form = ticket.Form{Active: true, Fields: []ticket.Field{{ID: world.site.Tickets.Fields.ConversationID, Type: ticket.FieldText, Active: true}}}
	for _, f := range o.account.Forms() {
		world.form.ID = f.ID
	}
	for email := range world.agents {
		u := o.account.AddUser(simzendesk.User{Name: "Agent", Email: email, Role: simzendesk.RoleAgent, Verified: true})
		world.agents[email] = ticket.AgentUser{ID: u.ID, Active: true}
	}
	server, err := embed.Start(embed.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	for range workers {
		q, err := queue.Open(t.Context(), queue.Options{Server: server})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(q.Close)
		account := zendesk.Account{
			Name: "acme", URL: web.URL + "/acme", TokenLife: 5 * time.Minute, Now: o.clock.now,
			OAuth: func() (string, string, error) { return "passerelle", "hush", nil },
		}
		if refresh != "" {
			account.RefreshToken = func() (string, error) { return refresh, nil }
		}
		client := zendesk.NewClient(account, q)
		t.Cleanup(client.Close)
		d := deliverer(world, q, Settings{})
		d.Tickets = func(string, limit.Rank, bool) (Tickets, bool) { return client, true }
		w := New(q, d, zerolog.Nop(), o.attempts)
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { defer close(done); w.Run(ctx, context.Background()) }()
		t.Cleanup(func() { cancel(); <-done })
		o.queues, o.clients = append(o.queues, q), append(o.clients, client)
	}
	return o
}

// step makes every worker call Zendesk at once, and some conversations end.
func (o *office) step(t *testing.T, n int) {
	t.Helper()
	const ended = 4
	for i := range ended {
		publish(t, o.queues[0], closed(fmt.Sprintf("c%d-%d", n, i)))
	}
	var wait sync.WaitGroup
	for _, c := range o.clients {
		wait.Go(func() {
			if _, _, err := c.Find(t.Context(), "iadvize:none"); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	for range ended {
		if got := <-o.attempts; got.Result != ticket.ResultCreated {
			t.Errorf("outcome = %+v, %v", got, got.Failure)
		}
	}
}

func TestShortTokensFailNoTicketAndCostOneRequestEach(t *testing.T) {
	for grant, refresh := range map[string]string{"client_credentials": "", "refresh_token": "first"} {
		t.Run(grant, func(t *testing.T) {
			o := openOffice(t, 4, refresh)
			const every = 10 * time.Second
			steps := int(15 * time.Minute / every)
			for n := range steps {
				o.step(t, n)
				o.clock.move(every)
			}
			if got := len(o.account.Tickets()); got != 4*steps {
				t.Errorf("%d tickets, want %d", got, 4*steps)
			}
			// A token of five minutes is renewed when a tenth of it is left: at 0:00, 4:30, 9:00 and 13:30.
			if got := o.account.TokenRequests(); got.ByGrant[grant] != 4 || got.Issued != 4 || len(got.Refused) != 0 || len(got.ByGrant) != 1 {
				t.Errorf("token requests = %+v, want 4", got)
			}
		})
	}
}
