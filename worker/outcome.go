package worker

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"time"

	"passerelle/pkg/ticket"
)

func decimal(n int64) string { return strconv.FormatInt(n, 10) }

// Delays between tries of one event. A wait that is longer leaves the consumer and becomes held work.
const (
	firstDelay  = time.Second
	longestNak  = 30 * time.Second
	accountWait = 5 * time.Second

	settling     = time.Minute
	settlingWait = 3 * time.Second
)

// failed turns an error into what becomes of the event. Trouble of the account never makes a dead letter, unless the
// event has waited as long as it may, and is over.
func (d *Deliverer) failed(e ticket.Event, err error, over bool) ticket.Outcome {
	var f *ticket.Failure
	if !errors.As(err, &f) {
		// The ledger or the queue: this process's or the server's trouble.
		message := "the ledger cannot be read or written"
		if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
			message = "given up before it was done"
		}
		f = &ticket.Failure{Trouble: ticket.TroubleHiccup, Err: err, Detail: ticket.Detail{Message: message}, Hint: "check the NATS server"}
	}
	if f.Trouble == ticket.TroubleJob {
		return ticket.Outcome{Result: ticket.ResultDead, Failure: f}
	}
	if over && !mayBeMade(f) {
		return ticket.Outcome{Result: ticket.ResultDead, Failure: expired(f)}
	}
	if f.Trouble == ticket.TroubleAccount {
		return ticket.Outcome{Result: ticket.ResultHeld, Failure: f, After: cmp.Or(f.After, accountWait)}
	}
	wait := backOff(e.Attempts)
	incomplete := f.Reason == ticket.ReasonConversationNotFound || f.Reason == ticket.ReasonNotCompleteYet
	if incomplete && e.Age(d.now()) < settling {
		wait = min(wait, settlingWait) // most conversations are complete within seconds
	}
	return ticket.Outcome{Result: ticket.ResultRetry, Failure: f, After: max(f.After, wait)}
}

// mayBeMade tells whether the event waits for a bulk job that may make its ticket: it must not be buried meanwhile.
func mayBeMade(f *ticket.Failure) bool { return f.Limited && f.Trouble == ticket.TroubleHiccup }

// waitsItsTurn tells whether nothing is wrong but that others come first, in an account whose calls are ours to share
// out.
func waitsItsTurn(f *ticket.Failure) bool { return f.Limited && f.Detail.Status == 0 }

// hung tells whether a call was waited for in vain. A connection that breaks may be bad luck, and that is not: the next
// would be waited for as long.
func hung(f *ticket.Failure) bool { return errors.Is(f.Err, context.DeadlineExceeded) }

// expired keeps the reason when a person must act on it.
func expired(f *ticket.Failure) *ticket.Failure {
	late := *f
	late.Trouble = ticket.TroubleJob
	if late.Reason != ticket.ReasonCredentialsRefused {
		late.Reason = ticket.ReasonExpired
	}
	if f.Trouble == ticket.TroubleUncertain {
		late.Hint = "a ticket may have been made all the same: replay it when the account answers, which looks for the ticket first"
	}
	if f.Reason == ticket.ReasonNotCompleteYet {
		late.Hint = "see by passerelle trace whether what it waited for has come; then replay it, or discard it"
	}
	late.Detail.Message = "waited too long; last: " + late.Detail.Message
	return &late
}

// backOff doubles with each attempt, up to longestNak, with jitter.
func backOff(attempts int) time.Duration {
	wait := firstDelay << min(max(attempts-1, 0), 5)
	return min(wait/2+rand.N(wait/2+1), longestNak) //nolint:gosec // jitter needs no secrecy
}
