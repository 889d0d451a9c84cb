package simzendesk

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestCreateAnswersWithTheWholeTicket(t *testing.T) {
	b := newBench(t, Config{})
	a := b.create(`"subject":"Printer","external_id":42,"comment":{"body":"smoke"},"priority":"high","tags":["A","b c"],"nonsense":1,"metadata":{"k":"v"}`).want(t, 201)
	if !strings.HasSuffix(a.header.Get("Location"), "/acme/api/v2/tickets/1.json") {
		t.Errorf("Location %q", a.header.Get("Location"))
	}
	for path, want := range map[string]string{
		"id": "1", "external_id": `"42"`, "status": `"new"`, "priority": `"high"`, "type": "null", "tags": `["a","b","c"]`, "is_public": "true",
		"description": `"smoke"`, "assignee_id": "null", "group_id": "null", "custom_fields": "[]", "created_at": `"2026-11-24T10:00:00Z"`,
		"via": `{"channel":"api","source":{"from":{},"rel":null,"to":{}}}`,
	} {
		wantJSON(t, a.at("ticket", path), want)
	}
	for _, path := range []string{"custom_status_id", "ticket_form_id", "brand_id", "requester_id", "submitter_id"} {
		if a.id("ticket", path) == 0 {
			t.Errorf("%s is not filled in", path)
		}
	}
	wantJSON(t, a.at("audit", "metadata", "custom"), `{"k":"v"}`)
	wantJSON(t, a.at("audit", "events", 0, "html_body"), `"<div class=\"zd-comment\" dir=\"auto\"><p dir=\"auto\">smoke</p></div>"`)
	wantJSON(t, a.at("audit", "events", 1, "field_name"), `"subject"`)

	got := b.do("GET", "/api/v2/tickets/1.json", "").want(t, 200)
	wantJSON(t, got.at("ticket", "subject"), `"Printer"`)
	b.do("GET", "/api/v2/tickets/99", "").want(t, 404)
	b.do("GET", "/api/v2/tickets/x", "").want(t, 404)
	if n := b.acme.Requests()["POST /api/v2/tickets"]; n != 1 {
		t.Errorf("counted %d creations", n)
	}
}

func TestSystemRules(t *testing.T) {
	b := newBench(t, Config{})
	second := b.acme.AddGroup(Group{Name: "Second"})
	ann := b.agent("ann")
	bob := b.agent("bob", func(u *User) { u.Groups = []int64{second.ID} })
	statuses := map[string]int64{}
	for _, s := range b.acme.statuses.all() {
		statuses[s.Category] = s.ID
	}
	waiting := b.acme.AddCustomStatus(CustomStatus{Category: "pending", AgentLabel: "Waiting"})
	support := b.acme.Groups()[0].ID
	for name, c := range map[string]struct {
		in                    string
		status                string
		group, assignee, cust int64
	}{
		"nobody":            {``, "new", 0, 0, statuses["new"]},
		"assigned is open":  {fmt.Sprintf(`,"assignee_id":%d`, ann.ID), "open", support, ann.ID, statuses["open"]},
		"new is not kept":   {fmt.Sprintf(`,"status":"new","assignee_id":%d`, ann.ID), "open", support, ann.ID, statuses["open"]},
		"by e-mail":         {`,"assignee_email":"BOB@acme.example"`, "open", second.ID, bob.ID, statuses["open"]},
		"id before e-mail":  {fmt.Sprintf(`,"assignee_id":"%d","assignee_email":"bob@acme.example"`, ann.ID), "open", support, ann.ID, statuses["open"]},
		"assignee object":   {`,"assignee":{"email":"bob@acme.example"}`, "new", 0, 0, statuses["new"]},
		"group alone":       {fmt.Sprintf(`,"group_id":%d`, second.ID), "new", second.ID, 0, statuses["new"]},
		"solved":            {fmt.Sprintf(`,"status":"solved","assignee_id":%d`, ann.ID), "solved", support, ann.ID, statuses["solved"]},
		"closed":            {fmt.Sprintf(`,"status":"closed","assignee_id":%d`, ann.ID), "closed", support, ann.ID, statuses["solved"]},
		"custom status":     {fmt.Sprintf(`,"custom_status_id":%d`, waiting.ID), "pending", 0, 0, waiting.ID},
		"status and custom": {fmt.Sprintf(`,"status":"open","custom_status_id":%d`, waiting.ID), "pending", 0, 0, waiting.ID},
	} {
		t.Run(name, func(t *testing.T) {
			a := b.create(plain+c.in).want(t, 201)
			if a.at("ticket", "status") != c.status || a.id("ticket", "group_id") != c.group ||
				a.id("ticket", "assignee_id") != c.assignee || a.id("ticket", "custom_status_id") != c.cust {
				t.Errorf("got %v %v %v %v", a.at("ticket", "status"), a.id("ticket", "group_id"), a.id("ticket", "assignee_id"), a.id("ticket", "custom_status_id"))
			}
		})
	}
}

