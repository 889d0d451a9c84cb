package main

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"passerelle/pkg/limit"
	"passerelle/pkg/sim/simzendesk"
	"passerelle/pkg/site"
	"passerelle/pkg/ticket"
)

// budgeted gives the clients of a process whose calls come from budgets of its own.
func (w *town) budgeted() *clients {
	w.t.Helper()
	config, err := site.Load(w.config)
	if err != nil {
		w.t.Fatal(err)
	}
	all := newClients(nil)
	w.t.Cleanup(all.close)
	all.config = func() *site.Config { return config }
	all.budgets = limit.New(nil, all.quota)
	return all
}

// Who looks at a limited account learns whether its limit is used up or the reserve is reached: only the latter is theirs to
// change.
func TestALimitedAccountSaysWhy(t *testing.T) {
	for name, tc := range map[string]struct {
		rank          limit.Rank
		left          int // as the account says
		status        int
		message, hint string
	}{
		"the reserve":  {limit.Live, 80, http.StatusOK, "80 of the account's 400 calls a minute are left, and reserve_percent keeps 80 for its people and other integrations", "a lower reserve_percent"},
		"later":        {limit.Backlog, 200, http.StatusOK, "or for later in the minute", "go on by themselves"},
		"the limit":    {limit.Live, 0, http.StatusOK, "none of the account's 400 calls a minute", "go on by themselves"},
		"told to wait": {limit.Live, 200, http.StatusTooManyRequests, "has asked to be left alone", "go on by themselves"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newTown(t)
			w.enter()
			all := w.budgeted()
			w.account.Fault(simzendesk.Fault{Kind: simzendesk.Status, Status: tc.status, Path: "/api/v2/users/me", Body: `{"user":{"id":1}}`, Header: map[string]string{
				"Ratelimit-Limit": "400", "Ratelimit-Remaining": strconv.Itoa(tc.left), "Ratelimit-Reset": "55",
			}})
			client, _ := all.ranked(w.site.Account, tc.rank, false)
			_, _ = client.Caller(t.Context())
			_, err := client.Caller(t.Context())
			var f *ticket.Failure
			if !errors.As(err, &f) || !f.Limited || f.Detail.Status != 0 || !strings.Contains(f.Error(), tc.message) || !strings.Contains(f.Hint, tc.hint) {
				t.Fatalf("%+v", err)
			}
			if strings.Contains(f.Hint, "reserve_percent") != (name == "the reserve") {
				t.Errorf("hint: %s", f.Hint)
			}
		})
	}
}
