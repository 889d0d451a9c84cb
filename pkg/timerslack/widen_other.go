//go:build !linux

package timerslack

import (
	"errors"
	"time"
)

// Widen does nothing: other systems have no such setting.
func Widen(time.Duration) error { return nil }

// Now fails with errors.ErrUnsupported.
func Now() (time.Duration, error) { return 0, errors.ErrUnsupported }
