package main

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// called is one call to a simulated account, as it was answered.
type called struct {
	at        time.Time // when it came in
	account   string
	worker    int    // the process that called; -1 is the other integration
	status    int    // 0: no answer
	remaining int    // X-Rate-Limit-Remaining; -1: the answer does not say
	token     bool   // it was for an access token, which no limit counts
	bulk      bool   // it began a bulk job
	create    bool   // it asked for one ticket
	key       string // Idempotency-Key, which is the ticket's external id
	ticket    int64  // that it is about; 0: none
}

// ours tells whether the product called.
func (c called) ours() bool { return c.worker >= 0 }

// tap notes the calls that pass through it. Its methods may be called concurrently.
type tap struct {
	mu   sync.Mutex
	all  []called      // guarded by mu; in the order of their answers
	next chan<- called // guarded by mu; told of each call if it has room; nil: nobody
}

// of notes what one worker calls.
func (t *tap) of(worker int, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		account, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		c := called{at: time.Now(), account: account, worker: worker, remaining: -1}
		c.token = strings.HasPrefix(rest, "oauth/")
		c.bulk = strings.HasSuffix(rest, "_many") && r.Method == http.MethodPost
		c.create = rest == "api/v2/tickets" && r.Method == http.MethodPost
		c.key = r.Header.Get("Idempotency-Key")
		if below, ok := strings.CutPrefix(rest, "api/v2/tickets/"); ok {
			id, _, _ := strings.Cut(below, "/")
			c.ticket, _ = strconv.ParseInt(id, 10, 64) // what is no number is about no ticket
		}
		watched := &answer{ResponseWriter: w}
		defer func() {
			c.status = watched.status
			if n, err := strconv.Atoi(w.Header().Get("X-Rate-Limit-Remaining")); err == nil {
				c.remaining = n
			}
			t.note(c)
		}()
		h.ServeHTTP(watched, r)
	})
}

func (t *tap) note(c called) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.all = append(t.all, c)
	if t.next == nil {
		return
	}
	select {
	case t.next <- c:
	default:
	}
}

// follow sends each call from now on to the channel, when it has room; nil ends it.
func (t *tap) follow(next chan<- called) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.next = next
}

// between gives the calls that came in during that time, without those for access tokens.
func (t *tap) between(from, to time.Time) []called {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []called
	for _, c := range t.all {
		if !c.token && !c.at.Before(from) && c.at.Before(to) {
			out = append(out, c)
		}
	}
	return out
}

// answer watches the status of an answer.
type answer struct {
	http.ResponseWriter

	status int
}

func (a *answer) WriteHeader(status int) {
	a.status = status
	a.ResponseWriter.WriteHeader(status)
}

// Unwrap lets the simulator reach the connection, to reset it.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }
