package embed

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gofrs/flock"
	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestAProcessOutsideGetsInThroughTheFolder(t *testing.T) {
	for name, dir := range map[string]string{
		"short path": t.TempDir(),
		"long path":  filepath.Join(t.TempDir(), strings.Repeat("long/", 30)),
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Start(Options{Dir: dir})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if err := s.Healthy(); err != nil {
				t.Error(err)
			}
			dialer, err := Reach(dir)
			if err != nil {
				t.Fatal(err)
			}
			inside, err := nats.Connect("", nats.InProcessServer(s))
			if err != nil {
				t.Fatal(err)
			}
			defer inside.Close()
			outside, err := nats.Connect("", nats.InProcessServer(dialer))
			if err != nil {
				t.Fatal(err)
			}
			defer outside.Close()
			heard, err := inside.SubscribeSync("word")
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(inside.Flush(), outside.Publish("word", []byte("hello")), outside.Flush()); err != nil {
				t.Fatal(err)
			}
			if msg, err := heard.NextMsg(nats.DefaultTimeout); err != nil || string(msg.Data) != "hello" {
				t.Errorf("heard %v, %v", msg, err)
			}
		})
	}
}

func TestAFolderIsWaitedFor(t *testing.T) {
	for patience, want := range map[time.Duration]bool{5 * time.Second: true, 2 * time.Second: false, 0: false} {
		path := filepath.Join(t.TempDir(), "lock")
		synctest.Test(t, func(t *testing.T) {
			command, process := flock.New(path), flock.New(path)
			defer func() { _ = errors.Join(command.Close(), process.Close()) }()
			if locked, err := command.TryLock(); !locked || err != nil {
				t.Fatal(locked, err)
			}
			time.AfterFunc(3*time.Second, func() { _ = command.Unlock() })
			start := time.Now()
			got, err := take(process, patience)
			if waited := time.Since(start); got != want || err != nil || waited > patience+lockLook {
				t.Errorf("patience %s: %v, %v after %s", patience, got, err, waited)
			}
		})
	}
}

func TestASecondProcessIsRefused(t *testing.T) {
	dir := t.TempDir()
	first, err := Start(Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Start(Options{Dir: dir}); !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), dir) {
		t.Errorf("error = %v, want ErrInUse that names the folder", err)
	}
	first.Close()
	first.Close()
	if _, err := Reach(dir); err == nil {
		t.Error("a folder without a process was reached")
	}
	again, err := Start(Options{Dir: dir})
	if err != nil {
		t.Fatalf("start again: %v", err)
	}
	again.Close()
}

func TestAFolderThatCannotBeMade(t *testing.T) {
	if _, err := Start(Options{Dir: "/dev/null/data"}); err == nil {
		t.Error("no error")
	}
}
