package simzendesk

import (
	"bytes"
	"cmp"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
)

const hugeBody = 64 << 20 // bytes

// fail answers as the call's fault says.
func (c *call) fail(w http.ResponseWriter) {
	f := c.fault
	switch f.Kind {
	case ResetBefore:
		reset(w)
	case ResetAfter:
		c.answer()
		reset(w)
	case Hang:
		c.hang()
	case HangAfter:
		c.answer()
		c.hang()
	case Slow:
		c.delay += f.Delay
		c.write(w, c.answer())
	case TruncatedBody:
		c.truncated(w)
	case HugeBody:
		c.huge(w)
	case HTML502After:
		c.answer()
		c.write(w, htmlReply(http.StatusBadGateway, "502 Bad Gateway"))
	case Conflict409After:
		c.answer()
		c.write(w, databaseConflict())
	case JobPartialFailure, JobVanishes, JobLost, JobKilled, JobStuck:
		c.write(w, c.answer())
	default:
		c.write(w, c.failure())
	}
}

// failure is the answer of a fault that happens instead of the work.
func (c *call) failure() reply {
	f := c.fault
	var r reply
	switch f.Kind {
	case Status:
		body := f.Body
		if body == "" {
			body = `{"error":"SimulatedFailure","description":"simulated failure"}`
		}
		r = jsonReply(http.StatusInternalServerError, nil)
		r.Body = []byte(body)
		for k, v := range f.Header {
			r.set(http.CanonicalHeaderKey(k), v)
		}
	case HTML502:
		r = htmlReply(http.StatusBadGateway, "502 Bad Gateway")
	case Empty500:
		r = reply{Status: http.StatusInternalServerError}
	case Unavailable:
		r = textReply(http.StatusServiceUnavailable, "Service Unavailable")
	case RateLimited:
		r = c.a.rateLimited(f.Variant)
	case TooManyJobs:
		ids := make([]string, maxJobs)
		for i := range ids {
			ids[i] = fmt.Sprintf("V3-%032x", i)
		}
		r = c.a.tooManyJobs(ids)
	case Conflict409:
		r = databaseConflict()
	case Deadlock:
		r = errorReply(http.StatusServiceUnavailable, "DatabaseDeadlock", "Database deadlock found; please retry your transaction")
	case Forbidden:
		r = forbidden()
	case Unauthorized:
		r = couldNotAuthenticate()
		if strings.HasPrefix(c.r.Header.Get("Authorization"), "Bearer ") {
			r = invalidToken()
		}
	case Locked:
		r = errorReply(http.StatusLocked, "Locked", "The resource is locked")
	case NonJSON200:
		r = htmlReply(http.StatusOK, "Please wait")
	case Redirect302:
		r = htmlReply(http.StatusFound, "Found")
		r.set("Location", cmp.Or(f.Location, "/"+c.a.account.Name+"/hc"))
	default:
		r = errorReply(http.StatusInternalServerError, "UnknownFault", "the kind of the fault is unknown")
	}
	r.Status = cmp.Or(f.Status, r.Status)
	if f.RetryAfter != 0 {
		r.set("Retry-After", strconv.Itoa(f.RetryAfter))
	}
	return r
}

func databaseConflict() reply {
	return errorReply(http.StatusConflict, "DatabaseConflict", "Database collision")
}

// rateLimited is one of the bodies that come with 429.
func (a *AccountState) rateLimited(variant int) reply {
	const status = http.StatusTooManyRequests
	switch variant {
	case 1:
		return errorReply(status, "APIRateLimitExceeded", "Number of allowed incremental export API requests per minute exceeded")
	case 2:
		return textReply(status, accountLimitWords)
	case 3:
		return jsonReply(status, object{"errors": []object{{"code": "TooManyRequests", "title": "Too many requests to update"}}})
	case 4:
		return jsonReply(status, object{"errors": []object{{"code": "RateLimitExceeded", "status": "429", "title": "Rate limit exceeded. Maximum 10 requests per minute."}}})
	case 5:
		r := a.tooManyJobs(nil)
		r.Status = status
		return r
	}
	if a.switches().Account429 == JSONBody {
		return errorReply(status, "APIRateLimitExceeded", accountLimitWords)
	}
	return textReply(status, accountLimitWords)
}

// hang gives no answer.
func (c *call) hang() {
	select {
	case <-c.r.Context().Done():
	case <-c.a.server.done:
	}
	panic(http.ErrAbortHandler)
}

// truncated promises the whole answer and breaks off in the middle.
func (c *call) truncated(w http.ResponseWriter) {
	r := c.answer()
	c.head(w)
	r.writeHeader(w, len(r.Body))
	// Nothing is owed to a client that left.
	_, _ = w.Write(r.Body[:len(r.Body)/2])
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

func (c *call) huge(w http.ResponseWriter) {
	r := c.answer()
	c.head(w)
	r.writeHeader(w, hugeBody+len(r.Body))
	blank := bytes.Repeat([]byte(" "), 1<<20)
	for range hugeBody / len(blank) {
		if _, err := w.Write(blank); err != nil {
			return
		}
	}
	_, _ = w.Write(r.Body) // as above
}

// reset closes the connection with a TCP reset where there is one of its own, and breaks the stream off elsewhere.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		// Without lingering, closing sends a reset; if that cannot be set, an early end is the next best fault.
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}