func TestPeople(t *testing.T) {
	b := newBench(t, Config{})
	end := b.acme.AddUser(User{Name: "Vera", Email: "Vera@Example.com"})
	for name, c := range map[string]struct {
		in        string
		requester int64 // 0 = a new one
	}{
		"nobody":          {``, b.acme.Users()[0].ID},
		"id":              {fmt.Sprintf(`,"requester_id":%d`, end.ID), end.ID},
		"id as text":      {fmt.Sprintf(`,"requester":"%d"`, end.ID), end.ID},
		"address":         {`,"requester":"vera@example.com"`, end.ID},
		"known person":    {`,"requester":{"email":"VERA@example.com"}`, end.ID},
		"id goes first":   {fmt.Sprintf(`,"requester_id":%d,"requester":{"name":"X","email":"x@example.com"}`, end.ID), end.ID},
		"new person":      {`,"requester":{"name":"Neo","email":"neo@example.com"}`, 0},
		"without address": {`,"requester":{"name":"Anonymous"}`, 0},
	} {
		t.Run(name, func(t *testing.T) {
			before := len(b.acme.Users())
			a := b.create(plain+c.in).want(t, 201)
			id := a.id("ticket", "requester_id")
			if c.requester != 0 && id != c.requester {
				t.Errorf("requester %d, want %d", id, c.requester)
			}
			if grown := len(b.acme.Users()) - before; (grown == 1) != (c.requester == 0) {
				t.Errorf("%d new users", grown)
			}
		})
	}
	// The submitter becomes the author of the first comment.
	a := b.create(plain+fmt.Sprintf(`,"submitter_id":%d`, end.ID)).want(t, 201)
	if a.id("audit", "events", 0, "author_id") != end.ID {
		t.Errorf("author %v", a.at("audit", "events", 0, "author_id"))
	}
	a = b.create(fmt.Sprintf(`"comment":{"body":"x","author_id":%d}`, end.ID)).want(t, 201)
	if a.id("audit", "events", 0, "author_id") != end.ID {
		t.Errorf("author %v", a.at("audit", "events", 0, "author_id"))
	}
}

func TestComments(t *testing.T) {
	b := newBench(t, Config{})
	long := strings.Repeat("é", maxComment)
	for name, c := range map[string]struct{ in, body, html string }{
		"html is stripped":       {`{"body":"a <b>bold</b> <!-- x --> 1 < 2"}`, "a bold 1 < 2", ""},
		"spaces collapse":        {`{"body":"a   b\n\n\nc\n \nd"}`, "a b\nc\n \nd", `<div class="zd-comment" dir="auto"><p dir="auto">a b<br>c<br> <br>d</p></div>`},
		"html stays":             {`{"html_body":"<p>a &amp; b</p><p>c</p>"}`, "a & b\nc", `<div class="zd-comment" dir="auto"><p>a &amp; b</p><p>c</p></div>`},
		"html goes first":        {`{"body":"x","html_body":"<i>y</i>"}`, "y", ""},
		"placeholders vanish":    {`{"body":"live {{ user.secret }} and {% if x %}y{% endif %}"}`, "live and y", ""},
		"placeholders render":    {`{"body":"{{ticket.title}} in {{ticket.account}} #{{ticket.id}} {{ticket.status}}"}`, "", ""},
		"escaped braces stay":    {`{"html_body":"&#123;&#123;x}}"}`, "{{x}}", `<div class="zd-comment" dir="auto">&#123;&#123;x}}</div>`},
		"too long is cut":        {`{"body":"` + long + `"}`, long[:maxComment], ""},
		"unfinished braces stay": {`{"body":"a {{ b"}`, "a {{ b", ""},
	} {
		t.Run(name, func(t *testing.T) {
			a := b.create(`"subject":"S","comment":`+c.in).want(t, 201)
			got := b.do("GET", fmt.Sprintf("/api/v2/tickets/%d/comments", a.id("ticket", "id")), "").want(t, 200)
			if name == "placeholders render" {
				c.body = fmt.Sprintf("S in acme #%d new", a.id("ticket", "id"))
			}
			if got.at("comments", 0, "body") != c.body {
				t.Errorf("body %.100q, want %.100q", got.at("comments", 0, "body"), c.body)
			}
			if c.html != "" && got.at("comments", 0, "html_body") != c.html {
				t.Errorf("html %.200q", got.at("comments", 0, "html_body"))
			}
		})
	}
	if cut := b.acme.Tickets(); !slices.ContainsFunc(cut, func(t Ticket) bool { return t.Comments[0].Truncated }) {
		t.Error("no comment is marked as cut")
	}
}

