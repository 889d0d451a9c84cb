package limit

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Bounds of what a header may say. What lies beyond says nothing.
const (
	maxLimit      = 1_000_000
	maxReset      = 60 * time.Second // the account's window is a minute
	maxResets     = 15 * time.Minute // an endpoint's may be longer: ten minutes for a single ticket
	maxRetryAfter = 15 * time.Minute
	maxEndpoints  = 8 // limits that one answer may speak of
	maxName       = 64
)

const unsaid = -1

// saying is what one answer says of the limits. Numbers that it does not give are unsaid.
type saying struct {
	limit, left int           // of the account
	reset       time.Duration // until the account's window ends, in whole seconds that may be rounded up or down
	retryAfter  time.Duration
	endpoints   []endpointSaying
}

type endpointSaying struct {
	name        string
	total, left int
	reset       time.Duration
}

// read takes from the headers of an answer what they say of limits: those of both generations, and the older ones of
// 2023. It never fails: what it cannot read is unsaid. now is for a Retry-After that is a date.
// https://developer.zendesk.com/documentation/ticketing/using-the-zendesk-api/best-practices-for-avoiding-rate-limiting/
func read(h http.Header, now time.Time) saying {
	s := saying{
		limit:      lowest(h, 1, "X-Rate-Limit", "Ratelimit-Limit", "Rate-Limit"),
		left:       lowest(h, 0, "X-Rate-Limit-Remaining", "Ratelimit-Remaining", "Rate-Limit-Remaining"),
		reset:      seconds(lowest(h, 0, "Ratelimit-Reset", "Rate-Limit-Reset"), maxReset),
		retryAfter: retryAfter(h.Get("Retry-After"), now),
	}
	if s.limit != unsaid && s.left > s.limit {
		s.left = unsaid
	}
	for key, values := range h {
		name, found := endpointName(key)
		if !found || len(values) == 0 {
			continue
		}
		if e, ok := readEndpoint(name, values[0]); ok {
			s.endpoints = append(s.endpoints, e)
		}
	}
	slices.SortFunc(s.endpoints, func(a, b endpointSaying) int { return strings.Compare(a.name, b.name) })
	s.endpoints = s.endpoints[:min(len(s.endpoints), maxEndpoints)]
	return s
}

// lowest gives the lowest of the headers' numbers from least to maxLimit. When two generations disagree, the lower one
// harms nobody.
func lowest(h http.Header, least int, names ...string) int {
	found := unsaid
	for _, name := range names {
		if n := number(h.Get(name)); n >= least && (found == unsaid || n < found) {
			found = n
		}
	}
	return found
}

// number reads the digits that text starts with.
func number(text string) int {
	text = strings.TrimSpace(text[:min(len(text), 32)])
	end := 0
	for end < len(text) && text[end] >= '0' && text[end] <= '9' {
		end++
	}
	n, err := strconv.Atoi(text[:end])
	if err != nil || n > maxLimit {
		return unsaid
	}
	return n
}

func seconds(n int, most time.Duration) time.Duration {
	d := time.Duration(n) * time.Second
	if n < 0 || d > most {
		return unsaid
	}
	return d
}

// retryAfter reads seconds or a date, 15 minutes at most: absurd values are known to occur.
// https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
func retryAfter(text string, now time.Time) time.Duration {
	text = strings.TrimSpace(text[:min(len(text), 64)])
	if text == "" {
		return unsaid
	}
	if text[0] >= '0' && text[0] <= '9' {
		if n := number(text); n != unsaid {
			return min(time.Duration(n)*time.Second, maxRetryAfter)
		}
		return maxRetryAfter // too many digits: it means long
	}
	if at, err := http.ParseTime(text); err == nil {
		return min(max(at.Sub(now), 0), maxRetryAfter)
	}
	return unsaid
}

// inFlight is the limit of bulk jobs at once. It has no window: a job that ends gives its place back. Whoever begins one
// too many is told so, and that is for those who begin them.
// https://developer.zendesk.com/api-reference/introduction/rate-limits/#job-limit
const inFlight = "inflight-jobs"

// endpointName gives the name of an endpoint's limit. One that counts for each ticket says nothing of the next ticket.
func endpointName(key string) (string, bool) {
	key = strings.ToLower(key[:min(len(key), maxName)])
	name, found := strings.CutPrefix(key, "zendesk-ratelimit-")
	if !found {
		name, found = strings.CutPrefix(key, "zendesk-rate-limit-")
	}
	return name, found && name != "" && name != inFlight && !strings.HasPrefix(name, "per-")
}

// readEndpoint reads "total=100; remaining=99; resets=41", in any order.
func readEndpoint(name, text string) (endpointSaying, bool) {
	e := endpointSaying{name: name, total: unsaid, left: unsaid, reset: unsaid}
	for part := range strings.SplitSeq(text[:min(len(text), 256)], ";") {
		key, value, _ := strings.Cut(part, "=")
		switch n := number(value); strings.ToLower(strings.TrimSpace(key)) {
		case "total":
			e.total = n
		case "remaining":
			e.left = n
		case "resets", "reset":
			e.reset = seconds(n, maxResets)
		}
	}
	return e, e.left != unsaid && (e.total == unsaid || e.left <= e.total)
}
