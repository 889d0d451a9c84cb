package simiadvize

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// FaultKind is a way in which the platform fails.
type FaultKind string

// The kinds.
const (
	Status         FaultKind = "status"          // Fault.Status with Fault.Body
	Hang           FaultKind = "hang"            // no answer until the client leaves or the server is closed
	Slow           FaultKind = "slow"            // the right answer after Fault.Delay
	Reset          FaultKind = "reset"           // the connection is reset without an answer
	GraphQLError   FaultKind = "graphql_error"   // Fault.Status (0 = 200), data null, errors with Fault.Message
	GraphQLPartial FaultKind = "graphql_partial" // the right data, and errors with Fault.Message beside it
	HTML           FaultKind = "html"            // Fault.Status (0 = 502) with an HTML page
	Empty          FaultKind = "empty"           // Fault.Status (0 = 200) with no body
	Truncated      FaultKind = "truncated"       // the right answer cut in half
	Huge           FaultKind = "huge"            // 200 with 64 MiB of white space
	InvalidToken   FaultKind = "invalid_token"   // all tokens are revoked, then the request is served; with Times, or no token lasts
)

var faultKinds = []FaultKind{
	Status, Hang, Slow, Reset, GraphQLError, GraphQLPartial, HTML, Empty, Truncated, Huge, InvalidToken,
}

// What a Fault may be limited to.
const (
	TokenEndpoint         = "token"
	AuthenticatedEndpoint = "authenticated"
	GraphQLEndpoint       = "graphql"
)

// Fault makes requests fail. The first fault in the order of Fault calls that fits a request is the one that it meets.
type Fault struct {
	Kind     FaultKind `json:"kind"`
	Endpoint string    `json:"endpoint,omitempty"` // token, authenticated or graphql; empty = all
	Contains string    `json:"contains,omitempty"` // only requests whose body contains it: a field, a conversation id
	Share    float64   `json:"share,omitempty"`    // of the requests that fit, 0 to 1; 0 = all
	Times    int       `json:"times,omitempty"`    // how often at most; 0 = no limit

	Status     int           `json:"status,omitempty"`      // 0 = the kind's own, 500 for Status
	RetryAfter string        `json:"retry_after,omitempty"` // header Retry-After
	Body       string        `json:"body,omitempty"`
	Message    string        `json:"message,omitempty"`  // of a GraphQL error
	Delay      time.Duration `json:"delay_ns,omitempty"` // of Slow
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

// Fault adds a fault; remove takes it away again. The error says that the kind, the endpoint or the share is unknown.
func (s *Server) Fault(f Fault) (remove func(), err error) {
	switch {
	case !slices.Contains(faultKinds, f.Kind):
		return nil, fmt.Errorf("add fault: unknown kind %q, one of %v is wanted", f.Kind, faultKinds)
	case !slices.Contains([]string{"", TokenEndpoint, AuthenticatedEndpoint, GraphQLEndpoint}, f.Endpoint):
		return nil, fmt.Errorf("add fault: unknown endpoint %q, token, authenticated or graphql is wanted", f.Endpoint)
	case f.Share < 0 || f.Share > 1:
		return nil, fmt.Errorf("add fault: share %v is not between 0 and 1", f.Share)
	case f.Status != 0 && (f.Status < 200 || f.Status > 599):
		return nil, fmt.Errorf("add fault: status %d is not between 200 and 599", f.Status)
	}
	active := &activeFault{Fault: f}
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.list = append(s.faults.list, active)
	return func() { s.faults.remove(active) }, nil
}

// ClearFaults takes all faults away. Requests that hang already keep hanging.
func (s *Server) ClearFaults() {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.list = nil
}

// Faults returns the faults that are in force.
func (s *Server) Faults() []Fault {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	out := make([]Fault, len(s.faults.list))
	for i, f := range s.faults.list {
		out[i] = f.Fault
	}
	return out
}

func (fs *faults) remove(f *activeFault) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.list = slices.DeleteFunc(fs.list, func(other *activeFault) bool { return other == f })
}

func (fs *faults) pick(endpoint, body string) (Fault, bool) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	for i, f := range fs.list {
		if f.Endpoint != "" && f.Endpoint != endpoint || !strings.Contains(body, f.Contains) ||
			f.Share > 0 && fs.rand.Float64() >= f.Share {
			continue
		}
		if f.met++; f.met == f.Times {
			fs.list = slices.Delete(slices.Clone(fs.list), i, i+1)
		}
		return f.Fault, true
	}
	return Fault{}, false
}

// fail answers as the fault says; serve gives the right answer.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, f Fault, serve func(http.ResponseWriter)) {
	if f.RetryAfter != "" {
		w.Header().Set("Retry-After", f.RetryAfter)
	}
	message := cmp.Or(f.Message, "Internal server error")
	switch f.Kind {
	case Status:
		if f.Body == "" {
			f.Body = `{"error":"simulated","error_description":"simulated failure"}`
		}
		raw(w, "application/json", cmp.Or(f.Status, http.StatusInternalServerError), f.Body)
	case Hang:
		select {
		case <-r.Context().Done():
		case <-s.done:
		}
		panic(http.ErrAbortHandler)
	case Slow:
		if !s.pause(r.Context(), f.Delay) {
			panic(http.ErrAbortHandler)
		}
		serve(w)
	case Reset:
		reset(w)
	case GraphQLError:
		answer(w, cmp.Or(f.Status, http.StatusOK), graphqlErrors(message))
	case GraphQLPartial:
		s.partial(w, message, serve)
	case HTML:
		raw(w, "text/html; charset=utf-8", cmp.Or(f.Status, http.StatusBadGateway),
			cmp.Or(f.Body, "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>\n"))
	case Empty:
		w.WriteHeader(cmp.Or(f.Status, http.StatusOK))
	case Truncated:
		right := answerOf(serve)
		right.send(w, right.body.String()[:right.body.Len()/2])
	case Huge:
		w.Header().Set("Content-Type", "application/json")
		spaces := []byte(strings.Repeat(" ", 1<<20))
		for range 64 {
			if _, err := w.Write(spaces); err != nil {
				return
			}
		}
	case InvalidToken:
		s.RevokeTokens()
		serve(w)
	}
}

func raw(w http.ResponseWriter, contentType string, status int, body string) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	// The status is sent: a client that went away meanwhile is all that can go wrong.
	_, _ = w.Write([]byte(body))
}

// recorder keeps an answer, so that a fault can change it.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(status int)      { r.status = status }
func (r *recorder) Write(p []byte) (int, error) { return r.body.Write(p) }
func (r *recorder) send(w http.ResponseWriter, body string) {
	raw(w, r.header.Get("Content-Type"), r.status, body)
}

func answerOf(serve func(http.ResponseWriter)) *recorder {
	right := &recorder{header: http.Header{}, status: http.StatusOK}
	serve(right)
	return right
}

// partial gives the right answer with an error beside the data.
func (s *Server) partial(w http.ResponseWriter, message string, serve func(http.ResponseWriter)) {
	right := answerOf(serve)
	var body map[string]any
	if err := json.Unmarshal(right.body.Bytes(), &body); err != nil {
		right.send(w, right.body.String())
		return
	}
	body["errors"] = graphqlErrors(message)["errors"]
	answer(w, right.status, body)
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