func TestPrivacy(t *testing.T) {
	b := newBench(t, Config{})
	note := func(id int64, in string) answer {
		return b.do("PUT", fmt.Sprintf("/api/v2/tickets/%d", id), `{"ticket":{"comment":`+in+`}}`).want(t, 200)
	}
	private := b.create(`"comment":{"body":"x","public":false}`).want(t, 201)
	wantJSON(t, private.at("ticket", "is_public"), "false")
	id := private.id("ticket", "id")
	wantJSON(t, note(id, `{"body":"stays private"}`).at("audit", "events", 0, "public"), "false")
	wantJSON(t, note(id, `{"body":"now public","public":true}`).at("ticket", "is_public"), "true")
	wantJSON(t, note(id, `{"body":"stays public"}`).at("audit", "events", 0, "public"), "true")
	wantJSON(t, b.create(`"is_public":false,"description":"x"`).want(t, 201).at("ticket", "is_public"), "true")

	b.agent("light", func(u *User) { u.RoleType = new(LightAgent) })
	r := b.request("POST", "/api/v2/tickets", `{"ticket":{"comment":{"body":"x","public":true}}}`)
	r.SetBasicAuth("light@acme.example/token", "secret")
	a, err := b.try(r)
	if err != nil {
		t.Fatal(err)
	}
	wantJSON(t, a.want(t, 201).at("ticket", "is_public"), "false")
}

func TestUpdate(t *testing.T) {
	b := newBench(t, Config{})
	ann := b.agent("ann")
	b.create(plain+`,"priority":"low","tags":["one","two"]`).want(t, 201)
	b.clock.move(60e9)
	a := b.do("PUT", "/api/v2/tickets/1", fmt.Sprintf(`{"ticket":{"status":"solved","assignee_id":%d,"tags":"three","external_id":"e"}}`, ann.ID)).want(t, 200)
	wantJSON(t, a.at("ticket", "tags"), `["three"]`)
	wantJSON(t, a.at("ticket", "updated_at"), `"2026-11-24T10:01:00Z"`)
	wantJSON(t, a.at("audit", "events", 0, "type"), `"Change"`)
	if got := b.acme.TicketByExternalID("e"); len(got) != 1 || got[0].SolvedAt.IsZero() {
		t.Errorf("by external id: %v", got)
	}
	b.do("PUT", "/api/v2/tickets/1", `{"ticket":{"external_id":"f"}}`).want(t, 200)
	if len(b.acme.TicketByExternalID("e")) != 0 || len(b.acme.TicketByExternalID("f")) != 1 {
		t.Error("the external id did not move")
	}
	b.do("PUT", "/api/v2/tickets/77", `{"ticket":{}}`).want(t, 404)
	b.do("PUT", "/api/v2/tickets/1", `{"ticket":{"safe_update":true,"updated_stamp":"2026-11-24T10:00:00Z"}}`).want(t, 409)
	b.do("PUT", "/api/v2/tickets/1", `{"ticket":{"safe_update":true,"updated_stamp":"2026-11-24T10:01:00Z"}}`).want(t, 200)
	a = b.do("PUT", "/api/v2/tickets/1", `{"ticket":{"priority":null}}`).want(t, 422)
	wantJSON(t, a.at("details"), `{"priority":[{"description":"Priority: cannot be reset"}]}`)
	a = b.do("PUT", "/api/v2/tickets/1", `{"ticket":{"status":"new"}}`).want(t, 200)
	wantJSON(t, a.at("ticket", "status"), `"open"`)
	if !b.acme.Tickets()[0].SolvedAt.IsZero() {
		t.Error("still solved")
	}
	a = b.do("PUT", "/api/v2/tickets/1", `{"ticket":{"assignee_id":null}}`).want(t, 200)
	wantJSON(t, a.at("ticket", "assignee_id"), "null")
}

func TestMoveToAGroupLosesTheAssignee(t *testing.T) {
	b := newBench(t, Config{})
	ann := b.agent("ann")
	other := b.acme.AddGroup(Group{Name: "Other"})
	b.create(plain+fmt.Sprintf(`,"assignee_id":%d`, ann.ID)).want(t, 201)
	a := b.do("PUT", "/api/v2/tickets/1", fmt.Sprintf(`{"ticket":{"group_id":%d}}`, other.ID)).want(t, 200)
	wantJSON(t, a.at("ticket", "assignee_id"), "null")
}

