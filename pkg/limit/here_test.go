package limit

import (
	"net/http"
	"testing"
	"time"
)

// What a process knows by itself says whether the reserve is why nobody gets leave.
func TestHereTellsOfTheReserve(t *testing.T) {
	for name, tc := range map[string]struct {
		reserve, left int
		status        int
		at, blocked   bool
	}{
		"enough":               {20, 29, 200, false, false},
		"the reserve":          {20, 15, 200, true, false},
		"and a little more":    {20, 28, 200, true, false},
		"nothing":              {20, 0, 200, false, false},
		"without a reserve":    {0, 1, 200, false, false},
		"told to leave it":     {20, 60, 429, false, true},
		"told, at the reserve": {20, 15, 429, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			b := New(nil, of(100, tc.reserve))
			if s := b.Here("acme"); s.Learned || s.Remaining != unsaid || s.AtReserve || s.Limit != 100 || s.Reserve != tc.reserve || len(b.accounts) != 0 {
				t.Errorf("before: %+v", s)
			}
			answered, _, ok := b.Of("acme", Live, time.Second).Take(t.Context(), "GET tickets")
			if !ok {
				t.Fatal("no leave")
			}
			h := headers("2024", 100, tc.left, 50_000)
			if tc.status == http.StatusTooManyRequests {
				h.Set("Retry-After", "30")
			}
			answered(tc.status, h)
			if s := b.Here("acme"); s.Remaining != tc.left || s.AtReserve != tc.at || s.BlockedUntil.IsZero() == tc.blocked || s.Shared {
				t.Errorf("after: %+v", s)
			}
		})
	}
}
