package traffic

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"passerelle/pkg/sim/simiadvize"
)

// hook receives webhooks and answers as status says.
type hook struct {
	*httptest.Server
	mu     sync.Mutex
	events []map[string]any
	seen   chan struct{} // one for each event
}

func listen(t *testing.T, status func(event map[string]any) int) *hook {
	h := &hook{seen: make(chan struct{}, 10_000)}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var event map[string]any
		if r.Header.Get("x-iadvize-signature") != simiadvize.Sign("s3cret", body) || json.Unmarshal(body, &event) != nil {
			t.Errorf("bad webhook %s", body)
		}
		h.mu.Lock()
		h.events = append(h.events, event)
		h.mu.Unlock()
		w.WriteHeader(status(event))
		h.seen <- struct{}{}
	}))
	t.Cleanup(h.Close)
	return h
}

func (h *hook) received(eventType string) []map[string]any {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(h.events), func(e map[string]any) bool { return e["eventType"] != eventType })
}

func TestRun(t *testing.T) {
	h := listen(t, func(event map[string]any) int {
		if id := fmt.Sprint(event["conversationId"]); event["eventType"] == simiadvize.EventClosed && strings.HasPrefix(id, "1") {
			return 500
		}
		return 202
	})
	s := server(t, simiadvize.Config{})
	here, other := shop, shop
	here.WebhookURL, here.Secret, here.Weight = h.URL, "s3cret", 3
	other.WebhookURL, other.Secret, other.ProjectID, other.Platform = h.URL, "s3cret", 99, "sd"
	g := New(Config{Seed: 5, Rate: 2000, Sites: []Site{here, other}, SatisfactionShare: 0.5, SatisfactionDelay: time.Hour}, s)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- g.Run(ctx) }()
	for range 500 {
		<-h.seen
	}
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	counts := g.Counts()
	if counts.Conversations < 50 || counts.Conversations != s.Count() || counts.Accepted+counts.Refused != counts.Conversations ||
		counts.Refused == 0 || counts.Escalated == 0 || counts.OthersRefused != 0 {
		t.Errorf("%+v, %d on the server", counts, s.Count())
	}
	if len(h.received(simiadvize.EventPushed)) != counts.Pushed || len(h.received(simiadvize.EventSatisfaction)) != counts.Satisfaction || counts.Satisfaction == 0 {
		t.Errorf("%+v, received %d and %d", counts, len(h.received(simiadvize.EventPushed)), len(h.received(simiadvize.EventSatisfaction)))
	}
	accepted := g.Accepted()
	if len(accepted) != counts.Accepted {
		t.Errorf("%d accepted, %d counted", len(accepted), counts.Accepted)
	}
	projects := map[int64]int{}
	for _, c := range s.Conversations() {
		projects[c.ProjectID]++
		if s.WebhookAccepted(c.ID) != slices.Contains(accepted, c.ID) || s.WebhookAccepted(c.ID) == strings.HasPrefix(c.ID, "1") {
			t.Errorf("%s accepted: %v", c.ID, s.WebhookAccepted(c.ID))
		}
	}
	if projects[1234] <= projects[99] || projects[99] == 0 {
		t.Errorf("conversations by project: %v", projects)
	}
	latestScoresMatch(t, h, s)
}

// latestScoresMatch compares the surveys that the server shows with the latest click of each conversation.
func latestScoresMatch(t *testing.T, h *hook, s *simiadvize.Server) {
	t.Helper()
	latest := map[string]map[string]any{}
	for _, e := range h.received(simiadvize.EventSatisfaction) {
		if id := fmt.Sprint(e["conversationId"]); e["customerSatisfaction"] != nil &&
			(latest[id] == nil || fmt.Sprint(e["createdAt"]) > fmt.Sprint(latest[id]["createdAt"])) {
			latest[id] = e
		}
	}
	if len(latest) == 0 {
		t.Error("no scores")
	}
	for id, e := range latest {
		c, _ := s.Conversation(id)
		if c.Survey == nil || float64(*c.Survey.CustomerSatisfaction) != e["customerSatisfaction"] {
			t.Errorf("%s: survey %+v, latest click %v", id, c.Survey, e["customerSatisfaction"])
		}
	}
}

func TestRunWaitsForSlots(t *testing.T) {
	release := make(chan struct{})
	var open, most int
	var mu sync.Mutex
	h := listen(t, func(event map[string]any) int {
		if event["eventType"] == simiadvize.EventClosed {
			mu.Lock()
			open++
			most = max(most, open)
			mu.Unlock()
			<-release
			mu.Lock()
			open--
			mu.Unlock()
		}
		return 200
	})
	site := shop
	site.WebhookURL, site.Secret = h.URL, "s3cret"
	s := server(t, simiadvize.Config{})
	g := New(Config{Rate: 5000, Sites: []Site{site}, InFlight: 2, SatisfactionDelay: -1}, s)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- g.Run(ctx) }()
	for range 20 {
		release <- struct{}{}
	}
	close(release)
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if most > 2 || g.Counts().Accepted < 20 {
		t.Errorf("%d at once, %+v", most, g.Counts())
	}
}

func TestDrainTimeout(t *testing.T) {
	entered := make(chan struct{}, 1000)
	h := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then does the server notice that the client leaves
		entered <- struct{}{}
		<-r.Context().Done()
	}))
	defer h.Close()
	site := shop
	site.WebhookURL = h.URL
	g := New(Config{Rate: 1000, Sites: []Site{site}, DrainTimeout: time.Millisecond}, server(t, simiadvize.Config{}))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- g.Run(ctx) }()
	<-entered
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if c := g.Counts(); c.Accepted != 0 || c.Refused != c.Conversations {
		t.Errorf("%+v", c)
	}
}

func TestRunFails(t *testing.T) {
	if err := New(Config{}, server(t, simiadvize.Config{})).Run(t.Context()); err == nil {
		t.Error("it ran without sites")
	}
	h := listen(t, func(map[string]any) int { return 200 })
	site := shop
	site.WebhookURL, site.Secret = h.URL, "s3cret"
	s := server(t, simiadvize.Config{Journal: filepath.Join(t.TempDir(), "journal")})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := New(Config{Rate: 1000, Sites: []Site{site}}, s).Run(t.Context()); err == nil || !strings.Contains(err.Error(), "journal") {
		t.Errorf("without a journal: %v", err)
	}
}
