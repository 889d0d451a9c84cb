package simzendesk

import (
	"crypto/sha256"
	"net/http"
	"time"
)

// An Idempotency-Key protects POST /tickets for two hours:
// https://developer.zendesk.com/api-reference/ticketing/introduction/#idempotency
const (
	idemLife    = 2 * time.Hour
	maxIdemKey  = 255
	idemLookup  = "x-idempotency-lookup"
	idemProblem = "Request parameters don't match the given idempotency key"
)

type idemKey struct {
	key  string
	hash [sha256.Size]byte
}

// idemEntry is guarded by the account's mutex. done is closed when answer is there or the entry is given up.
type idemEntry struct {
	idemKey
	at     time.Time
	done   chan struct{}
	answer *reply
}

// idemRecord is an answer as the journal keeps it.
type idemRecord struct {
	Key   string    `json:"key"`
	Hash  []byte    `json:"hash"`
	At    time.Time `json:"at"`
	Reply reply     `json:"reply"`
}

func (k *idemKey) record(at time.Time, r reply) *idemRecord {
	if k == nil {
		return nil
	}
	return &idemRecord{k.key, k.hash[:], at, r}
}

// idempotent works on a request unless its key has an answer already.
func (c *call) idempotent(key string) reply {
	if len(key) > maxIdemKey {
		return errorReply(http.StatusBadRequest, "IdempotentRequestError", "The idempotency key is longer than 255 characters")
	}
	k := idemKey{key, sha256.Sum256(c.body)}
	for {
		c.a.mu.Lock()
		now := c.a.now()
		c.a.forgetKeys(now)
		e := c.a.idem[key]
		if e != nil && e.answer != nil && now.Sub(e.at) >= idemLife {
			e = nil
		}
		switch {
		case e == nil:
			e = &idemEntry{idemKey: k, at: now, done: make(chan struct{})}
			c.a.putKey(e)
			c.a.mu.Unlock()
			return c.first(e)
		case e.hash != k.hash:
			c.a.mu.Unlock()
			return errorReply(http.StatusBadRequest, "IdempotentRequestError", idemProblem)
		case e.answer != nil:
			r := *e.answer
			c.a.mu.Unlock()
			r.set(idemLookup, "hit")
			return r
		}
		c.a.mu.Unlock()
		switch c.a.switches().IdemInflight {
		case InflightBlock:
			select {
			case <-e.done:
			case <-c.r.Context().Done():
				return reply{Status: http.StatusServiceUnavailable}
			case <-c.a.server.done:
				return reply{Status: http.StatusServiceUnavailable}
			}
		case InflightSecondTicket:
			r := c.work()
			r.set(idemLookup, "miss")
			return r
		default:
			return errorReply(http.StatusConflict, "IdempotentRequestInProgress", "A request with this idempotency key is in progress")
		}
	}
}

// first works on the first request with a key and keeps the answer.
func (c *call) first(e *idemEntry) reply {
	c.idem = &e.idemKey
	closed := !c.a.server.pause(c.r.Context(), c.delay)
	c.a.mu.Lock()
	defer c.a.mu.Unlock()
	defer close(e.done)
	r := reply{Status: http.StatusServiceUnavailable}
	if !closed {
		r = c.workLocked()
	}
	keep := r.Status < 300 || r.Status < 500 && c.a.switches().IdemCacheErrors
	if keep && !closed {
		answer := r
		e.answer = &answer
	} else if c.a.idem[e.key] == e {
		delete(c.a.idem, e.key)
	}
	r.set(idemLookup, "miss")
	return r
}

func (a *AccountState) putKey(e *idemEntry) {
	a.idem[e.key] = e
	a.idemOrder = append(a.idemOrder, e.key)
}

// forgetKeys drops the keys whose time is over. They stand in the order of their time.
func (a *AccountState) forgetKeys(now time.Time) {
	for len(a.idemOrder) > 0 {
		key := a.idemOrder[0]
		e := a.idem[key]
		if e != nil && (now.Sub(e.at) < idemLife || e.answer == nil) {
			return
		}
		delete(a.idem, key)
		a.idemOrder = a.idemOrder[1:]
	}
}
