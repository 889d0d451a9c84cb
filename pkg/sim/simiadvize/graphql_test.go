package simiadvize

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

const everything = `query Everything($id: UUID!) { conversation(id: $id) {
  id legacyId createdAt closedAt channel duration
  visitor { externalUserId firstName lastName email phoneNumber address city zipCode country username }
  users { id } tags { id name } project { id name } language { code }
  satisfactionSurvey { customerSatisfaction netPromoterScore satisfactionComment }
  messages { pageInfo { endCursor hasNextPage } edges { cursor node { __typename id createdAt
    ... on VisitorMessage { text attachments { url name contentType } }
    ... on UserMessage { text author { __typename id email lastName } attachments { url } }
    ... on SystemMessage { attachment {
      ... on ConversationPushedSystemAttachment { toUser { __typename id email firstName userName isDeleted } }
      ... on ConversationClosedSystemAttachment { closedAt } } } } } }
  closingFormValues { fieldId value conversationId }
  customData { key label stringValue }
} }`

func TestConversationHasEveryField(t *testing.T) {
	p := start(t, Config{})
	p.add(rich())
	c := at(t, p.ask(everything, map[string]any{"id": strings.ToUpper(id1)}), "conversation")
	for _, want := range []struct {
		path []any
		json string
	}{
		{[]any{"id"}, `"` + id1 + `"`},
		{[]any{"legacyId"}, `77`},
		{[]any{"closedAt"}, `"2026-03-05T11:58:55.000Z"`},
		{[]any{"duration"}, `"PT8M55S"`},
		{[]any{"visitor", "email"}, `"Anne@example.fr"`},
		{[]any{"visitor", "lastName"}, `null`},
		{[]any{"users"}, `null`}, // the documentation's warning
		{[]any{"tags"}, `[{"id":4,"name":"late order"}]`},
		{[]any{"project"}, `{"id":1234,"name":"Project 1234"}`},
		{[]any{"language"}, `{"code":"fr"}`},
		{[]any{"satisfactionSurvey"}, `{"customerSatisfaction":5,"netPromoterScore":null,"satisfactionComment":"merci"}`},
		{[]any{"closingFormValues", 0}, `{"conversationId":77,"fieldId":"create_escalation_ticket","value":"true"}`},
		{[]any{"closingFormValues", 1, "value"}, `"` + strings.Repeat("é", 1024) + `"`},
		{[]any{"customData"}, `[{"key":"cart","label":null,"stringValue":"12"}]`},
		{[]any{"messages", "pageInfo", "hasNextPage"}, `false`},
		{[]any{"messages", "edges", 0, "node", "attachment", "toUser", "__typename"}, `"Bot"`},
		{[]any{"messages", "edges", 1, "node", "text"}, `"Où est <b>ma</b> commande ? 😀"`},
		{[]any{"messages", "edges", 1, "node", "attachments"}, `[{"contentType":null,"name":"1.png","url":"https://files.example.com/1.png"}]`},
		{[]any{"messages", "edges", 2, "node", "author"}, `{"__typename":"Bot","email":null,"id":1,"lastName":"Bot"}`},
		{[]any{"messages", "edges", 3, "node", "attachment", "toUser"},
			`{"__typename":"Professional","email":"luc@example.fr","firstName":"Luc","id":2,"isDeleted":false,"userName":"Luc"}`},
		{[]any{"messages", "edges", 4, "node", "text"}, `"{{ticket.id}}"`},
		{[]any{"messages", "edges", 5, "node", "author"}, `null`},
		{[]any{"messages", "edges", 6, "node", "attachment"}, `null`},
		{[]any{"messages", "edges", 7, "node", "attachment", "closedAt"}, `"2026-03-05T11:50:00.000Z"`},
	} {
		if got := asJSON(t, at(t, c, want.path...)); got != want.json {
			t.Errorf("%v = %s, want %s", want.path, got, want.json)
		}
	}
}

func TestEmptyConversation(t *testing.T) {
	p := start(t, Config{})
	p.add(Conversation{ID: id1})
	c := at(t, p.ask(everything, map[string]any{"id": id1}), "conversation")
	for field, want := range map[string]string{
		"legacyId": `null`, "closedAt": `null`, "duration": `null`, "visitor": `null`, "tags": `[]`, "project": `null`, "language": `null`,
		"satisfactionSurvey": `null`, "closingFormValues": `null`, "customData": `null`, "channel": `"CHAT"`,
		"messages": `{"edges":[],"pageInfo":{"endCursor":null,"hasNextPage":false}}`,
	} {
		if got := asJSON(t, at(t, c, field)); got != want {
			t.Errorf("%s = %s, want %s", field, got, want)
		}
	}
}

