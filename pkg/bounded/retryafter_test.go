package bounded

import (
	"net/http"
	"testing"
	"time"
)

func TestRetryAfter(t *testing.T) {
	at := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	date := func(d time.Duration) string { return at.Add(d).Format(http.TimeFormat) }
	for text, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, " 7 ": 7 * time.Second, "-1": 0, "901": maxRetryAfter, "99999999999999999999999": maxRetryAfter, "7.5": 0, "soon": 0,
		date(30 * time.Second): 30 * time.Second, date(-30 * time.Second): 0, date(24 * time.Hour): maxRetryAfter,
	} {
		if got := RetryAfter(http.Header{"Retry-After": {text}, "Date": {date(0)}}); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
	// Without a date of its own the answer is of now.
	soon := time.Now().Add(time.Minute).UTC().Format(http.TimeFormat)
	if got := RetryAfter(http.Header{"Retry-After": {soon}}); got <= 0 || got > time.Minute {
		t.Errorf("a date a minute from now: %s", got)
	}
}
