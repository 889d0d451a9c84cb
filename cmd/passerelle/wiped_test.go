package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"passerelle/pkg/queue/embed"
	"passerelle/pkg/sim/simzendesk"
	"passerelle/pkg/ticket"
)

// The ledger is wiped under the running process, and everything comes again: half of the events as the queue gives them
// again, all conversations by a backfill. Each has its ticket already, and Zendesk can find it, for as long as it remembers
// the Idempotency-Key and after that.
func TestAWipedLedgerDoublesNothing(t *testing.T) {
	t.Parallel()
	ledger := "KV_ledger"
	for name, wipe := range map[string]func(*testing.T, jetstream.JetStream) error{
		"purged": func(t *testing.T, js jetstream.JetStream) error {
			stream, err := js.Stream(t.Context(), ledger)
			if err != nil {
				return err
			}
			return stream.Purge(t.Context())
		},
		"deleted": func(t *testing.T, js jetstream.JetStream) error { return js.DeleteStream(t.Context(), ledger) },
	} {
		for later, passed := range map[string]time.Duration{"at once": 0, "after the key's time": 3 * time.Hour} {
			t.Run(name+" "+later, func(t *testing.T) {
				t.Parallel()
				var clock atomic.Int64
				w := newTownWith(t, simzendesk.Config{Now: func() time.Time { return time.Now().Add(time.Duration(clock.Load())) }})
				dir := filepath.Join(t.TempDir(), "data")
				w.env = append(w.env, "PASSERELLE_DATA_DIR="+dir, "PASSERELLE_LOG_LEVEL=debug")
				p := start(t, w.env, "serve")
				url := p.address("ingest")
				const many = 12
				var ids []string
				received := time.Now()
				for range many {
					id := uuid.NewString()
					ids = append(ids, id)
					w.conversation(id, nil)
					post(t, url, published(id))
				}
				until(t, "the tickets", func() bool { return len(w.account.Tickets()) == many && len(logged(p, `"result":"created"`)) == many })

				door, err := embed.Reach(dir)
				if err != nil {
					t.Fatal(err)
				}
				nc, err := nats.Connect("", nats.InProcessServer(door))
				if err != nil {
					t.Fatal(err)
				}
				defer nc.Close()
				js, err := jetstream.New(nc)
				if err != nil {
					t.Fatal(err)
				}
				if err := wipe(t, js); err != nil {
					t.Fatal(err)
				}
				wiped := time.Now()
				until(t, "the worker to ask again since when the ledger is kept", func() bool { return time.Since(wiped) > 1100*time.Millisecond })
				clock.Add(int64(passed))
				for _, id := range ids[:many/2] {
					e := ticket.Event{ID: uuid.NewString(), Kind: ticket.KindClosed, Platform: "ha", ProjectID: 1, ConversationID: id, Account: w.site.Account, ReceivedAt: received, OccurredAt: received}
					body, err := json.Marshal(e)
					if err != nil {
						t.Fatal(err)
					}
					if _, err := js.Publish(t.Context(), "ev."+e.Account+"."+string(e.Job())+".closed", body); err != nil { // without the id that would make it a duplicate
						t.Fatal(err)
					}
				}
				until(t, "the events' second end", func() bool { return len(logged(p, `"result":"created"`)) == many+many/2 })
				if out, errOut, status := command(t, w.env, "backfill", "--site", w.site.Name, "--from", "7d", "--pace", "60000"); status != 0 {
					t.Errorf("backfill: %d %s %s", status, out, errOut)
				}
				next := uuid.NewString()
				w.conversation(next, nil)
				post(t, url, published(next))
				until(t, "the next ticket", func() bool { return len(w.account.TicketByExternalID("iadvize:"+next)) == 1 })
				until(t, "an empty queue", func() bool { return drained(t, js) })
				if n := len(w.account.Tickets()); n != many+1 {
					t.Errorf("%d tickets of %d conversations", n, many+1)
				}
				if status := p.end(); status != 0 {
					t.Errorf("status %d", status)
				}
			})
		}
	}
}

// logged gives the lines that hold the text.
func logged(p *process, text string) (found []string) {
	p.logs.mu.Lock()
	defer p.logs.mu.Unlock()
	for _, line := range p.logs.lines {
		if strings.Contains(line, text) {
			found = append(found, line)
		}
	}
	return found
}

func drained(t *testing.T, js jetstream.JetStream) bool {
	t.Helper()
	stream, err := js.Stream(t.Context(), "EVENTS")
	if err != nil {
		t.Fatal(err)
	}
	info, err := stream.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return info.State.Msgs == 0
}
