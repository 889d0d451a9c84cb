package timerslack

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// asProgram makes the test's binary a program that widens its slack and tells what it is then.
const asProgram = "TIMERSLACK_TEST_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) == "" {
		os.Exit(m.Run())
	}
	fmt.Println("begins as", os.Getpid())
	err := Widen()
	name, _ := os.ReadFile("/proc/self/comm")
	_, marked := os.LookupEnv(marker)
	fmt.Printf("runs as %d %s%q, marked %t, %v\n", os.Getpid(), name, os.Args[1:], marked, err)
	for slack := range slacks() {
		fmt.Println("slack", slack)
	}
	os.Exit(0)
}

// slacks gives those of all threads.
func slacks() map[time.Duration]bool {
	all := map[time.Duration]bool{}
	threads, _ := os.ReadDir("/proc/self/task")
	for _, thread := range threads {
		text, err := os.ReadFile(filepath.Join("/proc", thread.Name(), "timerslack_ns"))
		if err != nil { // of another thread root alone may know it
			continue
		}
		slack, _ := time.ParseDuration(strings.TrimSpace(string(text)) + "ns")
		all[slack] = true
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	own, _ := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)
	all[time.Duration(own)] = true
	return all
}

func TestAProgramBeginsAnewWithMoreSlack(t *testing.T) {
	for _, c := range []struct {
		name  string
		slack time.Duration // of who starts it
		env   string
		anew  bool
		want  time.Duration
	}{
		{"the kernel's usual", usual, "", true, wide},
		{"somebody chose less", 10 * time.Microsecond, "", false, 10 * time.Microsecond},
		{"somebody chose more", 4 * time.Millisecond, "", false, 4 * time.Millisecond},
		{"it was in vain", usual, marker + "=1", false, usual},
	} {
		t.Run(c.name, func(t *testing.T) {
			lines, pid := started(t, c.slack, c.env)
			begin := fmt.Sprintf("begins as %d", pid)
			want := []string{begin}
			if c.anew {
				want = append(want, begin)
			}
			want = append(want, fmt.Sprintf("runs as %d %s", pid, commOf(os.Args[0])), `["one" "two words"], marked false, <nil>`, fmt.Sprintf("slack %s", c.want))
			if got := strings.Join(lines, "\n"); got != strings.Join(want, "\n") {
				t.Errorf("got\n%s\nwant\n%s", got, strings.Join(want, "\n"))
			}
		})
	}
}

// started runs the program from a thread of that slack, which it gets too.
func started(t *testing.T, slack time.Duration, env string) (lines []string, pid int) {
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
		cmd := exec.CommandContext(t.Context(), os.Args[0], "one", "two words")
		cmd.Env = append(os.Environ(), asProgram+"=1")
		if env != "" {
			cmd.Env = append(cmd.Env, env)
		}
		cmd.Stderr = &complaints
		out, err = cmd.Output() // apart: a program built for the coverage of other packages complains at its end that it has none
		if cmd.Process != nil {
			pid = cmd.Process.Pid
		}
	}()
	<-done
	if err != nil {
		t.Fatalf("%v\n%s%s", err, out, &complaints)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n"), pid
}

// commOf is the name that the kernel keeps of a program.
func commOf(path string) string {
	name := filepath.Base(path)
	return name[:min(len(name), 15)]
}
