package timerslack

import (
	"fmt"
	"os"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// wide is how much later than asked for a thread may be woken: by a timer, never by a connection. It is a small part of what an
// answer of Zendesk takes, and the runtime counts the time until its own timers in milliseconds anyhow.
const wide = time.Millisecond

// usual is what the kernel gives to a program of which nobody said otherwise: https://man7.org/linux/man-pages/man2/PR_SET_TIMERSLACK.2const.html.
const usual = 50 * time.Microsecond

// marker is set in the environment of the program that Widen begins anew, so that it does so once, whatever the kernel says.
const marker = "TIMERSLACK_WIDENED"

// Widen gives this program a timer slack of a millisecond. A thread has the slack of the one that made it, and the runtime makes its first
// threads before any code of the program: so the program begins anew, once, in the same process, with the same arguments and the
// same environment. Widen does not return then. It is for the very first line of a program, before anything is opened and any
// signal is caught.
//
// A slack that somebody chose stays as it is, as with TimerSlackNSec= of systemd. With an error the program goes on with the slack
// that it had, which costs processor time and nothing else.
func Widen() error {
	if os.Getenv(marker) != "" {
		return os.Unsetenv(marker) //nolint:wrapcheck // it says all
	}
	now, err := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)
	if err != nil {
		return fmt.Errorf("ask for the timer slack: %w", err)
	}
	if time.Duration(now) != usual {
		return nil
	}
	path, err := os.Executable() // and not /proc/self/exe, which would be the name that ps shows
	if err != nil {
		return fmt.Errorf("begin anew with more timer slack: %w", err)
	}
	runtime.LockOSThread() // exec keeps the slack of the thread that asks for it
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(wide), 0, 0, 0); err != nil {
		return fmt.Errorf("set the timer slack: %w", err)
	}
	err = syscall.Exec(path, os.Args, append(os.Environ(), marker+"=1")) //nolint:gosec // this program itself
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(now), 0, 0, 0)        // all threads alike
	return fmt.Errorf("begin anew with more timer slack: %w", err)
}
