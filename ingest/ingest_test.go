package ingest

import (
	"context"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"passerelle/pkg/iadvize"
	"passerelle/pkg/queue"
	"passerelle/pkg/queue/embed"
	"passerelle/pkg/ticket"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type sites struct{ err error }

func (sites) Site(_ context.Context, platform string, id int64) (ticket.Site, bool) {
	switch {
	case platform == "ha" && id == 1:
		return ticket.Site{Name: "acme-fr", IAdvize: "main", Platform: "ha", Account: "acme", Locale: "fr", Tickets: ticket.TicketSettings{Escalation: true, NoteLabel: "Note pour le SAV"}}, true
	case platform == "sd" && id == 1:
		return ticket.Site{Name: "acme-de", IAdvize: "second", Platform: "sd", Account: "acme", Locale: "de", Tickets: ticket.TicketSettings{Escalation: true}}, true
	case platform == "ha" && id == 2:
		return ticket.Site{Name: "quiet", IAdvize: "main", Platform: "ha", Account: "acme"}, true
	}
	return ticket.Site{}, false
}

func (s sites) WebhookSecrets() (map[string][]string, error) {
	return map[string][]string{"main": {"old", "new"}, "second": {"other"}}, s.err
}

type counts struct {
	mu  sync.Mutex
	all map[string]int
}

func (c *counts) Webhook(status string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all[status]++
}

func (c *counts) ClosingForm(answer string) { c.Webhook("form " + answer) }

func openQueue(t *testing.T) *queue.Queue {
	t.Helper()
	server, err := embed.Start(embed.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	q, err := queue.Open(t.Context(), queue.Options{Server: server})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(q.Close)
	return q
}

func serve(t *testing.T, store Store) (url string, seen *counts) {
	t.Helper()
	seen = &counts{all: map[string]int{}}
	server := httptest.NewUnstartedServer(New(store, sites{err: errors.New("IADVIZE_SECRET is not set")}, zerolog.Nop(), seen))
	server.Config = Server(server.Config.Handler)
	server.Start()
	t.Cleanup(server.Close)
	return server.URL, seen
}

func send(t *testing.T, url, body, signature string) (status int, answer string, header http.Header) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/webhooks/iadvize", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if signature != "" {
		request.Header.Set("X-iAdvize-Signature", signature)
	}
	return do(t, request)
}

func do(t *testing.T, request *http.Request) (status int, answer string, header http.Header) {
	t.Helper()
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	http.DefaultClient.CloseIdleConnections()
	return response.StatusCode, strings.TrimSpace(string(raw)), response.Header
}

const closed = `{"eventId":"e1","eventType":"v2.conversation.closed","platform":"ha","projectId":1,"clientId":1,"conversationId":"c1","operatorIds":[1],"createdAt":"2019-04-12T07:58:35.171Z"}`

