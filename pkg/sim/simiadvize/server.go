package simiadvize

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/graph-gophers/graphql-go"
)

// maxBody bounds what the server reads of a request, in bytes.
const maxBody = 1 << 20

// Server is the simulated platform. It is an http.Handler and safe for concurrent use.
type Server struct {
	cfg     Config
	mux     *http.ServeMux
	schemas map[string]*graphql.Schema // by platform
	store   *store
	journal *journal
	tokens  *tokens
	faults  *faults
	sender  *http.Client
	done    chan struct{} // closed by Close: hanging requests give up
	close   func() error

	mu       sync.Mutex
	requests Requests // guarded by mu
}

// Requests counts what clients asked for.
type Requests struct {
	Tokens        int `json:"tokens"`         // tokens handed out
	TokensRefused int `json:"tokens_refused"` // wrong password, wrong grant, or too many
	Authenticated int `json:"authenticated"`  // GET /_authenticated
	GraphQL       int `json:"graphql"`        // POST /graphql, whatever became of it
	Unauthorized  int `json:"unauthorized"`   // POST /graphql without a valid token
	Faults        int `json:"faults"`         // requests that met a fault
	// Operations counts POST /graphql by the operation's name ("anonymous" without one). At most 100 names are told
	// apart, the rest is "other".
	Operations map[string]int `json:"operations"`
	// Queries counts the root fields that were resolved: conversation, closedConversations, user.
	Queries map[string]int `json:"queries"`
}

// New makes a server and reads its journal, if it has one. The error says that the journal cannot be read or that
// MissingFields names what the schema does not have or cannot do without.
func New(cfg Config) (*Server, error) {
	cfg = cfg.withDefaults()
	s := &Server{
		cfg: cfg, mux: http.NewServeMux(), store: newStore(), tokens: newTokens(cfg), done: make(chan struct{}),
		faults:   &faults{rand: rand.New(rand.NewPCG(uint64(cfg.Seed), 1))},
		sender:   newSender(cfg),
		requests: Requests{Operations: map[string]int{}, Queries: map[string]int{}},
	}
	sdl, err := withoutFields(schemaSDL, cfg.MissingFields)
	if err != nil {
		return nil, fmt.Errorf("simulate iadvize: %w", err)
	}
	if s.schemas, err = s.parseSchemas(sdl); err != nil {
		return nil, fmt.Errorf("simulate iadvize: %w", err)
	}
	if cfg.Journal != "" {
		if s.journal, err = openJournal(cfg.Journal, s.replay); err != nil {
			return nil, fmt.Errorf("simulate iadvize: %w", err)
		}
	}
	s.close = sync.OnceValue(func() error {
		close(s.done)
		s.sender.CloseIdleConnections()
		return s.journal.close()
	})
	s.mux.HandleFunc("POST /oauth2/token", s.platform(TokenEndpoint, s.serveToken))
	s.mux.HandleFunc("GET /_authenticated", s.platform(AuthenticatedEndpoint, s.serveAuthenticated))
	s.mux.HandleFunc("POST /graphql", s.platform(GraphQLEndpoint, s.serveGraphQL))
	s.control()
	return s, nil
}

// ServeHTTP answers as the platform does, and the control surface below /_sim/.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mux.ServeHTTP(w, r)
}

// Close ends requests that hang and closes the journal. It may be called more than once. The http.Server in front is
// the caller's to stop.
func (s *Server) Close() error {
	return s.close()
}

// Requests returns the counts so far.
func (s *Server) Requests() Requests {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.requests
	r.Operations, r.Queries = maps.Clone(r.Operations), maps.Clone(r.Queries)
	return r
}

func (s *Server) count(change func(*Requests)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.requests)
}

// platform wraps an endpoint with what is common to all: bounded body, latency, faults.
func (s *Server) platform(endpoint string, serve func(http.ResponseWriter, *http.Request, []byte)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			status := http.StatusBadRequest
			if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
				status = http.StatusRequestEntityTooLarge
			}
			answer(w, status, oauthError{"invalid_request", "the body cannot be read or is over 1 MiB"})
			return
		}
		if !s.pause(r.Context(), s.cfg.Latency) {
			panic(http.ErrAbortHandler)
		}
		fault, found := s.faults.pick(endpoint, string(body))
		if !found {
			serve(w, r, body)
			return
		}
		s.count(func(c *Requests) { c.Faults++ })
		s.fail(w, r, fault, func(w http.ResponseWriter) { serve(w, r, body) })
	}
}

// pause waits. It reports false when the client or the server is gone first.
func (s *Server) pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
	case <-s.done:
	}
	return false
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// The status is sent: a client that went away meanwhile is all that can go wrong.
	_ = json.NewEncoder(w).Encode(body)
}
