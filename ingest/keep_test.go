package ingest

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"passerelle/pkg/iadvize"
	"passerelle/pkg/queue"
	"passerelle/pkg/queue/embed"
	"passerelle/pkg/ticket"
)

// moody is a store that fails as the test says.
type moody struct {
	tries atomic.Int32
	looks atomic.Int32
	fail  func(try int32) error // from 1; nil: it works
}

func (m *moody) Publish(context.Context, ticket.Event) (queue.Stored, error) {
	if err := m.fail(m.tries.Add(1)); err != nil {
		return 0, err
	}
	return queue.Accepted, nil
}

func (m *moody) Look(context.Context, ticket.Job) (queue.Entry, bool, error) {
	m.looks.Add(1)
	return queue.Entry{}, false, nil
}

// lines keeps what is logged.
type lines struct {
	mu  sync.Mutex
	all []string
	new chan struct{}
}

func newLines() *lines { return &lines{new: make(chan struct{}, 100)} }

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, string(p))
	select {
	case l.new <- struct{}{}:
	default:
	}
	return len(p), nil
}

func (l *lines) having(text string) (found []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.all {
		if strings.Contains(line, text) {
			found = append(found, line)
		}
	}
	return found
}

func ask(h *Handler, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/webhooks/iadvize", strings.NewReader(body))
	r.Header.Set(iadvize.SignatureHeader, iadvize.Sign("old", []byte(body)))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestAWebhookWaitsForWhatPasses(t *testing.T) {
	const never = 1 << 30
	for _, tc := range []struct {
		name        string
		err         error
		until       int32 // the try that works
		status      int
		least, most time.Duration
	}{
		{"nobody listens", jetstream.ErrNoStreamResponse, 4, 202, 0, 3 * time.Second},
		{"no answer in time", context.DeadlineExceeded, 2, 202, 0, time.Second},
		{"no leader", &jetstream.APIError{Code: 503, ErrorCode: 10008}, 6, 202, 0, 10 * time.Second},
		{"for too long", jetstream.ErrNoStreamResponse, never, 503, 20 * time.Second, storeTime},
		{"full", queue.ErrFull, never, 503, 0, 0},
		{"refused", &jetstream.APIError{Code: 400, ErrorCode: 10054}, never, 503, 0, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := &moody{fail: func(try int32) error {
					if try < tc.until {
						return tc.err
					}
					return nil
				}}
				log := newLines()
				h := New(store, sites{}, zerolog.New(log), nil)
				begun := time.Now()
				w := ask(h, closed)
				if took := time.Since(begun); w.Code != tc.status || took < tc.least || took > tc.most {
					t.Errorf("%d after %s and %d tries: %s", w.Code, took, store.tries.Load(), w.Body)
				}
				if retry := w.Header().Get("Retry-After"); (retry == "10") != (tc.status == 503) {
					t.Errorf("Retry-After %q", retry)
				}
				if n := len(log.having("cannot be stored")); n != 1 {
					t.Errorf("%d lines say so: %v", n, log.all)
				}
			})
		})
	}
}

// The queue remembers what it had for ten minutes: what happened since then it cannot have forgotten.
func TestTheLedgerIsAskedOfWhatTheQueueMayHaveForgotten(t *testing.T) {
	for _, tc := range []struct {
		name  string
		age   time.Duration
		looks int32
	}{
		{"just now", 0, 0},
		{"by a clock that is ahead", -time.Minute, 0},
		{"tried again by iAdvize", 5 * time.Minute, 0},
		{"nearly too old", queue.RepeatWindow - time.Minute, 1},
		{"late", time.Hour, 1},
		{"by a clock that is wrong", -time.Hour, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := &moody{fail: func(int32) error { return nil }}
				h := New(store, sites{}, zerolog.Nop(), nil)
				happened := time.Now().Add(-tc.age).UTC().Format(time.RFC3339Nano)
				w := ask(h, strings.Replace(closed, "2019-04-12T07:58:35.171Z", happened, 1))
				if w.Code != http.StatusAccepted || store.looks.Load() != tc.looks || store.tries.Load() != 1 {
					t.Errorf("%d after %d looks and %d tries: %s", w.Code, store.looks.Load(), store.tries.Load(), w.Body)
				}
			})
		})
	}
}

func TestTheLogSaysWhenTheTroubleBeginsAndEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var failing atomic.Bool
		failing.Store(true)
		log, seen := newLines(), &counts{all: map[string]int{}}
		h := New(&moody{fail: func(int32) error {
			if failing.Load() {
				return queue.ErrFull
			}
			return nil
		}}, sites{}, zerolog.New(log).Level(zerolog.InfoLevel), seen)
		for range 500 {
			ask(h, closed)
		}
		failing.Store(false)
		ask(h, closed) // one at its limit takes one and refuses the next
		failing.Store(true)
		ask(h, closed)
		failing.Store(false)
		time.Sleep(calm)
		for range 500 {
			ask(h, closed)
		}
		var end struct{ Refused int }
		if len(log.all) != 2 || json.Unmarshal([]byte(log.all[1]), &end) != nil || end.Refused != 501 {
			t.Errorf("%d lines: %v", len(log.all), log.all)
		}
		if seen.all["not_stored"] != 501 || seen.all["accepted"] != 501 {
			t.Errorf("counted %v", seen.all)
		}
	})
}

func TestOnlySoManyWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := New(&moody{fail: func(int32) error { return jetstream.ErrNoStreamResponse }}, sites{}, zerolog.Nop(), nil)
		var all sync.WaitGroup
		for range mostStoring {
			all.Go(func() { ask(h, closed) })
		}
		synctest.Wait()
		begun := time.Now()
		if w := ask(h, closed); w.Code != 503 || time.Since(begun) != 0 {
			t.Errorf("%d after %s", w.Code, time.Since(begun))
		}
		all.Wait()
		h.store = &moody{fail: func(int32) error { return nil }}
		if w := ask(h, closed); w.Code != 202 {
			t.Errorf("afterwards: %d", w.Code)
		}
	})
}

func TestThoseThatWaitDoNotHoldUpTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := New(&moody{fail: func(int32) error { return jetstream.ErrNoStreamResponse }}, sites{}, zerolog.Nop(), nil)
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				if w := ask(h, closed); w.Code != 503 || w.Header().Get("Retry-After") == "" {
					t.Errorf("%d", w.Code)
				}
			})
		}
		synctest.Wait()
		begun := time.Now()
		h.Drain()
		h.Drain()
		all.Wait()
		if took := time.Since(begun); took != 0 {
			t.Errorf("took %s", took)
		}
	})
}

func TestRefusalsDoNotFillTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newLines()
		h := New(broken{}, sites{err: errors.New("IADVIZE_SECRET is not set")}, zerolog.New(log), nil)
		unsigned := func() {
			r := httptest.NewRequest(http.MethodPost, "/webhooks/iadvize", strings.NewReader(closed))
			r.Header.Set(iadvize.SignatureHeader, "sha256=00")
			h.ServeHTTP(httptest.NewRecorder(), r)
		}
		for range 1000 {
			unsigned()
		}
		time.Sleep(calm)
		unsigned()
		for _, text := range []string{"request refused", "cannot be resolved"} {
			got := log.having(text)
			if len(got) != 2 || !strings.Contains(got[1], `"more_before":999`) {
				t.Errorf("%d lines: %v", len(got), got)
			}
		}
	})
}

// house is an embedded server that can be stopped and started again.
type house struct {
	t      *testing.T
	dir    string
	server atomic.Pointer[embed.Server]
}

func (h *house) InProcessConn() (net.Conn, error) {
	if s := h.server.Load(); s != nil {
		return s.InProcessConn()
	}
	return nil, errors.New("there is no server")
}

func (h *house) start(maxStore int64) {
	h.t.Helper()
	s, err := embed.Start(embed.Options{Dir: h.dir, MaxStore: maxStore})
	if err != nil {
		h.t.Fatal(err)
	}
	h.server.Store(s)
}

func (h *house) stop() {
	if s := h.server.Swap(nil); s != nil {
		s.Close()
	}
}

func openHouse(t *testing.T) (*house, *queue.Queue) {
	t.Helper()
	h := &house{t: t, dir: t.TempDir()}
	h.start(0)
	t.Cleanup(h.stop)
	q, err := queue.Open(t.Context(), queue.Options{Server: h})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(q.Close)
	return h, q
}

func TestAWebhookSurvivesARestartOfNATS(t *testing.T) {
	house, q := openHouse(t)
	log := newLines()
	handler := New(q, sites{}, zerolog.New(log).Level(zerolog.InfoLevel), nil)
	house.stop()
	answers := make(chan int)
	go func() { answers <- ask(handler, closed).Code }()
	<-log.new // a try failed
	house.start(0)
	if status := <-answers; status != 202 {
		t.Fatalf("%d; log: %v", status, log.all)
	}
	r, err := q.Receive(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if d, err := r.Next(t.Context(), 1); err != nil || d.Event.ConversationID != "c1" {
		t.Errorf("event = %+v, %v", d.Event, err)
	}
	if queued, _, err := q.Pending(t.Context()); err != nil || queued != 1 {
		t.Errorf("%d pending, %v: the tries were stored more than once", queued, err)
	}
}

func TestAFullServerRefusesAtOnceAndTakesEventsAgain(t *testing.T) {
	house, q := openHouse(t)
	answer := &ticket.Satisfaction{Comment: strings.Repeat("x", 2<<10)}
	if _, err := q.Publish(t.Context(), ticket.Event{ID: "s1", ConversationID: "c0", Kind: ticket.KindSatisfaction, Satisfaction: answer}); err != nil {
		t.Fatal(err)
	}
	house.stop()
	house.start(1 << 10) // less than is in it
	url, seen := serve(t, q)
	sign := iadvize.Sign("old", []byte(closed))
	status, text, header := send(t, url, closed, sign)
	if status != 503 || header.Get("Retry-After") != "10" || !strings.Contains(text, "send it again") {
		t.Errorf("full: %d %s %v", status, text, header)
	}
	if _, err := q.Publish(t.Context(), ticket.Event{ConversationID: "c2", Kind: ticket.KindClosed}); !errors.Is(err, queue.ErrFull) || queue.Passing(err) {
		t.Errorf("Publish: %v", err)
	}
	house.stop()
	house.start(0)
	if status, text, _ := send(t, url, closed, sign); status != 202 {
		t.Errorf("with room: %d %s", status, text)
	}
	if seen.all["not_stored"] != 1 || seen.all["accepted"] != 1 {
		t.Errorf("counted %v", seen.all)
	}
}