func TestClosedTicket(t *testing.T) {
	b := newBench(t, Config{})
	b.create(plain+`,"priority":"low"`).want(t, 201)
	if !b.acme.CloseTicket(1) || b.acme.CloseTicket(2) {
		t.Fatal("CloseTicket")
	}
	for in, status := range map[string]int{
		`"tags":["x"]`: 200, `"subject":"y"`: 200, `"priority":"high"`: 200, `"comment":{"body":"late"}`: 422, `"status":"open"`: 422,
	} {
		a := b.do("PUT", "/api/v2/tickets/1", `{"ticket":{`+in+`}}`).want(t, status)
		if status == 422 {
			wantJSON(t, a.at("details"), `{"status":[{"description":"closed prevents ticket update"}]}`)
		}
	}
	a := b.create(plain+`,"via_followup_source_id":1`).want(t, 201)
	wantJSON(t, a.at("ticket", "via", "source", "rel"), `"follow_up"`)
	wantJSON(t, b.do("GET", "/api/v2/tickets/1", "").at("ticket", "followup_ids"), `[2]`)
	b.create(plain+`,"via_followup_source_id":2`).want(t, 422)
}

func TestListTickets(t *testing.T) {
	b := newBench(t, Config{})
	for i := range 7 {
		b.create(plain+fmt.Sprintf(`,"external_id":"e%d"`, i%5)).want(t, 201)
	}
	a := b.do("GET", "/api/v2/tickets?external_id=e1", "").want(t, 200)
	wantJSON(t, a.at("count"), "2")
	wantJSON(t, b.do("GET", "/api/v2/tickets?external_id=none", "").want(t, 200).at("tickets"), "[]")

	a = b.do("GET", "/api/v2/tickets.json?per_page=3&page=2", "").want(t, 200)
	if a.id("tickets", 0, "id") != 4 || !strings.Contains(a.at("next_page").(string), "page=3") || !strings.Contains(a.at("previous_page").(string), "page=1") {
		t.Errorf("page 2: %.300s", a.raw)
	}
	wantJSON(t, b.do("GET", "/api/v2/tickets?page=1001&per_page=10", "").want(t, 400).at("errors", 0, "code"), `"InvalidPaginationDepth"`)

	var seen []int64
	path := "/api/v2/tickets?page[size]=3"
	for range 5 {
		a = b.do("GET", path, "").want(t, 200)
		for i := range a.at("tickets").([]any) {
			seen = append(seen, a.id("tickets", i, "id"))
		}
		if a.at("meta", "has_more") == false {
			break
		}
		path = strings.TrimPrefix(a.at("links", "next").(string), b.url)
	}
	wantJSON(t, seen, "[1,2,3,4,5,6,7]")
	path = strings.TrimPrefix(a.at("links", "prev").(string), b.url)
	wantJSON(t, b.do("GET", path, "").want(t, 200).at("tickets", 0, "id"), "4")
	for _, bad := range []string{"page[size]=0", "page[size]=101", "page[size]=5&page[after]=zzz", "page[size]=5&page[before]=!"} {
		b.do("GET", "/api/v2/tickets?"+bad, "").want(t, 400)
	}

	a = b.do("GET", "/api/v2/tickets/show_many?ids=3,1,99", "").want(t, 200)
	if a.id("tickets", 0, "id") != 3 || a.id("count") != 2 {
		t.Errorf("show_many: %.200s", a.raw)
	}
	b.do("GET", "/api/v2/tickets/show_many?ids="+strings.Repeat("1,", 101), "").want(t, 400)
	wantJSON(t, b.do("GET", "/api/v2/tickets/1/audits", "").want(t, 200).at("count"), "1")
	b.do("PUT", "/api/v2/tickets/1", `{"ticket":{"comment":{"body":"second"}}}`).want(t, 200)
	wantJSON(t, b.do("GET", "/api/v2/tickets/1/comments?sort_order=desc&page[size]=1", "").want(t, 200).at("comments", 0, "body"), `"second"`)
	for _, p := range []string{"/api/v2/tickets/99/comments", "/api/v2/tickets/99/audits"} {
		b.do("GET", p, "").want(t, 404)
	}
}

func TestURLs(t *testing.T) {
	b := newBench(t, Config{Switches: Switches{URLWithoutJSON: true, APIWarnHeader: true}}, func(a *Account) { a.URLHost = "z3n-old.example" })
	a := b.create(plain+`,"nonsense":1`).want(t, 201)
	wantJSON(t, a.at("ticket", "url"), `"https://z3n-old.example/api/v2/tickets/1"`)
	if w := a.header.Get("x-zendesk-api-warn"); !strings.Contains(w, `:unpermitted_keys=>["ticket.nonsense"]`) {
		t.Errorf("warn header %q", w)
	}
	a = b.do("PUT", "/api/v2/tickets/1", `{"ticket":{"x":1}}`).want(t, 200)
	if w := a.header.Get("x-zendesk-api-warn"); !strings.Contains(w, `:action=>"update"`) {
		t.Errorf("warn header %q", w)
	}
}
