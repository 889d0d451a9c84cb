package simiadvize

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// receiver answers webhooks with the statuses it is given, the last one for ever. 0 breaks the connection off.
type receiver struct {
	*httptest.Server
	mu       sync.Mutex
	statuses []int
	got      []received
}

type received struct {
	header http.Header
	body   []byte
	query  string
}

func receive(t *testing.T, statuses ...int) *receiver {
	r := &receiver{statuses: statuses}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		r.mu.Lock()
		r.got = append(r.got, received{req.Header, body, req.URL.RawQuery})
		status := r.statuses[min(len(r.got), len(r.statuses))-1]
		r.mu.Unlock()
		if status == 0 {
			panic(http.ErrAbortHandler)
		}
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, `{"status":"ok"}`)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) received() []received {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got)
}

func TestRetryRule(t *testing.T) {
	for name, c := range map[string]struct {
		cfg      Config
		statuses []int
		accepted bool
		attempts int
	}{
		"accepted":               {Config{}, []int{202}, true, 1},
		"500 and then accepted":  {Config{}, []int{500, 204}, true, 2},
		"400 to the end":         {Config{}, []int{400}, false, 3},
		"503, 404, accepted":     {Config{}, []int{503, 404, 200}, true, 3},
		"redirect is final":      {Config{}, []int{302}, false, 1},
		"broken off":             {Config{}, []int{0, 0, 200}, true, 3},
		"broken off is final":    {Config{NoRetryOnFailure: true}, []int{0, 200}, false, 1},
		"own number of attempts": {Config{RetryDelays: []time.Duration{}}, []int{500}, false, 1},
	} {
		t.Run(name, func(t *testing.T) {
			p, r := start(t, c.cfg), receive(t, c.statuses...)
			p.add(rich())
			d := p.Send(t.Context(), Webhook{URL: r.URL, Secret: "s3cret"}, p.ClosedEvent(rich()))
			last := c.statuses[min(d.Attempts, len(c.statuses))-1]
			if d.Accepted != c.accepted || d.Attempts != c.attempts || d.Status != last {
				t.Errorf("%+v", d)
			}
			if last == 200 && d.Body != `{"status":"ok"}` || (last == 0) != (d.Error != "") {
				t.Errorf("%+v", d)
			}
			if p.WebhookAccepted(id1) != c.accepted {
				t.Errorf("accepted is noted as %v", p.WebhookAccepted(id1))
			}
			deliveries := map[string]bool{}
			all := r.received()
			for _, got := range all {
				deliveries[got.header.Get("X-Iadvize-Delivery")] = true
				if got.header.Get("x-iadvize-signature") != Sign("s3cret", got.body) || got.header.Get("Content-Type") != "application/json" ||
					got.header.Get("x-iadvize-correlationid") != all[0].header.Get("x-iadvize-correlationid") ||
					string(got.body) != string(all[0].body) {
					t.Errorf("attempt: %v %s", got.header, got.body)
				}
			}
			if len(deliveries) != c.attempts || deliveries[""] {
				t.Errorf("delivery ids: %v", deliveries)
			}
		})
	}
}

func TestSignature(t *testing.T) {
	// The reference is RFC 4231's third test case.
	key, data := strings.Repeat("\xaa", 20), []byte(strings.Repeat("\xdd", 50))
	if got := Sign(key, data); got != "sha256=773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe" {
		t.Error(got)
	}
}

