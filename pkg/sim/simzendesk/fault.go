package simzendesk

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"
	"time"
)

// FaultKind is a way in which an account fails.
type FaultKind string

// The kinds. Unless it says "after", a fault happens instead of the work: no ticket is created.
const (
	Status            FaultKind = "status"              // Fault.Status with Fault.Body and Fault.Header
	ResetBefore       FaultKind = "reset_before"        // the connection is reset
	ResetAfter        FaultKind = "reset_after"         // the work is done, then the connection is reset
	Hang              FaultKind = "hang"                // no answer until the client leaves or the server is closed
	HangAfter         FaultKind = "hang_after"          // the work is done, then no answer
	Slow              FaultKind = "slow"                // the work takes Fault.Delay; it is done even when the client has left
	HTML502           FaultKind = "html_502"            // a proxy's page
	HTML502After      FaultKind = "html_502_after"      // the work is done, then a proxy's page
	Empty500          FaultKind = "empty_500"           // no body
	Unavailable       FaultKind = "unavailable"         // 503, with Retry-After if Fault.RetryAfter is set
	RateLimited       FaultKind = "rate_limited"        // 429 with the body of Fault.Variant
	TooManyJobs       FaultKind = "too_many_jobs"       // error TooManyJobs with 30 ids
	Conflict409       FaultKind = "conflict_409"        // DatabaseConflict
	Conflict409After  FaultKind = "conflict_409_after"  // the work is done, then DatabaseConflict
	Deadlock          FaultKind = "deadlock"            // DatabaseDeadlock, 503 unless Fault.Status is set
	Forbidden         FaultKind = "forbidden"           // 403
	Unauthorized      FaultKind = "unauthorized"        // 401
	Locked            FaultKind = "locked"              // 423
	TruncatedBody     FaultKind = "truncated_body"      // the work is done, the answer breaks off in the middle
	HugeBody          FaultKind = "huge_body"           // the work is done, 64 MiB of white space stand before the answer
	NonJSON200        FaultKind = "non_json_200"        // a page that says nothing
	JobPartialFailure FaultKind = "job_partial_failure" // of the job that the request starts: Fault.Items fail
	JobVanishes       FaultKind = "job_vanishes"        // the job does its work, its status is 404
	JobLost           FaultKind = "job_lost"            // the job never works, its status is 404
	JobKilled         FaultKind = "job_killed"          // half of the items are done, status killed, no results
	JobStuck          FaultKind = "job_stuck"           // half of the items are done, status working for ever
	Redirect302       FaultKind = "redirect_302"        // to Fault.Location
)

var faultKinds = []FaultKind{
	Status, ResetBefore, ResetAfter, Hang, HangAfter, Slow, HTML502, HTML502After, Empty500, Unavailable, RateLimited, TooManyJobs,
	Conflict409, Conflict409After, Deadlock, Forbidden, Unauthorized, Locked, TruncatedBody, HugeBody, NonJSON200, JobPartialFailure,
	JobVanishes, JobLost, JobKilled, JobStuck, Redirect302,
}

// Fault makes requests to an account fail. The first one, in the order of Fault calls, that fits a request is the one
// that it meets.
type Fault struct {
	Kind   FaultKind                `json:"kind"`
	Match  func(*http.Request) bool `json:"-"`                // nil = all; the body is read already
	Method string                   `json:"method,omitempty"` // "" = all
	// Path is a pattern as in AccountState.Requests ("/api/v2/tickets/{id}"), or one of path.Match; "" = all.
	Path  string  `json:"path,omitempty"`
	Share float64 `json:"share,omitempty"` // of the requests that fit, 0 to 1; 0 = all
	Times int     `json:"times,omitempty"` // how often at most; 0 = no limit

	Status     int               `json:"status,omitempty"`      // 0 = the kind's own, 500 for Status
	Body       string            `json:"body,omitempty"`        // of Status; the details of JobPartialFailure
	Header     map[string]string `json:"header,omitempty"`      // of Status
	Delay      time.Duration     `json:"delay_ns,omitempty"`    // of Slow
	RetryAfter int               `json:"retry_after,omitempty"` // seconds; 0 = no such header
	// Variant is the body of RateLimited: 0 as the switch Account429 says, 1 JSON with error, 2 text, 3 errors, 4 errors
	// with a status, 5 TooManyJobs.
	Variant  int    `json:"variant,omitempty"`
	Items    []int  `json:"items,omitempty"`    // of JobPartialFailure, by index; nil = every second
	Location string `json:"location,omitempty"` // of Redirect302; "" = the account's help centre
}

type faults struct {
	mu   sync.Mutex
	rand *rand.Rand
	list []*activeFault
}

type activeFault struct {
	Fault
	met int
}

func newFaults(seed, account uint64) *faults {
	return &faults{rand: rand.New(rand.NewPCG(seed, account))}
}

// Fault adds a fault; remove takes it away again. A fault with an unknown kind answers 500.
func (a *AccountState) Fault(f Fault) (remove func()) {
	active := &activeFault{Fault: f}
	a.faults.mu.Lock()
	defer a.faults.mu.Unlock()
	a.faults.list = append(a.faults.list, active)
	return func() { a.faults.remove(active) }
}

// ClearFaults takes all faults away. Requests that hang already keep hanging.
func (a *AccountState) ClearFaults() {
	a.faults.mu.Lock()
	defer a.faults.mu.Unlock()
	a.faults.list = nil
}

// Faults returns the faults that are in force.
func (a *AccountState) Faults() []Fault {
	a.faults.mu.Lock()
	defer a.faults.mu.Unlock()
	out := make([]Fault, len(a.faults.list))
	for i, f := range a.faults.list {
		out[i] = f.Fault
	}
	return out
}

// check says what is wrong with a fault that came over HTTP.
func (f Fault) check() error {
	switch {
	case !slices.Contains(faultKinds, f.Kind):
		return fmt.Errorf("unknown kind %q, one of %v is wanted", f.Kind, faultKinds)
	case f.Share < 0 || f.Share > 1:
		return fmt.Errorf("share %v is not between 0 and 1", f.Share)
	case f.Status != 0 && (f.Status < 200 || f.Status > 599):
		return fmt.Errorf("status %d is not between 200 and 599", f.Status)
	case f.Variant < 0 || f.Variant > 5:
		return fmt.Errorf("variant %d is not between 0 and 5", f.Variant)
	}
	if _, err := path.Match(f.Path, ""); err != nil {
		return fmt.Errorf("path %q: %w", f.Path, err)
	}
	return nil
}

func (fs *faults) remove(f *activeFault) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.list = slices.DeleteFunc(fs.list, func(other *activeFault) bool { return other == f })
}

func (fs *faults) pick(c *call) (Fault, bool) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	for i, f := range fs.list {
		if !f.fits(c) || f.Share > 0 && fs.rand.Float64() >= f.Share {
			continue
		}
		if f.met++; f.met == f.Times {
			fs.list = slices.Delete(slices.Clone(fs.list), i, i+1)
		}
		return f.Fault, true
	}
	return Fault{}, false
}

func (f *activeFault) fits(c *call) bool {
	if f.Method != "" && f.Method != c.r.Method || f.Match != nil && !f.Match(c.r) {
		return false
	}
	if f.Path == "" || c.route != nil && c.route.pattern == f.Path {
		return true
	}
	matched, err := path.Match(f.Path, strings.TrimSuffix(c.path, ".json"))
	return err == nil && matched
}
