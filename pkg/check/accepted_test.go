package check

import (
	"errors"
	"testing"

	"passerelle/pkg/ticket"
)

// Nobody has refused credentials that were never sent.
func TestWhatCannotBeResolvedIsNotCalledRefused(t *testing.T) {
	refused := &ticket.Failure{Detail: ticket.Detail{Message: "log in", Status: 401}}
	if got := notAccepted("Zendesk", refused); got != "Zendesk does not accept the credentials: "+refused.Error() {
		t.Error(got)
	}
	here := &ticket.Failure{Here: true, Err: errors.New("no such variable"), Detail: ticket.Detail{Message: "the Zendesk credentials cannot be resolved"}}
	if got := notAccepted("Zendesk", here); got != here.Error() {
		t.Error(got)
	}
}
