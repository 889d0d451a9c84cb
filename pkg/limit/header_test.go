package limit

import (
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"
)

var nothing = saying{limit: unsaid, left: unsaid, reset: unsaid, retryAfter: unsaid}

func TestRead(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	cases := []struct {
		name   string
		header map[string]string
		want   func(*saying)
	}{
		{"nothing", nil, func(*saying) {}},
		{"X-Rate-Limit", map[string]string{"X-Rate-Limit": "700", "X-Rate-Limit-Remaining": "699"}, func(s *saying) { s.limit, s.left = 700, 699 }},
		{"2024", map[string]string{"ratelimit-limit": "700", "ratelimit-remaining": "0", "ratelimit-reset": "22"},
			func(s *saying) { s.limit, s.left, s.reset = 700, 0, 22*time.Second }},
		{"2023", map[string]string{"rate-limit": "400", "rate-limit-remaining": "399", "rate-limit-reset": "60"},
			func(s *saying) { s.limit, s.left, s.reset = 400, 399, time.Minute }},
		{"both, not of one mind", map[string]string{"X-Rate-Limit": "700", "X-Rate-Limit-Remaining": "300", "ratelimit-limit": "400", "ratelimit-remaining": "299"},
			func(s *saying) { s.limit, s.left = 400, 299 }},
		{"absurd", map[string]string{"X-Rate-Limit": "0", "X-Rate-Limit-Remaining": "-5", "ratelimit-limit": "99999999999999999999", "ratelimit-reset": "86400"},
			func(*saying) {}},
		{"more left than there is", map[string]string{"X-Rate-Limit": "700", "X-Rate-Limit-Remaining": "701"}, func(s *saying) { s.limit = 700 }},
		{"with a policy behind", map[string]string{"ratelimit-limit": " 700, 700;w=60"}, func(s *saying) { s.limit = 700 }},
		{"words", map[string]string{"X-Rate-Limit": "unlimited", "Retry-After": "later"}, func(*saying) {}},
		{"Retry-After", map[string]string{"Retry-After": "17"}, func(s *saying) { s.retryAfter = 17 * time.Second }},
		{"Retry-After of days", map[string]string{"Retry-After": "999999"}, func(s *saying) { s.retryAfter = 15 * time.Minute }},
		{"Retry-After beyond all numbers", map[string]string{"Retry-After": "99999999999999999999999"}, func(s *saying) { s.retryAfter = 15 * time.Minute }},
		{"Retry-After as a date", map[string]string{"Retry-After": "Tue, 24 Nov 2026 12:00:30 GMT"}, func(s *saying) { s.retryAfter = 30 * time.Second }},
		{"Retry-After in the past", map[string]string{"Retry-After": "Tue, 24 Nov 2020 12:00:30 GMT"}, func(s *saying) { s.retryAfter = 0 }},
		{"endpoints", map[string]string{
			"zendesk-ratelimit-ticket-request-create-by-user-and-ip": "total=300; remaining=299; resets=50",
			"zendesk-rate-limit-tickets-update":                      "remaining=1;resets=7 ;total=20",
			"zendesk-ratelimit-per-ticket-updates":                   "total=30; remaining=0; resets=600",
			"zendesk-ratelimit-nonsense":                             "total=1; remaining=2",
			"zendesk-ratelimit-":                                     "total=2; remaining=2",
		}, func(s *saying) {
			s.endpoints = []endpointSaying{
				{"ticket-request-create-by-user-and-ip", 300, 299, 50 * time.Second},
				{"tickets-update", 20, 1, 7 * time.Second},
			}
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			h := http.Header{}
			for k, v := range c.header {
				h.Set(k, v)
			}
			want := nothing
			c.want(&want)
			if got := read(h, now); !reflect.DeepEqual(got, want) {
				t.Errorf("read() = %+v, want %+v", got, want)
			}
		})
	}
	if got := read(nil, now); !reflect.DeepEqual(got, nothing) {
		t.Errorf("read(nil) = %+v, want nothing", got)
	}
}

// Whatever an answer says, what is read of it is within bounds, and the account goes on with it.
func FuzzRead(f *testing.F) {
	f.Add("700", "699", "22", "17", "tickets-index", "total=100; remaining=99; resets=41")
	f.Add("0", "-1", "1e9", "Tue, 24 Nov 2026 12:00:30 GMT", "per-ticket-updates", "remaining=;;==")
	f.Add("999999999999", "0x10", " 60", "99999999999999", strings.Repeat("x", 100), strings.Repeat("remaining=1;", 100))
	f.Fuzz(func(t *testing.T, limit, left, reset, after, name, endpoint string) {
		h := http.Header{
			"X-Rate-Limit": {limit}, "Ratelimit-Remaining": {left}, "Ratelimit-Reset": {reset}, "Retry-After": {after},
			http.CanonicalHeaderKey("zendesk-ratelimit-" + name): {endpoint},
		}
		s := read(h, time.Now())
		if s.limit < unsaid || s.limit == 0 || s.limit > maxLimit || s.left < unsaid || s.left > maxLimit ||
			s.reset != unsaid && (s.reset < 0 || s.reset > maxReset) || s.retryAfter != unsaid && (s.retryAfter < 0 || s.retryAfter > maxRetryAfter) {
			t.Fatalf("beyond all bounds: %+v", s)
		}
		for _, e := range s.endpoints {
			if e.left < 0 || e.left > maxLimit || e.reset != unsaid && (e.reset < 0 || e.reset > maxResets) || len(e.name) > maxName {
				t.Fatalf("beyond all bounds: %+v", e)
			}
		}
		var y tally
		y.hear(5, word{granted: 1, limit: float64(s.limit), left: float64(s.left), reset: float64(s.reset.Milliseconds()), bound: unsaid})
		y.grant(6, ask{quota: careful, workers: 1, want: [ranks]float64{1, 1, 1}})
	})
}
