package ticket

import (
	"slices"
	"testing"
)

func TestNothingHasExpiredThatWaits(t *testing.T) {
	for name, tc := range map[string]struct {
		failure Failure
		want    Reason
	}{
		"limited":     {Failure{Trouble: TroubleAccount, Reason: ReasonExpired, Limited: true}, ReasonLimited},
		"down":        {Failure{Trouble: TroubleAccount, Reason: ReasonExpired}, ReasonDown},
		"no answer":   {Failure{Trouble: TroubleUncertain, Reason: ReasonExpired}, ReasonDown},
		"paused":      {Failure{Trouble: TroubleAccount, Reason: ReasonPaused}, ReasonPaused},
		"credentials": {Failure{Trouble: TroubleAccount, Reason: ReasonCredentialsRefused}, ReasonCredentialsRefused},
		"none":        {Failure{Trouble: TroubleHiccup}, ""},
		"dead":        {Failure{Trouble: TroubleJob, Reason: ReasonExpired}, ReasonExpired},
	} {
		if got := tc.failure.ReasonNow(); got != tc.want || got != tc.failure.Reason && slices.Contains(Reasons(), got) {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}