func TestWebhook(t *testing.T) {
	q := openQueue(t)
	url, seen := serve(t, q)
	sign := func(secret, body string) string { return iadvize.Sign(secret, []byte(body)) }
	score := strings.Replace(strings.Replace(closed, "v2.conversation.closed", "satisfaction.answered", 1), `"operatorIds":[1]`, `"customerSatisfaction":3`, 1)
	comment := strings.Replace(score, `"customerSatisfaction":3`, `"satisfactionComment":"My neighbour is called Berthe"`, 1)
	second := strings.Replace(closed, `"c1"`, `"c2"`, 1)
	unknown := strings.Replace(strings.Replace(closed, `"c1"`, `"c3"`, 1), `"projectId":1`, `"projectId":77`, 1)
	for _, tc := range []struct {
		name, body, signature string
		status                int
		answer                string
	}{
		{"first", closed, sign("new", closed), 202, `{"status":"accepted"}`},
		{"again", closed, sign("old", closed), 202, `{"status":"duplicate"}`},
		{"another one, other secret", second, sign("old", second), 202, `{"status":"accepted"}`},
		{"score", score, sign("old", score), 202, `{"status":"accepted"}`},
		{"a comment that the site keeps nowhere", comment, sign("old", comment), 202, `{"status":"ignored"}`},
		{"site unknown", unknown, sign("other", unknown), 202, `{"status":"accepted"}`},
		{"no use for it", `{"eventType":"user.connected"}`, sign("old", `{"eventType":"user.connected"}`), 202, `{"status":"ignored"}`},
		{"no signature", closed, "", 401, `{"error":"x-iadvize-signature is missing or wrong"}`},
		{"wrong secret", closed, sign("guess", closed), 401, `{"error":"x-iadvize-signature is missing or wrong"}`},
		{"another connection's secret", closed, sign("other", closed), 401, `{"error":"the signature is of another iAdvize connection than the site's"}`},
		{"no JSON", "{", sign("old", "{"), 400, `{"error":"the body is not the JSON object that iAdvize documents"}`},
		{"too long", strings.Repeat(" ", maxBody+1), sign("old", ""), 413, `{"error":"the body is over 1 MiB"}`},
	} {
		if status, answer, _ := send(t, url, tc.body, tc.signature); status != tc.status || answer != tc.answer {
			t.Errorf("%s: %d %s, want %d %s", tc.name, status, answer, tc.status, tc.answer)
		}
	}
	want := map[string]int{"accepted": 4, "duplicate": 1, "ignored": 2, "unauthorized": 3, "malformed": 1, "too_large": 1}
	if !maps.Equal(seen.all, want) {
		t.Errorf("counted %v, want %v", seen.all, want)
	}
	r, err := q.Receive(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for _, want := range []string{"acme-fr", "acme-fr", "acme-fr", ""} {
		d, err := r.Next(t.Context(), 1)
		if err != nil || d.Event.Site != want {
			t.Errorf("event = %+v, %v; want site %q", d.Event, err, want)
		}
	}
}

func TestAConversationThatIsDoneIsADuplicateForEver(t *testing.T) {
	q := openQueue(t)
	url, _ := serve(t, q)
	if _, err := q.Write(t.Context(), "c1", queue.Entry{}, queue.Entry{State: queue.StateCreated}); err != nil {
		t.Fatal(err)
	}
	if status, answer, _ := send(t, url, closed, iadvize.Sign("old", []byte(closed))); status != 202 || answer != `{"status":"duplicate"}` {
		t.Errorf("%d %s", status, answer)
	}
}

type broken struct{}

func (broken) Publish(context.Context, ticket.Event) (queue.Stored, error) {
	return 0, errors.New("disk full")
}

func (broken) Look(context.Context, ticket.Job) (queue.Entry, bool, error) {
	return queue.Entry{}, false, errors.New("disk full")
}

func TestWhatIsNotStoredIsNotAccepted(t *testing.T) {
	url, seen := serve(t, broken{})
	status, answer, header := send(t, url, closed, iadvize.Sign("old", []byte(closed)))
	if status != 503 || header.Get("Retry-After") == "" || strings.Contains(answer, "disk") {
		t.Errorf("%d %s %v", status, answer, header)
	}
	if want := map[string]int{"not_stored": 1}; !maps.Equal(seen.all, want) {
		t.Errorf("counted %v, want %v", seen.all, want)
	}
}

func TestABodyThatStops(t *testing.T) {
	url, _ := serve(t, broken{})
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, err = io.WriteString(conn, "POST /webhooks/iadvize HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nshort")
	if err := errors.Join(err, conn.(*net.TCPConn).CloseWrite()); err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(conn)
	if err != nil || !strings.HasPrefix(string(raw), "HTTP/1.1 400") {
		t.Errorf("answer = %q, %v", raw, err)
	}
}

func TestClosingForm(t *testing.T) {
	url, seen := serve(t, broken{})
	const french = `[{"id":"create_escalation_ticket","label":"Créer un ticket d'escalade","fieldType":"CHECKBOX","isRequired":false},` +
		`{"id":"private_note","idParent":"create_escalation_ticket","label":"Note pour le SAV","fieldType":"TEXTAREA","isRequired":false}]`
	for _, tc := range []struct {
		query, secret string
		status        int
		answer        string
	}{
		{"idWebsite=ha-1&operatorLocale=fr&idOperator=5", "old", 200, french},
		{"operatorLocale=fr_FR&idWebsite=HA-1", "new", 200, french},
		{"idWebsite=sd-1&operatorLocale=xx", "other", 200, "Eskalationsticket erstellen"},
		{"idWebsite=ha-2", "old", 200, "[]"},
		{"idWebsite=ha-99", "old", 200, "[]"},
		{"idWebsite=ha-1", "other", 200, "[]"},
		{"idWebsite=ha-x", "old", 400, "idWebsite"},
		{"idWebsite=1", "old", 400, "idWebsite"},
		{"", "old", 400, "idWebsite"},
		{"idWebsite=ha-1", "guess", 401, "signature"},
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/plugins/closing-form?"+tc.query, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set(iadvize.SignatureHeader, iadvize.Sign(tc.secret, []byte(tc.query)))
		if status, answer, _ := do(t, request); status != tc.status || !strings.Contains(answer, tc.answer) {
			t.Errorf("%s: %d %s", tc.query, status, answer)
		}
	}
	if want := map[string]int{"form given": 6, "form malformed": 3, "form unauthorized": 1}; !maps.Equal(seen.all, want) {
		t.Errorf("counted %v, want %v", seen.all, want)
	}
}

func TestHealth(t *testing.T) {
	url, _ := serve(t, broken{})
	for path, want := range map[string]int{"/health": 200, "/": 404, "/webhooks/iadvize": 405} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if status, answer, _ := do(t, request); status != want || want == 200 && answer != `{"status":"UP"}` {
			t.Errorf("%s: %d %s", path, status, answer)
		}
	}
}

func TestIdleConnectionsDoNotHurt(t *testing.T) {
	url, _ := serve(t, openQueue(t))
	address := strings.TrimPrefix(url, "http://")
	const idle = 1000 // each takes two of the process's files here
	for range idle {
		conn, err := net.DialTimeout("tcp", address, 10*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	if status, answer, _ := send(t, url, closed, iadvize.Sign("old", []byte(closed))); status != 202 {
		t.Errorf("%d %s", status, answer)
	}
}
