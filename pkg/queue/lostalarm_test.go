package queue_test

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"passerelle/pkg/queue"
	"passerelle/pkg/queue/embed"
)

// store is a folder whose server can be stopped, as when the process is killed in a bad moment.
type store struct {
	t      *testing.T
	dir    string
	server *embed.Server
	q      *queue.Queue
}

func openStore(t *testing.T) *store {
	t.Helper()
	s := &store{t: t, dir: t.TempDir()}
	s.start()
	t.Cleanup(func() { s.server.Close() })
	return s
}

func (s *store) start() {
	s.t.Helper()
	var err error
	if s.server, err = embed.Start(embed.Options{Dir: s.dir}); err != nil {
		s.t.Fatal(err)
	}
	s.q = connect(s.t, s.server)
}

func (s *store) stop() {
	s.q.Close()
	s.server.Close()
}

// messages is the folder of a stream's messages.
func (s *store) messages(stream string) string {
	return filepath.Join(s.dir, "nats", "jetstream", "$G", "streams", stream, "msgs")
}

// forgetAlarms starts the server anew, and makes it forget which alarms are to ring. Its file says so of all there can be.
func (s *store) forgetAlarms() {
	s.t.Helper()
	s.stop()
	none := append([]byte{1}, make([]byte, 8)...) // the version, and how many
	none = binary.LittleEndian.AppendUint64(none, 1<<40)
	if err := os.WriteFile(filepath.Join(s.messages("HOLD"), "sched.db"), none, 0o600); err != nil {
		s.t.Fatal(err)
	}
	s.start()
}

// unremove does something, and then lets the server find the messages again that were removed by it, as if it had been killed
// before that was written down.
func (s *store) unremove(stream string, do func()) {
	s.t.Helper()
	before := s.t.TempDir()
	s.stop()
	if err := os.CopyFS(before, os.DirFS(s.messages(stream))); err != nil {
		s.t.Fatal(err)
	}
	s.start()
	do()
	s.stop()
	if err := errors.Join(os.RemoveAll(s.messages(stream)), os.CopyFS(s.messages(stream), os.DirFS(before))); err != nil {
		s.t.Fatal(err)
	}
	s.start()
}

// await asks again and again.
func (s *store) await(done func() bool) {
	s.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-s.t.Context().Done():
			s.t.Fatal(s.t.Context().Err())
		}
	}
}

// awaitMessage waits until a stream has a message of that subject.
func (s *store) awaitMessage(name, subject string) {
	s.t.Helper()
	stream, err := raw(s.t, s.server).Stream(s.t.Context(), name)
	if err != nil {
		s.t.Fatal(err)
	}
	s.await(func() bool {
		_, err := stream.GetLastMsgForSubject(s.t.Context(), subject)
		return !errors.Is(err, jetstream.ErrMsgNotFound)
	})
}

// awaitLate waits until acme's alarm, which is not late yet, counts as lost.
func (s *store) awaitLate() {
	s.t.Helper()
	s.q.LateAfter(500 * time.Millisecond)
	s.alarmless()
	s.await(func() bool {
		accounts, err := s.q.Alarmless(s.t.Context())
		if err != nil {
			s.t.Fatal(err)
		}
		return slices.Equal(accounts, []string{"acme"})
	})
}

// wakeNow has acme's alarm ring. Nobody sees to it yet.
func (s *store) wakeNow() {
	s.t.Helper()
	if err := s.q.WakeNow(s.t.Context(), "acme"); err != nil {
		s.t.Fatal(err)
	}
	s.awaitMessage("HOLD", "run.acme")
}

func (s *store) alarmless(want ...string) {
	s.t.Helper()
	if accounts, err := s.q.Alarmless(s.t.Context()); err != nil || !slices.Equal(accounts, want) {
		s.t.Errorf("alarmless = %v, %v; want %v", accounts, err, want)
	}
}

// ring waits for an alarm, and sees to it.
func (s *store) ring(account string) {
	s.t.Helper()
	runs, err := s.q.Runs(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	defer runs.Close()
	run, err := runs.Next(s.t.Context())
	if err == nil {
		err = run.Done(s.t.Context())
	}
	if err != nil || run.Account != account {
		s.t.Fatalf("the alarm of %q rang, %v", run.Account, err)
	}
}

func TestAnAlarmThatNatsServerHasForgottenRings(t *testing.T) {
	for name, mend := range map[string]func(s *store) error{
		"a look for lost ones": func(s *store) error { return s.q.Wake(t.Context(), "acme", time.Now().Add(time.Hour)) },
		"another held event":   func(s *store) error { return s.q.Hold(t.Context(), closed("c2"), time.Now().Add(time.Hour)) },
	} {
		t.Run(name, func(t *testing.T) {
			s := openStore(t)
			holdFor(t, s.q, "c1", 3*time.Second)
			s.forgetAlarms()
			s.awaitLate()
			if err := mend(s); err != nil {
				t.Fatal(err)
			}
			s.ring("acme")
			s.alarmless("acme") // whoever saw to it sets the next one
		})
	}
}

func TestAnAlarmThatNatsServerHasForgottenIsSetAnewBeforeItIsLate(t *testing.T) {
	s := openStore(t)
	e := closed("c1")
	e.Account = "Acme FR"
	if err := s.q.Hold(t.Context(), e, time.Now().Add(3*time.Second)); err != nil {
		t.Fatal(err)
	}
	before, err := s.q.Alarm(t.Context(), e.Account)
	if err != nil {
		t.Fatal(err)
	}
	s.forgetAlarms()
	if accounts, err := s.q.Rearm(t.Context()); err != nil || len(accounts) != 0 {
		t.Errorf("alarmless = %v, %v", accounts, err)
	}
	if at, err := s.q.Alarm(t.Context(), e.Account); err != nil || !at.Equal(before) {
		t.Errorf("it rings at %s, %v; want %s", at, err, before)
	}
	s.ring("Acme FR")
}

// Somebody may be at work on what the account held before, for long.
func TestAnAlarmIsLostThoughTheOneBeforeItIsInHand(t *testing.T) {
	s := openStore(t)
	holdFor(t, s.q, "c1", time.Hour)
	s.wakeNow()
	holdFor(t, s.q, "c2", 3*time.Second)
	s.forgetAlarms()
	s.awaitLate()
}

func TestAnAlarmThatWasSeenToAndIsStillThereIsNone(t *testing.T) {
	s := openStore(t)
	holdFor(t, s.q, "c1", time.Hour)
	s.wakeNow()
	s.ring("acme")
	s.wakeNow()
	s.unremove("HOLD", func() { s.ring("acme") })
	s.awaitMessage("HOLD", "run.acme")
	s.alarmless("acme")
	if err := s.q.Wake(t.Context(), "acme", time.Now()); err != nil {
		t.Fatal(err)
	}
	s.alarmless()
	s.ring("acme")
}

func TestATurnToSweepThatWasTakenAndIsStillThereIsNone(t *testing.T) {
	s := openStore(t)
	turn := func() {
		runs, err := s.q.SweepRuns(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer runs.Close()
		if err := sweepRun(t, runs).Drop(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.q.RingSweep(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	s.awaitMessage("SWEEP", "sweep.run")
	if a := alarm(t, s.q); !a.Rang {
		t.Errorf("rang: %+v", a)
	}
	s.unremove("SWEEP", turn)
	s.awaitMessage("SWEEP", "sweep.run")
	if a := alarm(t, s.q); a.Rang {
		t.Errorf("seen to: %+v", a)
	}
	if err := s.q.RingSweep(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	turn()
}
