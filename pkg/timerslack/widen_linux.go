package timerslack

import (
	"errors"
	"fmt"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// usual is what the kernel gives to a program of which nobody said otherwise: https://man7.org/linux/man-pages/man2/PR_SET_TIMERSLACK.2const.html.
const usual = 50 * time.Microsecond

// Widen gives all threads of this program that timer slack, if it is more than the kernel's usual 50 microseconds. A thread has the
// slack of the one that made it, so those that are made later have it too, as do the programs that this one starts.
//
// A slack other than the usual stays as it is: somebody chose it, as with TimerSlackNSec= of systemd. With an error the program goes
// on with the slack that it had, which costs processor time and nothing else. It is errors.ErrUnsupported in a program that is built
// with cgo, in which not all threads are the runtime's (https://pkg.go.dev/syscall#AllThreadsSyscall).
func Widen(slack time.Duration) error {
	now, err := Now()
	if err != nil || now != usual || slack <= usual {
		return err
	}
	if _, _, errno := syscall.AllThreadsSyscall(syscall.SYS_PRCTL, unix.PR_SET_TIMERSLACK, uintptr(slack), 0); errors.Is(errno, errors.ErrUnsupported) {
		return fmt.Errorf("widen the timer slack: %w; build with CGO_ENABLED=0", errors.ErrUnsupported)
	} else if errno != 0 {
		return fmt.Errorf("widen the timer slack: %w", errno)
	}
	return nil
}

// Now gives the timer slack of the thread that asks, which is that of all threads unless one of them changed its own.
func Now() (time.Duration, error) {
	now, err := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)
	if err != nil {
		return 0, fmt.Errorf("ask for the timer slack: %w", err)
	}
	return time.Duration(now), nil
}
