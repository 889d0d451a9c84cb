package timerslack

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestAllThreadsHaveTheSlack(t *testing.T) {
	program := build(t, "0")
	for _, c := range []struct {
		name              string
		had, asked, wants time.Duration
	}{
		{"the kernel's usual", usual, Wide, Wide},
		{"another is asked for", usual, 3 * time.Millisecond, 3 * time.Millisecond},
		{"none is asked for", usual, 0, usual},
		{"less is asked for", usual, 10 * time.Microsecond, usual},
		{"somebody chose less", 10 * time.Microsecond, Wide, 10 * time.Microsecond},
		{"somebody chose more", 4 * time.Millisecond, Wide, 4 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := fmt.Sprintf("<nil>\n[%s]\n", c.wants)
			if got := started(t, c.had, program, c.asked.String()); got != want {
				t.Errorf("got\n%swant\n%s", got, want)
			}
		})
	}
}

func TestAProgramWithCgoGoesOnAsBefore(t *testing.T) {
	if _, err := exec.LookPath("gcc"); err != nil {
		t.Skip("cgo needs a C compiler:", err)
	}
	want := fmt.Sprintf("widen the timer slack: unsupported operation; build with CGO_ENABLED=0\n[%s]\n", usual)
	if got := started(t, usual, build(t, "1"), Wide.String()); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// build gives the program of testdata; "1" links it with cgo, which it uses for nothing but to be so.
func build(t *testing.T, cgo string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "program")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", path, "-tags", "cgo"+cgo, "./testdata/program")
	cmd.Env = append(os.Environ(), "CGO_ENABLED="+cgo)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return path
}

// started runs a program from a thread of that slack, which it gets too, and gives what it prints.
func started(t *testing.T, slack time.Duration, name string, args ...string) string {
	t.Helper()
	var out []byte
	var complaints bytes.Buffer
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never free again: the thread ends with its slack
		if err = unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(slack), 0, 0, 0); err != nil {
			return
		}
		cmd := exec.CommandContext(t.Context(), name, args...)
		cmd.Stderr = &complaints
		out, err = cmd.Output()
	}()
	<-done
	if err != nil {
		t.Fatalf("%v\n%s%s", err, out, &complaints)
	}
	return string(out)
}