// TestDocumentedDelays sends to a receiver that always fails, in a bubble of its own time: the attempts are at 0, 10
// and 30 seconds.
func TestDocumentedDelays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, err := New(Config{Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		var moments []time.Duration
		server.sender.Transport = roundTrip(func(*http.Request) (*http.Response, error) {
			moments = append(moments, time.Since(began))
			return &http.Response{StatusCode: 503, Body: http.NoBody}, nil
		})
		d := server.Send(t.Context(), Webhook{URL: "http://hooks.example.com"}, server.UserEvent(EventUserCreated, "ha", 1))
		if d.Accepted || !slices.Equal(moments, []time.Duration{0, 10 * time.Second, 30 * time.Second}) {
			t.Errorf("%+v at %v", d, moments)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
		defer cancel()
		if d := server.Send(ctx, Webhook{URL: "http://hooks.example.com"}, server.UserEvent(EventUserCreated, "ha", 1)); d.Attempts != 2 {
			t.Errorf("%+v", d)
		}
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestReplyTimeoutAndRefusedConnection(t *testing.T) {
	p := start(t, Config{ReplyTimeout: 50 * time.Millisecond})
	release := make(chan struct{})
	hanging := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer hanging.Close()
	defer close(release)
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	silent.Close()
	for url, attempts := range map[string]int{hanging.URL: 3, "http://" + silent.Addr().String(): 3, "http://%": 1} {
		d := p.Send(t.Context(), Webhook{URL: url}, p.UserEvent(EventUserUpdated, "ha", 1))
		if d.Accepted || d.Attempts != attempts || d.Status != 0 || d.Error == "" {
			t.Errorf("%s: %+v", url, d)
		}
	}
	bad := p.UserEvent(EventUserUpdated, "ha", 1)
	bad.Fields["userId"] = func() {}
	if d := p.Send(t.Context(), Webhook{URL: hanging.URL}, bad); d.Attempts != 0 || d.Error == "" {
		t.Errorf("%+v", d)
	}
}

func TestAcceptedStaysAccepted(t *testing.T) {
	p, r := start(t, Config{RetryDelays: []time.Duration{}}), receive(t, 200, 500)
	p.add(rich())
	event := p.ClosedEvent(rich())
	p.Send(t.Context(), Webhook{URL: r.URL}, event)
	p.Send(t.Context(), Webhook{URL: r.URL}, event) // a double that is refused
	p.add(rich())
	if !p.WebhookAccepted(id1) || p.WebhookAccepted(id2) {
		t.Error("accepted was forgotten")
	}
}

func TestEventBodies(t *testing.T) {
	p := start(t, Config{ClientID: 335})
	c := rich()
	bodies := map[string]struct {
		event Event
		own   string // the fields beyond the common ones, without the random ones
	}{
		"pushed": {p.PushedEvent(c, 2), `{"channel":"CHAT","conversationId":"` + id1 + `","operatorId":2,"projectId":1234,"visitorExternalId":"63429889","visitorId":"` + id2 + `"}`},
		"closed": {p.ClosedEvent(c), `{"channel":"CHAT","conversationId":"` + id1 + `","operatorIds":[1,2,3],"projectId":1234,"visitorExternalId":"63429889","visitorId":"` + id2 + `"}`},
		"nobody": {p.ClosedEvent(Conversation{ID: id1, Platform: "SD", Channel: "FACEBOOK"}),
			`{"channel":"FACEBOOK","conversationId":"` + id1 + `","operatorIds":[],"projectId":0,"visitorExternalId":null,"visitorId":null}`},
		"score":          {p.CustomerSatisfactionEvent(c, 3), `{"conversationId":"` + id1 + `","customerSatisfaction":3,"projectId":1234}`},
		"recommendation": {p.NetPromoterScoreEvent(c, 0), `{"conversationId":"` + id1 + `","netPromoterScore":0,"projectId":1234}`},
		"comment":        {p.SatisfactionCommentEvent(c, "bien"), `{"conversationId":"` + id1 + `","projectId":1234,"satisfactionComment":"bien"}`},
		"question":       {p.CustomQuestionEvent(c, true), `{"conversationId":"` + id1 + `","customQuestion":true,"projectId":1234}`},
		"transaction": {p.TransactionEvent(c, "T-1", 300.2, 2),
			`{"amount":300.2,"conversationId":"` + id1 + `","externalId":"T-1","operatorId":2,"projectId":1234,"receivedAt":"2026-03-05T12:00:00.000Z","source":"Onsite"}`},
		"visitor": {p.VisitorUpdatedEvent("sd", 2, "593de0"), `{"operatorId":2,"visitorId":"593de0"}`},
		"user":    {p.UserEvent(EventUserConnected, "sd", 9), `{"userId":9}`},
		"availability": {p.UserAvailabilityEvent("ha", 9, map[string]bool{"CHAT": true}),
			`{"availabilities":[{"channel":"CHAT","status":"AVAILABLE"},{"channel":"CALL","status":"UNAVAILABLE"},{"channel":"VIDEO","status":"UNAVAILABLE"},{"channel":"THIRD_PARTY","status":"UNAVAILABLE"}],"origin":"desk","userId":9}`},
		"deprecated": {p.DeprecatedEvent(EventDeprecatedTransferred, c, 2),
			`{"channel":"chat","conversationId":77,"operatorId":2,"transferredConversationId":78,"visitorId":"593de0891b628a50b09835dc6c0e92565329c74baa90e","websiteId":1234}`},
	}
	for name, c := range bodies {
		raw, err := p.body(c.event)
		if err != nil {
			t.Fatal(err)
		}
		var flat map[string]any
		if err := json.Unmarshal(raw, &flat); err != nil {
			t.Fatal(err)
		}
		for key, want := range map[string]any{
			"eventId": c.event.ID, "eventType": c.event.Type, "platform": c.event.Platform, "clientId": 335.0, "sentAt": "2026-03-05T12:00:00.000Z",
		} {
			if flat[key] != want {
				t.Errorf("%s: %s = %v, want %v", name, key, flat[key], want)
			}
			delete(flat, key)
		}
		if flat["createdAt"] == nil || c.event.ID == "" || c.event.Platform != strings.ToLower(c.event.Platform) {
			t.Errorf("%s: %s", name, raw)
		}
		delete(flat, "createdAt")
		delete(flat, "transactionId")
		if got := asJSON(t, flat); got != c.own {
			t.Errorf("%s: %s, want %s", name, got, c.own)
		}
	}
	strs := start(t, Config{IDsAsStrings: true, Timestamps: TimestampOffset})
	if raw, err := strs.body(strs.ClosedEvent(c)); err != nil || !strings.Contains(string(raw), `"operatorIds":["1","2","3"]`) ||
		!strings.Contains(string(raw), `"createdAt":"2026-03-05T13:58:55+02:00"`) || !strings.Contains(string(raw), `"projectId":"1234"`) {
		t.Errorf("%s, %v", raw, err)
	}
}

func TestFetchClosingForm(t *testing.T) {
	answers := map[string]struct {
		status int
		body   string
		fails  string
	}{
		"form": {200, `[{"id":"create_escalation_ticket","label":"Create","fieldType":"CHECKBOX","isRequired":false},
			{"id":"private_note","idParent":"create_escalation_ticket","label":"Note","fieldType":"TEXTAREA","isRequired":true},
			{"id":"priority","label":"P","fieldType":"SELECT","options":[{"label":"High","value":"HIGH"}]}]`, ""},
		"refused":         {401, `[]`, "status 401"},
		"no array":        {200, `{}`, "not an array"},
		"unknown type":    {200, `[{"id":"a","label":"A","fieldType":"DATE"}]`, `type "DATE"`},
		"no id":           {200, `[{"label":"A","fieldType":"TEXT"}]`, "no id"},
		"unknown parent":  {200, `[{"id":"a","idParent":"b","label":"A","fieldType":"TEXT"}]`, `parent "b"`},
		"twice":           {200, `[{"id":"a","label":"A","fieldType":"TEXT"},{"id":"a","label":"A","fieldType":"TEXT"}]`, "two fields"},
		"without options": {200, `[{"id":"a","label":"A","fieldType":"SELECT"}]`, "without options"},
		"too long":        {200, strings.Repeat(" ", maxBody+1), "over 1 MiB"},
	}
	p := start(t, Config{})
	for name, c := range answers {
		t.Run(name, func(t *testing.T) {
			plugin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				q := r.URL.Query()
				if r.Header.Get("x-iadvize-signature") != Sign("s3cret", []byte(r.URL.RawQuery)) || q.Get("idWebsite") != "ha-1234" ||
					q.Get("operatorLocale") != "fr" || q.Get("idOperator") != "ha-2" || q.Get("idConnectorVersion") == "" || q.Get("own") != "1" {
					t.Errorf("%s %v", r.URL.RawQuery, r.Header)
				}
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			}))
			defer plugin.Close()
			fields, err := p.FetchClosingForm(t.Context(), plugin.URL+"/plugins/closing-form?own=1", "s3cret", "ha-1234", "fr", "ha-2")
			if c.fails == "" && (err != nil || len(fields) != 3 || fields[1].IDParent != EscalationField) {
				t.Errorf("%v, %v", fields, err)
			}
			if c.fails != "" && (err == nil || !strings.Contains(err.Error(), c.fails)) {
				t.Errorf("%v, want %s", err, c.fails)
			}
		})
	}
	for _, url := range []string{"http://%", "http://127.0.0.1:1/"} {
		if _, err := p.FetchClosingForm(t.Context(), url, "", "", "", ""); err == nil {
			t.Errorf("%s gave a form", url)
		}
	}
}
