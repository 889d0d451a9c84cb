package simzendesk

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestControl(t *testing.T) {
	b := newBench(t, Config{})
	b.sim.AddAccount(Account{Name: "other"})
	for _, externalID := range []string{"a", "b", "a", "a"} {
		b.create(plain+`,"external_id":"`+externalID+`"`).want(t, 201)
	}
	wantJSON(t, json.RawMessage(b.do("GET", "/_sim/accounts", "").want(t, 200).raw), `[{"faults":0,"name":"acme"},{"faults":0,"name":"other"}]`)
	wantJSON(t, json.RawMessage(b.do("GET", "/_sim/summary", "").want(t, 200).raw), `{"tickets":4,"external_ids":2,"doubled":2,"notifications":4,"accounts":[`+
		`{"name":"acme","tickets":4,"external_ids":2,"doubled":2,"doubles":[{"external_id":"a","ticket_ids":[1,3,4]}],"per_external_id":{"1":1,"3":1},"notifications":4},`+
		`{"name":"other","tickets":0,"external_ids":0,"doubled":0,"doubles":[],"per_external_id":{},"notifications":0}]}`)
	for path, want := range map[string]int{"": 4, "?after=1": 3, "?limit=2": 2, "?after=2&limit=9999": 2, "?external_id=a": 3, "?external_id=z": 0, "?after=9": 0} {
		var list []Ticket
		if err := json.Unmarshal([]byte(b.do("GET", "/_sim/acme/tickets"+path, "").want(t, 200).raw), &list); err != nil || len(list) != want {
			t.Errorf("%s: %d tickets, %v", path, len(list), err)
		}
		if want > 0 && (len(list[0].Comments) != 1 || len(list[0].Audits) != 1) {
			t.Errorf("%s: %+v", path, list[0])
		}
	}
	wantJSON(t, b.do("GET", "/_sim/acme/requests", "").want(t, 200).body, `{"POST /api/v2/tickets":4}`)
	if raw := b.do("GET", "/_sim/acme/notifications", "").want(t, 200).raw; !strings.HasPrefix(raw, `[{"ticket_id":1,"external_id":"a"`) {
		t.Errorf("notifications %s", raw)
	}
	for _, path := range []string{"/_sim", "/_sim/nobody/tickets", "/_sim/acme", "/_sim/acme/cars"} {
		b.do("GET", path, "").want(t, 404)
	}
}

func TestControlFaults(t *testing.T) {
	b := newBench(t, Config{})
	b.do("POST", "/_sim/acme/faults", `{"kind":"rate_limited","method":"POST","path":"/api/v2/tickets","retry_after":3,"variant":4,"times":1}`).want(t, 201)
	if raw := b.do("GET", "/_sim/acme/faults", "").want(t, 200).raw; !strings.Contains(raw, `"variant":4`) {
		t.Errorf("%s", raw)
	}
	b.create(plain).want(t, 429)
	b.create(plain).want(t, 201)
	b.do("POST", "/_sim/acme/faults", `{"kind":"empty_500","share":1}`).want(t, 201)
	b.create(plain).want(t, 500)
	b.do("DELETE", "/_sim/acme/faults", "").want(t, 200)
	b.create(plain).want(t, 201)
	for _, bad := range []string{`{`, `{"kind":"weather"}`, `{"kind":"slow","share":2}`, `{"kind":"status","status":99}`, `{"kind":"slow","variant":9}`, `{"kind":"slow","path":"["}`, `{"kind":"slow","cars":1}`} {
		b.do("POST", "/_sim/acme/faults", bad).want(t, 400)
	}
	b.do("POST", "/_sim/acme/faults", strings.Repeat(" ", maxControlBody+1)).want(t, 413)
}
