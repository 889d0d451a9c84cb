package queue_test

import (
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"passerelle/pkg/queue"
)

// Whatever is done first after the bucket was deleted makes it anew, and the ledger says that it begins.
func TestALedgerThatWasDeletedBeginsAnew(t *testing.T) {
	for name, first := range map[string]func(*queue.Queue, queue.Entry) error{
		"look": func(q *queue.Queue, _ queue.Entry) error {
			_, found, err := q.Look(t.Context(), "c1")
			if found {
				t.Error("an entry is still there")
			}
			return err
		},
		"write": func(q *queue.Queue, _ queue.Entry) error {
			_, err := q.Write(t.Context(), "c2", queue.Entry{}, queue.Entry{State: queue.StateIntended})
			return err
		},
		"write over what was": func(q *queue.Queue, e queue.Entry) error {
			if _, err := q.Write(t.Context(), "c1", e, queue.Entry{State: queue.StateCreated}); !errors.Is(err, queue.ErrMoved) {
				t.Errorf("over an entry that is gone: %v", err)
			}
			return nil
		},
		"forget": func(q *queue.Queue, e queue.Entry) error {
			if err := q.Forget(t.Context(), "c1", e); err != nil && !errors.Is(err, queue.ErrMoved) {
				t.Errorf("forget an entry that is gone: %v", err)
			}
			return nil
		},
		"since": func(q *queue.Queue, _ queue.Entry) error {
			_, err := q.LedgerSince(t.Context())
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			q, server := open(t)
			e, err := q.Write(t.Context(), "c1", queue.Entry{}, queue.Entry{State: queue.StateIntended})
			if err != nil {
				t.Fatal(err)
			}
			nc, err := nats.Connect("", nats.InProcessServer(server))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(nc.Close)
			js, err := jetstream.New(nc)
			if err != nil {
				t.Fatal(err)
			}
			wiped := time.Now()
			if err := js.DeleteKeyValue(t.Context(), "ledger"); err != nil {
				t.Fatal(err)
			}
			if err := first(q, e); err != nil {
				t.Fatal(err)
			}
			if since, err := q.LedgerSince(t.Context()); err != nil || since.Before(wiped) {
				t.Errorf("kept since %s, %v; wiped at %s", since, err, wiped)
			}
			if _, err := q.Write(t.Context(), "c3", queue.Entry{}, queue.Entry{State: queue.StateDead}); err != nil {
				t.Error(err)
			}
			again := connect(t, server) // refuses a ledger with settings that break a guarantee
			if _, found, err := again.Look(t.Context(), "c3"); !found || err != nil {
				t.Errorf("looked up by another process: %v, %v", found, err)
			}
		})
	}
}
