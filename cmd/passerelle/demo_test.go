package main

import (
	"bytes"
	"context"
	"path/filepath"
	"testing"
	"time"

	"passerelle/pkg/ticket"
)

// smallDemo is a demonstration of one site that has not begun.
func smallDemo(t *testing.T) *demo {
	t.Helper()
	var out, log bytes.Buffer
	d, err := openDemo(t.Context(), demoCommand{Rate: 1, Sites: 1, Seed: 1}, streams{out: &out, err: &log}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.done.run)
	return d
}

func TestADemonstrationThatRunsOutOfTimeCountsAllTheSame(t *testing.T) {
	d := smallDemo(t)
	over, cancel := context.WithCancel(t.Context())
	cancel()
	sum, err := d.settle(over)
	if err != nil || sum.Conversations != 0 {
		t.Errorf("settle = %+v, %v; want a summary of no conversations", sum, err)
	}
}

func TestADemonstrationThatIsStoppedAsItBeginsLeavesNothing(t *testing.T) {
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	var out, log bytes.Buffer
	if d, err := openDemo(stopped, demoCommand{Rate: 1, Sites: 1, Seed: 1}, streams{out: &out, err: &log}, time.Now()); err == nil {
		d.done.run()
		t.Error("it began all the same")
	}
	if left, err := filepath.Glob(filepath.Join(temporary, "*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %q, %v", left, err)
	}
}

// Whoever stops it as it begins has done nothing wrong, and is not told to mend JetStream.
func TestStoppingAsItBeginsIsNoFailure(t *testing.T) {
	for name, c := range map[string]struct {
		run  func(context.Context, streams) error
		told string
	}{
		"demo": {demoCommand{Rate: 1, Sites: 1, Seed: 1}.Run, "Stopped before a conversation ended.\n"},
		"demo -o json": {func(ctx context.Context, std streams) error {
			std.json = true
			return demoCommand{Rate: 1, Sites: 1, Seed: 1}.Run(ctx, std)
		}, "Stopped before a conversation ended.\n"},
		"serve": {func(ctx context.Context, _ streams) error { return serveCommand{Roles: []string{"worker"}}.Run(ctx) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("PASSERELLE_CONFIG", "../../docs/passerelle.example.yaml")
			t.Setenv("PASSERELLE_DATA_DIR", t.TempDir())
			t.Setenv("PASSERELLE_TIMER_SLACK", "0")
			stopped, cancel := context.WithCancel(t.Context())
			cancel()
			var out, log bytes.Buffer
			if err := c.run(stopped, streams{out: &out, err: &log}); err != nil {
				t.Errorf("it ends with %v", err)
			}
			if log.String() != c.told {
				t.Errorf("it says %q, want %q", log.String(), c.told)
			}
		})
	}
}

// What waits for an account that is paused, or has no calls left, is not lost.
func TestADemonstrationTellsWhatWaitsFromWhatIsLost(t *testing.T) {
	d := smallDemo(t)
	held := ticket.Event{ID: "e1", Kind: ticket.KindClosed, ConversationID: "c1", Site: "site-1", Account: "demo-1", ReceivedAt: time.Now()}
	if err := d.service.queue.Hold(t.Context(), held, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	sum, err := d.waiting(t.Context(), summary{Lost: 2, open: []string{"c1", "c2"}})
	if err != nil || sum.Waiting != 1 || sum.Lost != 1 {
		t.Errorf("waiting = %+v, %v; want one that waits and one that is lost", sum, err)
	}
}
