package main

import (
	"strings"
	"testing"
	"time"
)

var paris = time.FixedZone("Europe/Paris", 3600)

func TestTimesForPeopleHaveTheirZone(t *testing.T) {
	at := time.Date(2026, 7, 1, 10, 0, 0, 0, time.UTC)
	for name, want := range map[string]string{"UTC": "2026-07-01 10:00:00 UTC", "Europe/Paris": "2026-07-01 12:00:00 CEST", "Asia/Dubai": "2026-07-01 14:00:00 +04"} {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := timeIn(zone, at); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

func TestInterval(t *testing.T) {
	now := time.Date(2026, 11, 24, 15, 0, 0, 0, paris)
	until := now.Add(-time.Minute)
	at := func(text string) time.Time {
		m, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	for _, tc := range []struct {
		from, to   string
		begin, end time.Time
	}{
		{"2026-11-01T08:00:00Z", "2026-11-01T09:00:00+01:00", time.Time{}, time.Time{}}, // ends where it begins
		{"2026-11-01T08:00:00Z", "2026-11-01T10:00:00+01:00", at("2026-11-01T08:00:00Z"), at("2026-11-01T09:00:00Z")},
		{"2026-11-01", "2026-11-02", at("2026-11-01T00:00:00+01:00"), at("2026-11-03T00:00:00+01:00")},
		{"2026-11-24", "2026-11-24", at("2026-11-24T00:00:00+01:00"), until},
		{"7d", "now", now.Add(-7 * 24 * time.Hour), until},
		{" 1d12h ", "90m", now.Add(-36 * time.Hour), now.Add(-90 * time.Minute)},
		{"24h", "0h", now.Add(-24 * time.Hour), until},
		{"2026-10-01", "1d", at("2026-10-01T00:00:00+01:00"), now.Add(-24 * time.Hour)},
		{"1h", "2h", time.Time{}, time.Time{}},
		{"now", "now", time.Time{}, time.Time{}},
		{"2027-01-01", "2027-02-01", time.Time{}, time.Time{}},
	} {
		begin, end, err := parseInterval(tc.from, tc.to, now, until)
		if tc.begin.IsZero() {
			if err == nil || !strings.Contains(err.Error(), "expected an interval") {
				t.Errorf("%s to %s: %v", tc.from, tc.to, err)
			}
			continue
		}
		if err != nil || !begin.Equal(tc.begin) || !end.Equal(tc.end) {
			t.Errorf("%s to %s: %s, %s, %v", tc.from, tc.to, begin, end, err)
		}
	}
	for _, bad := range []string{"", "d", "yesterday", "-1h", "1d-1h", "-1d", "7", "1h1d", "2026-13-01", "2026-11-01T08:00", "99999d", "7300d1h", "1e9h"} {
		for _, ends := range [][2]string{{bad, "now"}, {"20d", bad}} {
			if _, _, err := parseInterval(ends[0], ends[1], now, until); err == nil || !strings.Contains(err.Error(), "expected") {
				t.Errorf("%q: %v", ends, err)
			}
		}
	}
}

func FuzzMoment(f *testing.F) {
	for _, text := range []string{"2026-11-01T08:00:00Z", "2026-11-01", "7d", "1d12h", "now", "36h", "9999999d99999999h"} {
		f.Add(text)
	}
	now := time.Date(2026, 11, 24, 15, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		at, err := parseMoment(text, now, false)
		if err == nil && !strings.ContainsAny(text, "-T") && (at.After(now) || now.Sub(at) > longestAgo) {
			t.Errorf("%q is %s", text, at)
		}
	})
}
