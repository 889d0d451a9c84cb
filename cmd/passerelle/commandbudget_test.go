package main

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"passerelle/pkg/cache"
	"passerelle/pkg/cache/redistest"
	"passerelle/pkg/check"
	"passerelle/pkg/limit"
	"passerelle/pkg/sim/simzendesk"
)

// noon stands still, so that no new minute begins while a command runs.
func noon() time.Time { return time.Date(2026, time.March, 2, 12, 0, 5, 0, time.UTC) }

// called gives how many of an account's calls were counted; those for a token are not.
func (w *town) called() int {
	calls := 0
	for route, n := range w.account.Requests() {
		if strings.Contains(route, " /api/v2/") {
			calls += n
		}
	}
	return calls
}

// What a command may use of an account's calls is what the account has above the reserve.
func TestCommandsLeaveTheReserve(t *testing.T) {
	t.Parallel()
	const limit, reserve = 4, 3 // so that a command's first call is its last
	for _, tc := range []struct {
		name string
		args []string
		says string // on standard error
	}{
		{"check", []string{"sites", "check"}, "1 of 1 checked sites could not be checked to the end, for want of calls: site-1"},
		{"provision", []string{"sites", "provision", "site-1"}, "run it again in 5"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := newTownWith(t, simzendesk.Config{RequestsPerMinute: limit, Now: noon})
			w.text = strings.ReplaceAll(w.text, "    auth:\n", "    reserve_percent: 70\n    auth:\n")
			w.env = append(w.env, "PASSERELLE_CONFIG="+write(t, "passerelle.yaml", w.text))
			out, errOut, status := command(t, w.env, tc.args...)
			if left := limit - w.called(); status != exitFailed || left != reserve || !strings.Contains(errOut, tc.says) {
				t.Errorf("exit %d, %d calls left, expected %d\n%s%s", status, left, reserve, out, errOut)
			}
			if text := strings.Join(strings.Fields(out+errOut), " "); !strings.Contains(text, "reserve_percent keeps 3 ") {
				t.Errorf("it does not say whose the calls are:\n%s", text)
			}
		})
	}
}

func TestSitesCheckOfAnAccountWithoutCalls(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, path string
		answers    bool
	}{{"from the start", "", false}, {"half-way", "/api/v2/brands", true}} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := newTown(t)
			w.account.Fault(simzendesk.Fault{Kind: simzendesk.RateLimited, Method: http.MethodGet, Path: tc.path, RetryAfter: 42})
			findings, errOut, status := w.checked()
			of := func(code string) []check.Finding {
				return slices.DeleteFunc(slices.Clone(findings), func(f check.Finding) bool { return f.Check != code })
			}
			if access := of(check.ZendeskAccess); status != exitFailed || !strings.Contains(errOut, "for want of calls: site-1") || (len(access) == 1) != tc.answers {
				t.Errorf("exit %d, %s%+v", status, errOut, access)
			}
			calls := of(check.ZendeskCalls)
			if len(calls) != 1 || calls[0].Level != check.Error || !strings.Contains(calls[0].Message, "429") || !strings.Contains(calls[0].Message, "all who call it") || calls[0].Fix != "run the check again in 42 s" {
				t.Errorf("findings: %+v", calls)
			}
			for _, f := range findings {
				if f.Level != check.OK && f.Check != check.ZendeskCalls {
					t.Errorf("it is said once: %+v", f)
				}
			}
		})
	}
}

// With Redis a command takes from what the processes that serve share.
func TestSitesCheckTakesFromTheSharedBudget(t *testing.T) {
	url, _ := redistest.Start(t)
	w := newTownWith(t, simzendesk.Config{RequestsPerMinute: 400})
	w.env = append(w.env, "PASSERELLE_REDIS_URL="+url)
	redis, err := cache.OpenRedis(url, cache.RedisTimeout(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	defer redis.Close()
	budgets := limit.New(redis, func(string) (limit.Quota, bool) { return limit.Quota{}, false })
	if s := budgets.State(w.site.Account); !s.Shared || s.Learned {
		t.Fatalf("before: %+v", s)
	}
	if _, errOut, status := w.checked(); status != 0 {
		t.Fatalf("exit %d, %s", status, errOut)
	}
	if s := budgets.State(w.site.Account); !s.Shared || !s.Learned || s.Limit != 400 {
		t.Errorf("after: %+v", s)
	}
}

func TestRefusedCallsAreTold(t *testing.T) {
	w := newTown(t)
	w.enter()
	all := w.budgeted()
	var refused []string
	all.refused = func(account string) { refused = append(refused, account) }
	for _, kind := range []simzendesk.FaultKind{simzendesk.Forbidden, simzendesk.TooManyJobs, simzendesk.RateLimited} {
		w.account.Fault(simzendesk.Fault{Kind: kind, Path: "/api/v2/users/me", Times: 1})
		client, _ := all.ranked(w.site.Account, limit.Live, false)
		if _, err := client.Caller(t.Context()); err == nil {
			t.Errorf("%s: no error", kind)
		}
	}
	if !slices.Equal(refused, []string{w.site.Account}) {
		t.Errorf("told of %v", refused)
	}
}
