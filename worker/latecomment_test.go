package worker

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"passerelle/pkg/limit"
	"passerelle/pkg/sim/simzendesk"
	"passerelle/pkg/ticket"
	"passerelle/pkg/zendesk"
)

// lateDesk is a Zendesk that gives the first comment that is added no answer, and writes it at a moment of its own.
type lateDesk struct {
	sim    *simzendesk.Server
	before func(comment int) // called before the second comment that arrives is written, the third and so on; may be nil
	write  func()            // writes the first one
	clock  atomic.Int64      // seconds that passed
	mu     sync.Mutex        // held while a comment arrives
	n      int               // comments that arrived
}

func (d *lateDesk) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPut {
		d.sim.ServeHTTP(w, r)
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	kept := r.Clone(context.Background())
	kept.Body = io.NopCloser(bytes.NewReader(body))
	if d.n++; d.n == 1 {
		d.write = func() { d.sim.ServeHTTP(httptest.NewRecorder(), kept) }
		panic(http.ErrAbortHandler)
	}
	if d.before != nil {
		d.before(d.n)
	}
	d.sim.ServeHTTP(w, kept)
}

// A comment has no answer and is tried again, and Zendesk writes the first one all the same: before it is counted, between
// that and the second one, after the second one, or before the third.
func TestACommentThatComesLateIsNotInTheTicketTwice(t *testing.T) {
	for _, when := range []string{"never", "before the count", "before the second", "after the second"} {
		t.Run(when, func(t *testing.T) {
			desk := &lateDesk{}
			began := time.Now()
			desk.sim = simzendesk.New(simzendesk.Config{Now: func() time.Time { return began.Add(time.Duration(desk.clock.Load()) * time.Second) }})
			account := desk.sim.AddAccount(simzendesk.Account{Name: "acme", APITokenEmail: "admin@example.com", APIToken: "token"})
			agent := account.AddUser(simzendesk.User{Name: "Chloé", Email: "chloe@example.com", Role: simzendesk.RoleAgent})
			server := httptest.NewServer(desk)
			t.Cleanup(func() { _ = desk.sim.Close(); server.Close() })
			client := zendesk.NewClient(zendesk.Account{
				Name: "acme", URL: server.URL + "/acme", APIToken: func() (string, string, error) { return "admin@example.com", "token", nil },
			}, nil)
			t.Cleanup(client.Close)

			world, q := newTown(), openQueue(t)
			world.read, world.form = withNote, ticket.Form{Active: true}
			world.agents["chloe@example.com"] = ticket.AgentUser{ID: agent.ID, Active: true}
			d := deliverer(world, q, Settings{})
			d.World.Tickets = func(string, limit.Rank, bool) (Tickets, bool) { return client, true }
			tries := 0
			try := func() ticket.Outcome {
				desk.clock.Add(2) // what a job is tried again after
				e := closed("c1")
				tries++
				e.Attempts = tries
				return d.Deliver(t.Context(), &e)
			}
			if o := try(); o.Failure == nil || o.After < 2*time.Second {
				t.Fatalf("without an answer: %+v", o)
			}
			desk.mu.Lock() // the handler is through
			write := desk.write
			desk.mu.Unlock()
			switch when {
			case "before the count":
				write()
			case "before the second":
				desk.before = func(n int) {
					if n == 2 {
						desk.clock.Add(2)
						write()
					}
				}
			}
			for range 3 {
				if o := try(); o.Result == ticket.ResultCreated {
					break
				}
			}
			if when == "after the second" {
				write()
			}
			all := account.Tickets()
			if len(all) != 1 || len(all[0].Comments) != 2 || !strings.Contains(all[0].Comments[1].Body, "note") {
				t.Errorf("tickets = %+v", all)
			}
			if entry, _, err := q.Look(t.Context(), "c1"); err != nil || entry.State != "created" {
				t.Errorf("ledger: %+v, %v", entry, err)
			}
		})
	}
}
