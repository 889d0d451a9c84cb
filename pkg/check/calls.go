package check

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"passerelle/pkg/ticket"
)

// soon is too short a wait to be told after one in vain.
const soon = 10 * time.Second

// Again tells whether an error says no more than that an account has no call left for now, and when to try again, as
// "in 34 s".
func Again(err error) (when string, limited bool) {
	f, limited := outOfCalls(err)
	switch {
	case !limited:
		return "", false
	case f.After <= 0 || f.Detail.Status == 0 && f.After < soon: // it was waited for already
		return "in a minute", true
	default:
		return fmt.Sprintf("in %d s", (f.After+time.Second-1)/time.Second), true
	}
}

func outOfCalls(err error) (*ticket.Failure, bool) {
	var f *ticket.Failure
	is := errors.As(err, &f) && f.Limited
	return f, is
}

// mind remembers the first call that the account had none left for: it says the most of the cause.
func (a *account) mind(err error) {
	if f, is := outOfCalls(err); is && a.exhausted == nil {
		a.exhausted = f
	}
}

// calls says whether the account had calls enough left for all that it was asked.
func (v *visit) calls() {
	f := v.account.exhausted
	if f == nil {
		v.ok(ZendeskCalls, "the account has calls enough left to be asked all")
		return
	}
	said := f.Error()
	if f.Detail.Status == http.StatusTooManyRequests {
		said += ", which all who call it share"
	}
	again, _ := Again(f)
	v.add(Error, ZendeskCalls, nil, "not all could be checked, because the account has no calls left for now: "+said,
		"none on tickets: conversations wait for calls, too, and go on by themselves", "run the check again "+again)
}
