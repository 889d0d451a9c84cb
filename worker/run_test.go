package worker

import (
	"context"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

// A run that ends finds an alarm set, and relies on it. If that one rings before the run has ended, in the same process,
// it is put off; what is left must not wait so long.
func TestAnAlarmThatRingsAsARunEndsIsNotPutOff(t *testing.T) {
	q := openQueue(t)
	w := New(q, deliverer(newTown(), q, Settings{LaneQuantum: time.Hour}), zerolog.New(zerolog.NewTestWriter(t)), nil)
	runs, err := q.Runs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(runs.Close)
	in, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if !w.begin("acme") {
		t.Fatal("a run is going on")
	}
	if err := q.Hold(in, closed("c1"), time.Now()); err != nil {
		t.Fatal(err)
	}
	second, err := runs.Next(in)
	if err != nil {
		t.Fatal(err)
	}
	w.run(in, in, second) // puts it off by an hour
	w.end(in, "acme", time.Time{})
	third, err := runs.Next(in)
	if err != nil {
		t.Fatalf("the alarm was put off: %v", err)
	}
	if err := third.Done(in); err != nil {
		t.Fatal(err)
	}
	if !w.begin("acme") {
		t.Error("no run can begin any more")
	}
	w.end(in, "acme", time.Now().Add(time.Hour))
	if known, err := q.Trace(in, "c1"); err != nil || len(known.Held) != 1 || !known.Alarm.IsZero() {
		t.Errorf("a run that nobody disturbed set an alarm: %+v, %v", known, err)
	}
}
