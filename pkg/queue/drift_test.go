package queue_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"passerelle/pkg/queue"
	"passerelle/pkg/queue/embed"
	"passerelle/pkg/ticket"
)

// raw is a connection like an operator's.
func raw(t *testing.T, server *embed.Server) jetstream.JetStream {
	t.Helper()
	nc, err := nats.Connect("", nats.InProcessServer(server))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

func differences(t *testing.T, q *queue.Queue) []queue.Difference {
	t.Helper()
	all, err := q.Differences(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestWhatIsMadeDoesNotDiffer(t *testing.T) {
	q, server := open(t)
	if all := differences(t, q); len(all) != 0 {
		t.Errorf("differences of what was just made: %v", all)
	}
	// A stream or bucket that is made and not compared would drift unseen.
	js := raw(t, server)
	if err := js.DeleteStream(t.Context(), "DEAD"); err != nil {
		t.Fatal(err)
	}
	names := js.StreamNames(t.Context())
	var made []string
	for name := range names.Name() {
		made = append(made, name)
	}
	slices.Sort(made)
	if want := queue.Compared(); !slices.Equal(slices.DeleteFunc(want, func(name string) bool { return name == "DEAD" }), made) {
		t.Errorf("made %v, compared %v", made, want)
	}
	if all := differences(t, connect(t, server)); len(all) != 0 {
		t.Errorf("what was missing differs: %v", all)
	}
}

func TestDrift(t *testing.T) {
	type stream = jetstream.StreamConfig
	type consumer = jetstream.ConsumerConfig
	for _, tc := range []struct {
		name, setting string
		of            string
		stream        func(*stream)
		consumer      func(*consumer)
		anew          bool // cannot be changed in place
		breaks        bool
	}{
		{name: "kept until acknowledged by all", setting: "retention", of: "EVENTS", anew: true, breaks: true, stream: func(c *stream) { c.Retention = jetstream.LimitsPolicy }},
		{name: "in memory", setting: "storage", of: "EVENTS", anew: true, breaks: true, stream: func(c *stream) { c.Storage, c.MaxBytes = jetstream.MemoryStorage, -1 }},
		{name: "the ledger in memory", setting: "storage", of: "KV_ledger", anew: true, breaks: true, stream: func(c *stream) { c.Storage = jetstream.MemoryStorage }},
		{name: "the oldest goes", setting: "discard", of: "EVENTS", breaks: true, stream: func(c *stream) { c.Discard, c.DiscardNewPerSubject = jetstream.DiscardOld, false }},
		{name: "several of one conversation", setting: "max_msgs_per_subject", of: "EVENTS", breaks: true, stream: func(c *stream) { c.MaxMsgsPerSubject = 5 }},
		{name: "no dedupe", setting: "duplicate_window", of: "EVENTS", breaks: true, stream: func(c *stream) { c.Duplicates = 100 * time.Millisecond }},
		{name: "another dedupe", setting: "duplicate_window", of: "EVENTS", stream: func(c *stream) { c.Duplicates = 5 * time.Minute }},
		{name: "more room", setting: "max_bytes", of: "EVENTS", stream: func(c *stream) { c.MaxBytes *= 2 }},
		{name: "events that end", setting: "max_age", of: "EVENTS", breaks: true, stream: func(c *stream) { c.MaxAge = 24 * time.Hour }},
		{name: "other subjects", setting: "subjects", of: "EVENTS", breaks: true, stream: func(c *stream) { c.Subjects = []string{"events.>"} }},
		{name: "one subject more", setting: "subjects", of: "EVENTS", stream: func(c *stream) { c.Subjects = append(c.Subjects, "more.>") }},
		{name: "room for few dead letters", setting: "max_msgs", of: "DEAD", breaks: true, stream: func(c *stream) { c.MaxMsgs = 100 }},
		{name: "dead letters for a year", setting: "max_age", of: "DEAD", stream: func(c *stream) { c.MaxAge = 365 * 24 * time.Hour }},
		{name: "a short ledger", setting: "max_age", of: "KV_ledger", breaks: true, stream: func(c *stream) { c.MaxAge = time.Hour }},
		{name: "a long ledger", setting: "max_age", of: "KV_ledger", stream: func(c *stream) { c.MaxAge = 60 * 24 * time.Hour }},
		{name: "no acknowledgement", setting: "no_ack", of: "HOLD", breaks: true, stream: func(c *stream) { c.NoAck = true }},
		{name: "tried five times", setting: "max_deliver", of: "workers", breaks: true, consumer: func(c *consumer) { c.MaxDeliver = 5 }},
		{name: "no acknowledgement asked", setting: "ack_policy", of: "runners", anew: true, breaks: true, consumer: func(c *consumer) { c.AckPolicy = jetstream.AckAllPolicy }},
		{name: "too soon again", setting: "ack_wait", of: "workers", breaks: true, consumer: func(c *consumer) { c.AckWait = 5 * time.Second }},
		{name: "later again", setting: "ack_wait", of: "workers", consumer: func(c *consumer) { c.AckWait = time.Minute }},
		{name: "some events only", setting: "filter_subject", of: "workers", breaks: true, consumer: func(c *consumer) { c.FilterSubject = "ev.acme.>" }},
		{name: "fewer at once", setting: "max_ack_pending", of: "workers", consumer: func(c *consumer) { c.MaxAckPending = 100 }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			q, server := open(t)
			js := raw(t, server)
			if tc.stream != nil {
				changeStream(t, js, tc.of, tc.stream, tc.anew)
			} else {
				changeConsumer(t, js, tc.of, tc.consumer, tc.anew)
			}
			all := differences(t, q)
			found := slices.IndexFunc(all, func(d queue.Difference) bool { return d.Setting == tc.setting })
			if found < 0 || (all[found].Risk != "") != tc.breaks || !strings.HasSuffix(all[found].Where, strings.TrimPrefix(tc.of, "KV_")) {
				t.Fatalf("differences = %v, want %s of %s, which breaks something: %v", all, tc.setting, tc.of, tc.breaks)
			}
			var told []queue.Difference
			o := queue.Options{Server: server, OnDifference: func(d queue.Difference) { told = append(told, d) }}
			again, err := queue.Open(t.Context(), o)
			if err == nil {
				again.Close()
			}
			switch {
			case tc.breaks && (!errors.Is(err, queue.ErrDrift) || !strings.Contains(err.Error(), tc.setting) || !strings.Contains(err.Error(), "--apply")):
				t.Errorf("open: %v, want a refusal that names the setting", err)
			case !tc.breaks && (err != nil || len(told) != len(all)):
				t.Errorf("open: %v, told of %v", err, told)
			}
			o.Lenient, told = true, nil
			if again, err = queue.Open(t.Context(), o); err != nil || len(told) != len(all) {
				t.Fatalf("open for a look: %v, told of %v", err, told)
			}
			again.Close()
			o.Lenient, o.Apply = false, true
			again, err = queue.Open(t.Context(), o)
			if err == nil {
				again.Close()
			}
			left := differences(t, q)
			if tc.anew {
				if !errors.Is(err, queue.ErrDrift) || !strings.Contains(err.Error(), "cannot be changed in place") || len(left) == 0 {
					t.Errorf("apply: %v; want an error that says how", err)
				}
				return
			}
			if err != nil || len(left) != 0 {
				t.Errorf("apply: %v, left: %v", err, left)
			}
			publish(t, q, closed("after"), queue.Accepted)
			if err := q.Bury(t.Context(), ticket.Bury(closed("x"), &ticket.Failure{}, time.Now())); err != nil {
				t.Error(err)
			}
		})
	}
}

func changeStream(t *testing.T, js jetstream.JetStream, name string, change func(*jetstream.StreamConfig), anew bool) {
	t.Helper()
	s, err := js.Stream(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	config := s.CachedInfo().Config
	change(&config)
	if !anew {
		_, err = js.UpdateStream(t.Context(), config)
	} else if err = js.DeleteStream(t.Context(), name); err == nil {
		config.DiscardNewPerSubject = false // it belongs to the retention and storage that it was made with
		_, err = js.CreateStream(t.Context(), config)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func changeConsumer(t *testing.T, js jetstream.JetStream, name string, change func(*jetstream.ConsumerConfig), anew bool) {
	t.Helper()
	stream := "EVENTS"
	if name == "runners" {
		stream = "HOLD"
	}
	c, err := js.Consumer(t.Context(), stream, name)
	if err != nil {
		t.Fatal(err)
	}
	config := c.CachedInfo().Config
	change(&config)
	if anew {
		// A work queue takes no other acknowledgement: an operator would have made the stream anew with it.
		changeStream(t, js, stream, func(s *jetstream.StreamConfig) { s.Retention = jetstream.LimitsPolicy }, true)
	}
	if _, err = js.CreateOrUpdateConsumer(t.Context(), stream, config); err != nil {
		t.Fatal(err)
	}
}
