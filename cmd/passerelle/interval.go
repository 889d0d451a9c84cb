package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// longestAgo bounds a relative time; it keeps sums of durations small.
const longestAgo = 20 * 365 * 24 * time.Hour

var errMoment = errors.New(`expected a time such as 2026-11-01T08:00:00+01:00, a date such as 2026-11-01, how long ago such as 7d or 36h, or "now"`)

// parseMoment reads one end of an interval. A date is its first moment in the zone of now, and its last one when it ends
// the interval.
func parseMoment(text string, now time.Time, end bool) (time.Time, error) {
	text = strings.TrimSpace(text)
	if text == "now" {
		return now, nil
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, nil
	}
	if day, err := time.ParseInLocation(time.DateOnly, text, now.Location()); err == nil {
		if end {
			day = day.AddDate(0, 0, 1)
		}
		return day, nil
	}
	ago, err := parseAgo(text)
	if err != nil {
		return time.Time{}, err
	}
	return now.Add(-ago), nil
}

// ago is how long ago something was, in the same words wherever it is asked for.
type ago time.Duration

var errAgo = errors.New("expected how long ago, such as 7d, 36h or 1d12h")

// UnmarshalText reads it from the command line.
func (a *ago) UnmarshalText(text []byte) error {
	d, err := parseAgo(strings.TrimSpace(string(text)))
	if errors.Is(err, errMoment) {
		err = errAgo
	}
	*a = ago(d)
	return err
}

// parseAgo reads durations as Go writes them, with days before.
func parseAgo(text string) (time.Duration, error) {
	var ago time.Duration
	days, rest, hasDays := strings.Cut(text, "d")
	if hasDays {
		n, err := strconv.ParseUint(days, 10, 16)
		if err != nil {
			return 0, errMoment
		}
		ago = min(time.Duration(n)*24*time.Hour, longestAgo+1)
	} else {
		rest = text
	}
	if rest != "" || !hasDays {
		d, err := time.ParseDuration(rest)
		if err != nil || d < 0 || strings.ContainsAny(rest, "+-") {
			return 0, errMoment
		}
		ago += min(d, longestAgo+1)
	}
	if ago > longestAgo {
		return 0, errors.New("expected at most 20 years ago")
	}
	return ago, nil
}

// parseInterval reads --from and --to. What ended after until is left to the webhooks and the sweep.
func parseInterval(from, to string, now, until time.Time) (begin, end time.Time, err error) {
	if begin, err = parseMoment(from, now, false); err != nil {
		return begin, end, fmt.Errorf("--from %q: %w", from, err)
	}
	if end, err = parseMoment(to, now, true); err != nil {
		return begin, end, fmt.Errorf("--to %q: %w", to, err)
	}
	if end.After(until) {
		end = until
	}
	if !begin.Before(end) {
		return begin, end, fmt.Errorf("--from %q, --to %q: expected an interval that begins before it ends, more than a minute ago", from, to)
	}
	return begin, end, nil
}
