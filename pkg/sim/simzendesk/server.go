package simzendesk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// maxBody bounds what the server reads of a request, in bytes: a hundred tickets with long comments fit.
const maxBody = 16 << 20

// Server is the simulated Zendesk. It is an http.Handler and safe for concurrent use. The base address of an account is
// http://host:port/<account name>.
type Server struct {
	cfg     Config
	journal *journal
	done    chan struct{} // closed by Close: hanging requests give up
	close   func() error

	mu       sync.RWMutex
	accounts map[string]*AccountState // guarded by mu
	names    []string                 // guarded by mu; in order of AddAccount
	replay   map[string][]entry       // guarded by mu; what the journal says of accounts that are not added yet
	failure  error                    // guarded by mu
}

// New makes a server without accounts and reads the journal, if there is one. A journal that cannot be read is reported
// by Err.
func New(cfg Config) *Server {
	s := &Server{
		cfg: cfg.withDefaults(), done: make(chan struct{}),
		accounts: map[string]*AccountState{}, replay: map[string][]entry{},
	}
	if cfg.Journal != "" {
		var err error
		s.journal, err = openJournal(cfg.Journal, func(e entry) { s.replay[e.Account] = append(s.replay[e.Account], e) })
		if err != nil {
			s.fail(err)
		}
	}
	s.close = sync.OnceValue(func() error {
		close(s.done)
		return s.journal.close()
	})
	return s
}

// Err is the first failure of the journal, nil when there was none. After one, what changes something is answered
// with 500, so that nothing is confirmed that a restart would lose.
func (s *Server) Err() error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.failure
}

func (s *Server) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failure == nil {
		s.failure = err
	}
}

// Close ends requests that hang and closes the journal. It may be called more than once. Call it before the
// http.Server in front is stopped.
func (s *Server) Close() error {
	return s.close()
}

// Account returns the account of that name.
func (s *Server) Account(name string) (*AccountState, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	a, found := s.accounts[name]
	return a, found
}

// Accounts returns all accounts in the order in which they were added.
func (s *Server) Accounts() []*AccountState {
	s.mu.RLock()
	defer s.mu.RUnlock()
	out := make([]*AccountState, len(s.names))
	for i, name := range s.names {
		out[i] = s.accounts[name]
	}
	return out
}

// ServeHTTP answers as the account does that the first segment of the path names, and the control surface below /_sim/.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if name == controlSegment {
		s.serveControl(w, r, rest)
		return
	}
	a, found := s.Account(name)
	if !found {
		// An unknown subdomain is answered by the help centre, not by the API.
		htmlReply(http.StatusNotFound, "No help desk at this address").write(w)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		status := http.StatusBadRequest
		if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
			status = http.StatusRequestEntityTooLarge
		}
		errorReply(status, "RequestBody", fmt.Sprintf("the body cannot be read or is over %d bytes", maxBody)).write(w)
		return
	}
	a.serve(w, r, "/"+rest, body)
}

// pause waits until the time is over or the client has left. It reports false when the server was closed first.
func (s *Server) pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	case <-s.done:
		return false
	}
	return true
}
