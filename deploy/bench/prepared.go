package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"sync"
	"time"

	"passerelle/deploy/stand"
)

// prepared answers what a worker asks of iAdvize, in the same time and words as the simulator did when it was asked before
// the measurement. To find an answer takes the simulator half a millisecond of the processors that it shares with what is
// measured, which is a third of what a worker takes for a ticket. What was not prepared the simulator answers. Its methods
// may be called concurrently.
type prepared struct {
	simulator http.Handler
	latency   time.Duration

	mu      sync.RWMutex
	asked   *question         // guarded by mu; how a worker asks for a conversation; nil: none did yet
	answers map[string][]byte // guarded by mu; by the body of the request
}

// question is a request for a conversation, as it was sent around its id.
type question struct {
	url           string
	header        http.Header
	before, after []byte
}

const maxQuestion = 1 << 20 // bytes

var conversationID = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)

func (p *prepared) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/graphql" {
		p.simulator.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxQuestion))
	if err != nil {
		http.Error(w, "the body cannot be read", http.StatusBadRequest)
		return
	}
	if answer, ok := p.of(body); ok {
		if !stand.Rest(r.Context(), p.latency) {
			panic(http.ErrAbortHandler) // whoever asked is gone
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(answer)
		return
	}
	p.learn(r, body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	p.simulator.ServeHTTP(w, r)
}

func (p *prepared) of(body []byte) ([]byte, bool) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	answer, ok := p.answers[string(body)]
	return answer, ok
}

// learn notes how the first conversation was asked for: with its id, and for its first page.
func (p *prepared) learn(r *http.Request, body []byte) {
	ids := conversationID.FindAllIndex(body, 2)
	if len(ids) != 1 || !bytes.Contains(body, []byte(`"operationName":"Conversation"`)) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.asked != nil {
		return
	}
	p.asked = &question{r.URL.String(), r.Header.Clone(), body[:ids[0][0]], body[ids[0][1]:]}
}

// prepare asks the simulator for conversations as a worker does, and keeps the answers instead of those that it kept. It
// gives how many it has: none before a worker has asked for one.
func (p *prepared) prepare(ctx context.Context, ids []string) int {
	p.mu.RLock()
	q := p.asked
	p.mu.RUnlock()
	if q == nil {
		return 0
	}
	answers, slots := map[string][]byte{}, make(chan struct{}, inFlight)
	var wait sync.WaitGroup
	var mu sync.Mutex
	for _, id := range ids {
		slots <- struct{}{}
		wait.Go(func() {
			defer func() { <-slots }()
			body := bytes.Join([][]byte{q.before, []byte(id), q.after}, nil)
			request := httptest.NewRequestWithContext(ctx, http.MethodPost, q.url, bytes.NewReader(body))
			request.Header = q.header
			got := httptest.NewRecorder()
			p.simulator.ServeHTTP(got, request)
			if got.Code != http.StatusOK {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			answers[string(body)] = got.Body.Bytes()
		})
	}
	wait.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answers = answers
	return len(answers)
}
