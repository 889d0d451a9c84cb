package simzendesk

import (
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// deepPage is the page of GET /tickets after which a limit of its own holds:
// https://developer.zendesk.com/api-reference/introduction/rate-limits/
const (
	deepPage  = 500
	deepLimit = 50
)

// limits counts what was used in the windows that run. Safe for concurrent use.
type limits struct {
	mu      sync.Mutex
	windows map[string]*window
}

type window struct {
	start time.Time
	used  int
}

// take uses one of total in the fixed window of that length that now is in.
func (l *limits) take(key string, total int, length time.Duration, now time.Time) (remaining, reset int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	start := now.Truncate(length)
	w := l.windows[key]
	if w == nil {
		if len(l.windows) > 10_000 {
			for k, old := range l.windows {
				if start.Sub(old.start) > 10*time.Minute {
					delete(l.windows, k)
				}
			}
		}
		w = &window{start: start}
		l.windows[key] = w
	}
	if !w.start.Equal(start) {
		w.start, w.used = start, 0
	}
	reset = max(1, int((start.Add(length).Sub(now)+time.Second-1)/time.Second))
	if w.used >= total {
		return 0, reset, false
	}
	w.used++
	return total - w.used, reset, true
}

// limitAccount is the limit of all requests of the account.
func (c *call) limitAccount() (reply, bool) {
	total := c.a.account.RequestsPerMinute
	if total == 0 {
		total = c.a.server.cfg.RequestsPerMinute
	}
	if total <= 0 {
		return reply{}, true
	}
	remaining, reset, ok := c.a.limits.take("account", total, time.Minute, c.a.now())
	c.accountHeaders(total, remaining, reset)
	if ok {
		return reply{}, true
	}
	return c.a.accountLimitReached(reset), false
}

func (c *call) accountHeaders(total, remaining, reset int) {
	c.limits["X-Rate-Limit"] = strconv.Itoa(total)
	c.limits["X-Rate-Limit-Remaining"] = strconv.Itoa(remaining)
	prefix, limit := "ratelimit-", "ratelimit-limit"
	if c.a.switches().Headers == Headers2023 {
		prefix, limit = "rate-limit-", "rate-limit"
	}
	c.limits[limit] = strconv.Itoa(total)
	c.limits[prefix+"remaining"] = strconv.Itoa(remaining)
	c.limits[prefix+"reset"] = strconv.Itoa(reset)
}

const accountLimitWords = "Number of allowed API requests per minute exceeded"

func (a *AccountState) accountLimitReached(retryAfter int) reply {
	r := textReply(http.StatusTooManyRequests, accountLimitWords)
	if a.switches().Account429 == JSONBody {
		r = errorReply(http.StatusTooManyRequests, "APIRateLimitExceeded", accountLimitWords)
	}
	r.set("Retry-After", strconv.Itoa(retryAfter))
	return r
}

// limitEndpoint is a limit that only some requests have. name is the end of its header; who tells apart whose window
// it is.
func (c *call) limitEndpoint(name, who string, total int, length time.Duration) (reply, bool) {
	if total <= 0 {
		return reply{}, true
	}
	remaining, reset, ok := c.a.limits.take(name+" "+who, total, length, c.a.now())
	c.endpointHeader(name, total, remaining, reset)
	if ok {
		return reply{}, true
	}
	r := errorsReply(http.StatusTooManyRequests, "TooManyRequests", "Too many requests", "The limit "+name+" is reached")
	r.set("Retry-After", strconv.Itoa(reset))
	return r, false
}

func (c *call) endpointHeader(name string, total, remaining, reset int) {
	prefix := "zendesk-ratelimit-"
	if c.a.switches().Headers == Headers2023 {
		prefix = "zendesk-rate-limit-"
	}
	c.limits[prefix+name] = fmt.Sprintf("total=%d; remaining=%d; resets=%d", total, remaining, reset)
}

func limitTicketsIndex(c *call) (reply, bool) {
	if r, ok := c.limitEndpoint("tickets-index", "", c.a.server.cfg.TicketsIndexLimit, time.Minute); !ok {
		return r, false
	}
	if number, _ := c.offset(); number > deepPage {
		return c.limitEndpoint("tickets-index-deep-pagination", "", deepLimit, time.Minute)
	}
	return reply{}, true
}

func limitCreate(c *call) (reply, bool) {
	return c.limitEndpoint("ticket-request-create-by-user-and-ip", idText(c.user.ID)+" "+c.address(), c.a.server.cfg.CreateLimit, time.Minute)
}

func limitUpdate(c *call) (reply, bool) {
	if r, ok := c.limitEndpoint("tickets-update", "", c.a.server.cfg.UpdateLimit, time.Minute); !ok {
		return r, false
	}
	return c.limitEndpoint("per-ticket-updates", idText(c.user.ID)+" "+c.id, c.a.server.cfg.TicketUpdateLimit, 10*time.Minute)
}

func limitFieldsIndex(c *call) (reply, bool) {
	return c.limitEndpoint("ticket-fields-index", "", c.a.server.cfg.FieldsIndexLimit, time.Minute)
}

func limitUpsert(c *call) (reply, bool) {
	return c.limitEndpoint("users-create-or-update", idText(c.user.ID), c.a.server.cfg.UpsertLimit, time.Minute)
}