func TestUnknownConversation(t *testing.T) {
	for name, asError := range map[string]bool{"null": false, "error": true} {
		t.Run(name, func(t *testing.T) {
			p := start(t, Config{NotFoundAsError: asError})
			p.add(Conversation{ID: id2, Platform: "SD"})
			for _, id := range []string{id1, id2} { // never added, and of the other platform
				status, body := p.query("/graphql", everything, map[string]any{"id": id})
				if status != http.StatusOK || at(t, body, "data", "conversation") != nil || (body["errors"] != nil) != asError {
					t.Errorf("%s: status %d, body %v", id, status, body)
				}
			}
			if _, body := p.query("/graphql?platform=sd", everything, map[string]any{"id": id2}); at(t, body, "data", "conversation", "id") != id2 {
				t.Errorf("on its own platform: %v", body)
			}
		})
	}
}

func TestReadableAndClosingFormLater(t *testing.T) {
	p := start(t, Config{ReadableAfter: 2 * time.Second, ClosingFormAfter: 5 * time.Second})
	p.add(rich())
	at2 := rich()
	at2.ID, at2.ReadableAfter, at2.ClosingFormAfter = id2, -1, 3*time.Second
	p.add(at2)
	open := rich()
	open.ID, open.ClosedAt = id3, time.Time{}
	p.add(open)
	state := func() string {
		out := ""
		for _, id := range []string{id1, id2, id3} {
			c := at(t, p.ask(everything, map[string]any{"id": id}), "conversation")
			switch {
			case c == nil:
				out += "-"
			case at(t, c, "closingFormValues") == nil:
				out += "c"
			default:
				out += "f"
			}
		}
		return out
	}
	for i, step := range []struct {
		wait time.Duration
		want string
	}{{0, "-cc"}, {2 * time.Second, "ccc"}, {time.Second, "cfc"}, {2 * time.Second, "fff"}} {
		p.clock.advance(step.wait)
		if got := state(); got != step.want {
			t.Errorf("step %d: %s, want %s", i, got, step.want)
		}
	}
}

func TestMessagesPage(t *testing.T) {
	p := start(t, Config{PageLimit: 3})
	c := Conversation{ID: id1}
	for range 7 {
		c.Messages = append(c.Messages, Message{Kind: VisitorSaid, Text: "x"})
	}
	p.add(c)
	q := `query Page($id: UUID!, $first: Int, $after: String) { conversation(id: $id) {
	  messages(first: $first, after: $after) { edges { node { id } } pageInfo { endCursor hasNextPage } } } }`
	sizes, after := []int{}, any(nil)
	for {
		m := at(t, p.ask(q, map[string]any{"id": id1, "first": 100, "after": after}), "conversation", "messages")
		sizes = append(sizes, len(at(t, m, "edges").([]any)))
		if after = at(t, m, "pageInfo", "endCursor"); at(t, m, "pageInfo", "hasNextPage") == false {
			break
		}
	}
	if got := asJSON(t, sizes); got != "[3,3,1]" {
		t.Errorf("pages of %s", got)
	}
	for _, bad := range []map[string]any{{"id": id1, "first": -1}, {"id": id1, "after": "?"}, {"id": id1, "after": "LTE="}} {
		if _, body := p.query("/graphql", q, bad); body["errors"] == nil {
			t.Errorf("%v was accepted", bad)
		}
	}
}

func TestUserByID(t *testing.T) {
	p := start(t, Config{IDsAsStrings: true})
	p.add(rich())
	for id, want := range map[any]string{2: `{"email":"luc@example.fr","id":"2"}`, "2": `{"email":"luc@example.fr","id":"2"}`, 1 << 60: `null`} {
		got := p.ask(`query($id: LegacyId!) { user(id: $id) { id email } }`, map[string]any{"id": id})
		if asJSON(t, got["user"]) != want {
			t.Errorf("user %v = %v", id, got)
		}
	}
}

func TestBadQueries(t *testing.T) {
	p := start(t, Config{})
	for _, q := range []string{
		"", "{", "{ nothing }", "{ conversation { id } }", `{ conversation(id: "x") { id } }`, `{ conversation(id: 3) { id } }`,
		`{ user(id: "x") { id } }`, `{ user(id: true) { id } }`, `{ closedConversations(interval: {from: "x", to: "y"}) { edges { cursor } } }`,
		`{ closedConversations(interval: {from: 3, to: 4}) { edges { cursor } } }`, `{ closedConversations { edges { cursor } } }`,
		`mutation { conversationClose }`, `query A { __typename } query B { __typename }`,
	} {
		if status, body := p.query("/graphql", q, nil); status != http.StatusBadRequest || body["errors"] == nil {
			t.Errorf("%q: status %d, body %v", q, status, body)
		}
	}
	if status, _ := p.do(http.MethodPost, "/graphql", "application/json", "no JSON"); status != http.StatusBadRequest {
		t.Errorf("status %d", status)
	}
	if status, _ := p.do(http.MethodPost, "/graphql", "application/json", strings.Repeat(" ", maxBody+1)); status != http.StatusRequestEntityTooLarge {
		t.Errorf("status %d", status)
	}
}

