// Package timerslack lets the kernel wake this program a little later than it asks, so that it is woken less often.
//
// While a Go program has work its runtime looks after it from a thread of its own that sleeps for 20 microseconds at a time,
// as long as that finds something to do, and begins so again each time the program was idle
// (https://go.dev/src/runtime/proc.go, sysmon). A program that waits for answers most of the time, as ours do, is idle some
// hundred times a second. With the kernel's usual slack of 50 microseconds those wake-ups took a fifth of the processor time of
// a busy machine; with a millisecond nearly all of them are left out.
package timerslack

import "time"

// Wide is how much later than asked for a thread may well be woken: by a timer, never by a connection. It is a small part of what an
// answer of Zendesk takes, and the runtime counts the time until its own timers in milliseconds anyhow.
const Wide = time.Millisecond
