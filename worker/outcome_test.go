package worker

import (
	"errors"
	"slices"
	"testing"
	"time"

	"passerelle/pkg/ticket"
)

// However often it was tried: what is not the job's own fault makes no dead letter before the job is too old. Then it
// does, unless the job only waits for its turn. What Zendesk asks to wait is waited.
func TestOnlyTheJobsOwnTroubleEndsIt(t *testing.T) {
	d := deliverer(newTown(), nil, Settings{})
	waits := notYet("the conversation has no ticket yet")
	waits.After = time.Minute
	troubles := map[string]error{
		"waits":     waits,
		"account":   &ticket.Failure{Trouble: ticket.TroubleAccount, Reason: ticket.ReasonCredentialsRefused, After: time.Minute},
		"limited":   &ticket.Failure{Trouble: ticket.TroubleAccount, Reason: ticket.ReasonExpired, Limited: true, After: time.Minute},
		"hiccup":    &ticket.Failure{Trouble: ticket.TroubleHiccup, After: time.Minute},
		"uncertain": &ticket.Failure{Trouble: ticket.TroubleUncertain, Reason: ticket.ReasonExpired, After: time.Minute},
		"ledger":    errors.New("the store is away"),
		"refused":   &ticket.Failure{Trouble: ticket.TroubleJob, Reason: ticket.ReasonRejected},
	}
	for name, err := range troubles {
		for _, attempts := range []int{0, 1, 31, 1000, 1 << 30} {
			e := closed("c1")
			e.Attempts = attempts
			fresh := d.failed(e, err, d.late(e, 0))
			if own := name == "refused"; (fresh.Result == ticket.ResultDead) != own {
				t.Errorf("%s, tried %d times: %+v", name, attempts, fresh)
			}
			if name != "refused" && name != "ledger" && fresh.After < time.Minute {
				t.Errorf("%s: after %s", name, fresh.After)
			}
			e.ReceivedAt, e.OccurredAt = e.ReceivedAt.Add(-d.Expiry), e.OccurredAt.Add(-d.Expiry)
			if late := d.failed(e, err, d.late(e, 0)); late.Result != ticket.ResultDead || !slices.Contains(ticket.Reasons(), late.Failure.Reason) {
				t.Errorf("%s, too old: %+v", name, late)
			} else if late.Failure.Hint == waits.Hint {
				t.Errorf("%s, too old: nothing is tried again, but the hint is %q", name, late.Failure.Hint)
			}
		}
	}
}