func TestRequestsAreCounted(t *testing.T) {
	p := start(t, Config{})
	p.query("/graphql", `query One { __typename }`, nil)
	p.query("/graphql", `{ a: user(id: 1) { id } b: user(id: 2) { id } }`, nil)
	p.do(http.MethodPost, "/graphql", "application/json", `{"query":"query One { __typename } query Two { __typename }","operationName":"Two"}`)
	p.token = "wrong"
	p.query("/graphql", `query One { __typename }`, nil)
	got := p.Requests()
	want := `{"tokens":1,"tokens_refused":0,"authenticated":0,"graphql":4,"unauthorized":1,"faults":0,` +
		`"operations":{"One":1,"Two":1,"anonymous":1},"queries":{"user":2}}`
	if asJSON(t, got) != want {
		t.Errorf("got %s", asJSON(t, got))
	}
}

func TestMissingFields(t *testing.T) {
	p := start(t, Config{MissingFields: []string{"Conversation.customData", "User.email", "Conversation.messages", "Query.user"}})
	fields := `{ c: __type(name: "Conversation") { fields { name } } u: __type(name: "User") { fields { name } } e: __type(name: "Expert") { fields { name } } }`
	got := asJSON(t, p.ask(fields, nil))
	for _, gone := range []string{"customData", "email", "messages"} {
		if strings.Contains(got, `"`+gone+`"`) {
			t.Errorf("%s is still there: %s", gone, got)
		}
	}
	if !strings.Contains(got, "closingFormValues") || !strings.Contains(got, "userName") {
		t.Errorf("others are gone too: %s", got)
	}
	if status, _ := p.query("/graphql", everything, map[string]any{"id": id1}); status != http.StatusBadRequest {
		t.Errorf("status %d", status)
	}
	for _, bad := range []string{"Conversation", "Conversation.nothing", "Nothing.id", "Query.interval", "Bot.email"} {
		if _, err := New(Config{MissingFields: []string{bad}}); err == nil {
			t.Errorf("%s was accepted", bad)
		}
	}
}

func TestSpellings(t *testing.T) {
	when := time.Date(2019, 4, 12, 7, 58, 35, 171e6, time.UTC)
	for spelling, want := range map[Timestamp]string{
		TimestampUTC: "2019-04-12T07:58:35.171Z", TimestampOffset: "2019-04-12T09:58:35+02:00",
		TimestampZone: "2019-04-12T07:58:35.171Z[Etc/UTC]",
	} {
		p := start(t, Config{Timestamps: spelling, TickedAs: "on"})
		c := rich()
		c.CreatedAt = when
		p.add(c)
		got := at(t, p.ask(everything, map[string]any{"id": id1}), "conversation")
		if at(t, got, "createdAt") != want || at(t, got, "closingFormValues", 0, "value") != "on" {
			t.Errorf("%v: %v", spelling, got)
		}
	}
	seen := map[string]bool{}
	for i := range 3 {
		text := spelling{timestamps: TimestampMixed}.time(when.Add(time.Duration(i) * time.Second)).String()
		seen[text[19:]] = true
	}
	if len(seen) != 3 {
		t.Errorf("mixed gives only %v", seen)
	}
	for d, want := range map[time.Duration]string{0: "PT0S", -time.Hour: "PT0S", 61 * time.Minute: "PT1H1M", time.Hour + time.Second: "PT1H1S"} {
		if got := isoDuration(d); got != want {
			t.Errorf("%v = %s, want %s", d, got, want)
		}
	}
}

func TestIntrospection(t *testing.T) {
	const ask = `{ __schema { queryType { name } } __type(name: "Project") { fields { name type { kind ofType { name } } } } }`
	p := start(t, Config{MissingFields: []string{"Project.name"}})
	got := asJSON(t, at(t, p.ask(ask, nil), "__type"))
	if got != `{"fields":[{"name":"id","type":{"kind":"NON_NULL","ofType":{"name":"Int"}}}]}` {
		t.Errorf("type = %s", got)
	}
	closed := start(t, Config{NoIntrospection: true})
	if _, body := closed.query("/graphql", ask, nil); strings.Contains(asJSON(t, body), "Query") {
		t.Errorf("body = %v", body)
	}
}

func TestUnreadableProject(t *testing.T) {
	p := start(t, Config{UnreadableProjects: []int64{1234}})
	p.add(rich())
	if got := at(t, p.ask(everything, map[string]any{"id": id1}), "conversation"); got != nil {
		t.Errorf("conversation = %v", got)
	}
	const list = `query L($p: [Int!]) { closedConversations(interval: {from: "2026-03-01T00:00:00Z", to: "2026-03-31T00:00:00Z"}, projectIds: $p) { edges { node { id } } } }`
	if got := asJSON(t, at(t, p.ask(list, nil), "closedConversations", "edges")); got != "[]" {
		t.Errorf("edges = %s", got)
	}
	if _, body := p.query("/graphql", list, map[string]any{"p": []int{1234}}); body["errors"] == nil {
		t.Errorf("body = %v", body)
	}
}
