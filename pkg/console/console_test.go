package console

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"passerelle/pkg/queue"
	"passerelle/pkg/ticket"
)

type store struct{ err error }

func (s store) DeadLetters(_ context.Context, _ queue.Filter, see func(queue.Buried) error) error {
	if s.err != nil {
		return s.err
	}
	return see(queue.Buried{DeadLetter: ticket.DeadLetter{
		ID: "c1", Site: "acme<b>", Reason: ticket.ReasonSiteUnknown, Detail: ticket.Detail{Message: "no site"}, Hint: "add it", LastFailedAt: time.Unix(0, 0),
	}})
}

func (s store) Lanes(_ context.Context, query queue.LanesQuery) (queue.Overview, error) {
	at := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	o := queue.Overview{Lanes: []queue.Lane{
		{Account: "acme", State: queue.LaneDown, Held: 3, Escalated: 1, OldestAt: at, Since: at, Until: at.Add(time.Minute), NextWakeAt: at.Add(time.Hour), Failure: "refused <401>", Hint: "mend it", Budget: &queue.LaneBudget{Limit: 400, Reserve: 80}},
		{Account: "shy", State: queue.LanePaused, Since: at, Hint: "passerelle lanes resume shy", Budget: &queue.LaneBudget{Limit: 400, Remaining: new(int), Reserve: 80}},
	}, Connections: []queue.LaneReport{{Gate: "iadvize/main", State: queue.LaneDown, Failure: "no answer"}}}
	if query.All {
		o.Lanes = append(o.Lanes, queue.Lane{Account: query.Accounts[0], State: queue.LaneOpen})
	}
	return o, s.err
}
func (s store) Healthy(context.Context) error { return s.err }

func get(t *testing.T, o Options, path, password string) (status int, body string) {
	t.Helper()
	o.Metrics = http.NotFoundHandler()
	request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
	request.Host = "127.0.0.1:8081"
	if password != "" {
		request.SetBasicAuth("admin", password)
	}
	w := httptest.NewRecorder()
	New(o).ServeHTTP(w, request)
	raw, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Code, string(raw)
}

func TestConsole(t *testing.T) {
	sick := errors.New("disk full")
	well := Options{Queue: store{}, Accounts: func() []string { return []string{"idle"} }, Ready: func(context.Context) error { return nil }, Version: "v1"}
	guarded := well
	guarded.Password = "secret"
	ill := Options{Queue: store{sick}, Ready: func(context.Context) error { return sick }}
	for _, tc := range []struct {
		name     string
		options  Options
		path     string
		password string
		status   int
		holds    string
	}{
		{"page", well, "/", "", 200, "acme&lt;b&gt;"},
		{"page has the lanes", well, "/", "", 200, `<td>acme</td><td><strong class="down">down</strong></td><td>3, 1 of them escalated</td>`},
		{"page says why", well, "/", "", 200, "refused &lt;401&gt;<br>mend it"},
		{"page says when", well, "/", "", 200, "<td>2026-03-01 11:00:00 UTC</td>"},
		{"page says what to do", well, "/", "", 200, "An operator paused it.<br><code>passerelle lanes resume shy</code>"},
		{"page says what is not known", well, "/", "", 200, "<td>not told by the account; limit 400 from the configuration; 80 not for us</td>"},
		{"page says that nothing is left", well, "/", "", 200, "<td>0, of 400; 80 not for us</td>"},
		{"page has the connections", well, "/", "", 200, "iadvize/main is down: no answer"},
		{"page says that nobody works", well, "/", "", 200, "No worker process answers"},
		{"page leads to the metrics", well, "/", "", 200, `<a href="metrics">`},
		{"page leads to the health", well, "/", "", 200, `<a href="readyz">`},
		{"page leads to the letters as JSON", well, "/", "", 200, `<a href="api/deadletters">`},
		{"page leads to the lanes as JSON", well, "/", "", 200, `<a href="api/lanes?all=true">`},
		{"letters", well, "/api/deadletters", "", 200, `"reason":"site_unknown"`},
		{"lanes", well, "/api/lanes", "", 200, `[{"account":"acme","state":"down","held":3,"escalated":1,"oldest_at":"2026-03-01T10:00:00Z"`},
		{"all lanes", well, "/api/lanes?all=true", "", 200, `{"account":"idle","state":"open","held":0,"escalated":0}]`},
		{"lanes of an ill one", ill, "/api/lanes", "", 503, "disk full"},
		{"ready", well, "/readyz", "", 200, "UP"},
		{"alive", ill, "/livez", "", 200, "UP"},
		{"not ready", ill, "/readyz", "", 503, "disk full"},
		{"page of an ill one", ill, "/", "", 503, "disk full"},
		{"letters of an ill one", ill, "/api/deadletters", "", 503, "disk full"},
		{"no password", guarded, "/", "", 401, "PASSERELLE_CONSOLE_PASSWORD"},
		{"wrong password", guarded, "/metrics", "guess", 401, ""},
		{"password", guarded, "/", "secret", 200, "site_unknown"},
		{"health needs none", guarded, "/livez", "", 200, "UP"},
		{"unknown", well, "/other", "", 404, ""},
	} {
		if status, body := get(t, tc.options, tc.path, tc.password); status != tc.status || !strings.Contains(body, tc.holds) {
			t.Errorf("%s: %d %s", tc.name, status, body)
		}
	}
}

func TestAConsoleWithoutPasswordIsThisMachinesAlone(t *testing.T) {
	for host, want := range map[string]int{
		"localhost": 200, "localhost:8081": 200, "127.0.0.1": 200, "[::1]:8081": 200, "[::1]": 200,
		"evil.example": 421, "evil.example:8081": 421, "127.0.0.1.evil.example": 421, "": 421,
	} {
		for password, want := range map[string]int{"": want, "secret": 200} {
			request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/lanes", nil)
			request.Host = host
			request.SetBasicAuth("admin", password)
			w := httptest.NewRecorder()
			New(Options{Queue: store{}, Metrics: http.NotFoundHandler(), Password: password}).ServeHTTP(w, request)
			if w.Code != want {
				t.Errorf("host %q, password %q: %d, want %d", host, password, w.Code, want)
			}
		}
	}
}
