package simzendesk

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func many(n int, inside func(i int) string) string {
	items := make([]string, n)
	for i := range items {
		items[i] = "{" + inside(i) + "}"
	}
	return `{"tickets":[` + strings.Join(items, ",") + `]}`
}

func same(i int) string { return plain + fmt.Sprintf(`,"external_id":"e%d"`, i) }

func (b *bench) job(path, body string) (id string) {
	b.t.Helper()
	method := "POST"
	if strings.Contains(path, "update_many") {
		method = "PUT"
	}
	a := b.do(method, path, body).want(b.t, 200)
	id, _ = a.at("job_status", "id").(string)
	if !strings.HasPrefix(id, "V3-") || len(id) != 35 || a.at("job_status", "status") != "queued" || a.at("job_status", "results") != nil {
		b.t.Fatalf("job: %s", a.raw)
	}
	return id
}

func (b *bench) status(id string) answer {
	b.t.Helper()
	return b.do("GET", "/api/v2/job_statuses/"+id, "").want(b.t, 200)
}

func TestCreateMany(t *testing.T) {
	b := newBench(t, Config{JobDelay: 10 * time.Second})
	id := b.job("/api/v2/tickets/create_many", many(20, same))
	wantJSON(t, b.status(id).at("job_status", "status"), `"queued"`)
	b.clock.move(7500 * time.Millisecond)
	a := b.status(id)
	if a.at("job_status", "status") != "working" || a.id("job_status", "progress") != 10 || a.at("job_status", "results") != nil || a.at("job_status", "message") != "Creating ticket #10" {
		t.Errorf("half-way: %s", a.raw)
	}
	if n := len(b.acme.Tickets()); n != 10 {
		t.Errorf("%d tickets half-way", n)
	}
	b.clock.move(2500 * time.Millisecond)
	a = b.status(id)
	if a.at("job_status", "status") != "completed" || a.at("job_status", "message") != "Completed at 2026-11-24 10:00:10 +0000" || a.id("job_status", "total") != 20 {
		t.Errorf("end: %.300s", a.raw)
	}
	var ids []int64
	for i := range 20 {
		if a.id("job_status", "results", i, "index") != int64(i) || a.id("job_status", "results", i, "account_id") == 0 {
			t.Errorf("result %d: %v", i, a.at("job_status", "results", i))
		}
		ids = append(ids, a.id("job_status", "results", i, "id"))
		if got := b.acme.TicketByExternalID(fmt.Sprintf("e%d", i)); len(got) != 1 || got[0].ID != ids[i] {
			t.Errorf("ticket of index %d: %v", i, got)
		}
	}
	if slices.IsSorted(ids) {
		t.Error("the ids are in the order of the indexes")
	}
	wantJSON(t, b.do("GET", "/api/v2/job_statuses/show_many?ids="+id+",x", "").want(t, 200).at("job_statuses", 0, "status"), `"completed"`)
	wantJSON(t, b.do("GET", "/api/v2/job_statuses?page[size]=10", "").want(t, 200).at("job_statuses", 0, "job_type"), `"Bulk Create Ticket"`)
	b.clock.move(25 * time.Hour)
	b.do("GET", "/api/v2/job_statuses/"+id, "").want(t, 404)
}

func TestEndedJobsNeedNotBeListed(t *testing.T) {
	b := newBench(t, Config{JobDelay: 10 * time.Second, Switches: Switches{EndedJobsUnlisted: true}})
	id := b.job("/api/v2/tickets/create_many", many(2, same))
	wantJSON(t, b.do("GET", "/api/v2/job_statuses", "").at("job_statuses", 0, "id"), `"`+id+`"`)
	b.clock.move(10 * time.Second)
	wantJSON(t, b.do("GET", "/api/v2/job_statuses", "").at("job_statuses"), "[]")
	wantJSON(t, b.status(id).at("job_status", "status"), `"completed"`)
}

func TestBulkBodies(t *testing.T) {
	b := newBench(t, Config{})
	for _, path := range []string{"/api/v2/tickets/create_many", "/api/v2/imports/tickets/create_many"} {
		wantJSON(t, b.do("POST", path, many(101, same)).want(t, 400).body,
			`{"description":"Parameter  cannot specify more than 100 values","error":"TooManyValues","max_count":100}`)
		b.do("POST", path, `{`).want(t, 400)
	}
	b.do("PUT", "/api/v2/tickets/update_many", `{`).want(t, 400)
	b.do("PUT", "/api/v2/tickets/update_many", many(101, same)).want(t, 400)
	b.do("PUT", "/api/v2/tickets/update_many?ids="+strings.Repeat("1,", 101), `{"ticket":{}}`).want(t, 400)
	b.do("GET", "/api/v2/job_statuses/show_many?ids="+strings.Repeat("1,", 101), "").want(t, 400)
}

func TestItemsFailOneByOne(t *testing.T) {
	bad := func(i int) string {
		if i == 1 {
			return `"subject":"no comment"`
		}
		return plain
	}
	for partial, want := range map[PartialJob]string{PartialCompleted: "completed", PartialFailed: "failed"} {
		b := newBench(t, Config{Switches: Switches{PartialJob: partial}})
		a := b.status(b.job("/api/v2/tickets/create_many", many(3, bad)))
		if a.at("job_status", "status") != want {
			t.Errorf("%s: %s", partial, a.raw)
		}
		wantJSON(t, a.at("job_status", "results", 1), `{"details":"Description: cannot be blank","error":"TicketCreateFailed","index":1}`)
	}
	b := newBench(t, Config{})
	a := b.status(b.job("/api/v2/tickets/create_many", `{"tickets":[{}]}`))
	if a.at("job_status", "status") != "failed" || a.at("job_status", "message") != "Failed at 2026-11-24 10:00:00 +0000" {
		t.Errorf("%s", a.raw)
	}
}

func TestJobResults(t *testing.T) {
	bad := func(i int) string {
		if i == 1 {
			return `"subject":"no comment"`
		}
		return same(i)
	}
	for how, indexed := range map[JobResults]bool{ResultsShuffled: true, ResultsWithoutIndex: false} {
		b := newBench(t, Config{Switches: Switches{JobResults: how}})
		a := b.status(b.job("/api/v2/tickets/create_many", many(8, bad)))
		var indexes, ids []int64
		for i := range 8 {
			result, _ := a.at("job_status", "results", i).(map[string]any)
			if result["error"] != nil {
				wantJSON(t, result["index"], "1")
				continue
			}
			if _, has := result["index"]; has != indexed {
				t.Errorf("%s: %v", how, result)
			}
			indexes, ids = append(indexes, a.id("job_status", "results", i, "index")), append(ids, a.id("job_status", "results", i, "id"))
		}
		if !slices.IsSorted(ids) || indexed && slices.IsSorted(indexes) {
			t.Errorf("%s: indexes %v, ids %v", how, indexes, ids)
		}
	}
}

func TestUpdateMany(t *testing.T) {
	b := newBench(t, Config{})
	for i := range 3 {
		b.create(same(i)+`,"tags":["old"]`).want(t, 201)
	}
	a := b.status(b.job("/api/v2/tickets/update_many?ids=1,2,99", `{"ticket":{"additional_tags":["new"],"remove_tags":["old"]}}`))
	wantJSON(t, a.at("job_status", "results"), `[{"action":"update","id":1,"index":0,"status":"Updated","success":true},{"action":"update","id":2,"index":1,"status":"Updated","success":true},`+
		`{"action":"update","details":"Ticket not found","error":"TicketNotFound","id":99,"index":2,"success":false}]`)
	wantJSON(t, b.acme.Tickets()[1].Tags, `["new"]`)
	a = b.status(b.job("/api/v2/tickets/update_many", `{"tickets":[{"id":1,"priority":"low"},{"id":2,"updated_stamp":"2020-01-01T00:00:00Z"},{"id":3,"status":"solved"}]}`))
	wantJSON(t, a.at("job_status", "results", 1, "error"), `"UpdateConflict"`)
	wantJSON(t, a.at("job_status", "results", 2, "details"), `"Assignee: is required when solving a ticket"`)
	wantJSON(t, b.acme.Tickets()[0].Priority, `"low"`)
}

func TestTooManyJobs(t *testing.T) {
	for status, want := range map[int]int{0: 429, 422: 422} {
		b := newBench(t, Config{JobDelay: time.Minute, Switches: Switches{TooManyJobsStatus: status}})
		for i := range maxJobs {
			a := b.do("POST", "/api/v2/tickets/create_many", many(1, same)).want(t, 200)
			if got := a.header.Get("zendesk-ratelimit-inflight-jobs"); got != fmt.Sprintf("total=30; remaining=%d; resets=60", maxJobs-1-i) {
				t.Errorf("header %q", got)
			}
		}
		a := b.do("POST", "/api/v2/imports/tickets/create_many", many(1, same)).want(t, want)
		if a.at("error") != "TooManyJobs" || len(a.at("current_job_ids").([]any)) != maxJobs {
			t.Errorf("%s", a.raw)
		}
		b.clock.move(time.Minute)
		b.job("/api/v2/tickets/create_many", many(1, same))
	}
}

func TestOldJobsAreForgotten(t *testing.T) {
	b := newBench(t, Config{})
	for range maxKeptJobs + 5 {
		b.acme.jobOrder = append(b.acme.jobOrder, &job{id: "x", state: "completed", created: b.clock.now()})
	}
	b.acme.Tickets()
	if n := len(b.acme.jobOrder); n != maxKeptJobs {
		t.Errorf("%d jobs kept", n)
	}
}

func TestJobFaults(t *testing.T) {
	for kind, c := range map[FaultKind]struct {
		fault   Fault
		status  string // "" = 404
		tickets int
	}{
		JobPartialFailure: {Fault{}, "completed", 2},
		"items":           {Fault{Kind: JobPartialFailure, Items: []int{0, 1, 2}, Body: "gone wrong"}, "completed", 1},
		JobVanishes:       {Fault{}, "", 4},
		JobLost:           {Fault{}, "", 0},
		JobKilled:         {Fault{}, "killed", 2},
		JobStuck:          {Fault{}, "working", 2},
	} {
		t.Run(string(kind), func(t *testing.T) {
			b := newBench(t, Config{})
			if c.fault.Kind == "" {
				c.fault.Kind = kind
			}
			c.fault.Path, c.fault.Times = "/api/v2/tickets/create_many", 1
			b.acme.Fault(c.fault)
			id := b.job("/api/v2/tickets/create_many", many(4, same))
			if c.status == "" {
				b.do("GET", "/api/v2/job_statuses/"+id, "").want(t, 404)
				wantJSON(t, b.do("GET", "/api/v2/job_statuses", "").at("job_statuses"), "[]")
			} else {
				a := b.status(id)
				wantJSON(t, a.at("job_status", "status"), `"`+c.status+`"`)
				if kind == "items" {
					wantJSON(t, a.at("job_status", "results", 2), `{"details":"gone wrong","error":"TicketCreateFailed","index":2}`)
				}
			}
			if n := len(b.acme.Tickets()); n != c.tickets {
				t.Errorf("%d tickets, want %d", n, c.tickets)
			}
		})
	}
}

func TestImport(t *testing.T) {
	b := newBench(t, Config{})
	a := b.do("POST", "/api/v2/imports/tickets", `{"ticket":{"subject":"Old","description":"first","requester":{"name":"V","email":"v@example.com"},"created_at":"1969-05-05T00:00:00Z",
		"comments":[{"value":"second","public":false,"created_at":"2020-01-02T03:04:05Z"},{"body":"third","created_at":"2020-01-02T03:04:06Z"}],"status":"solved","solved_at":"2020-01-03T00:00:00Z"}}`).want(t, 201)
	if a.at("audit") != nil || a.at("ticket", "created_at") != "1970-01-01T00:00:00Z" || a.at("ticket", "status") != "solved" || a.at("ticket", "description") != "first" {
		t.Errorf("%.600s", a.raw)
	}
	got := b.acme.Tickets()[0]
	if len(got.Comments) != 3 || got.Comments[0].Body != "first" || got.Comments[1].Public || got.Comments[2].Body != "third" || !got.Imported {
		t.Errorf("comments %+v", got.Comments)
	}
	if n := b.acme.Notifications(); len(n) != 0 {
		t.Errorf("an import mailed %v", n)
	}
	for _, in := range []string{`"created_at":"2030-01-01T00:00:00Z"`, `"created_at":"yesterday"`, `"comments":[{"value":"x","created_at":"2030-01-01T00:00:00Z"}]`, `"comments":[{"value":"x","author_id":5}]`} {
		b.do("POST", "/api/v2/imports/tickets", `{"ticket":{"description":"x",`+in+`}}`).want(t, 422)
	}
	if a := b.do("POST", "/api/v2/imports/tickets", `{"ticket":{"description":"x"}}`, "Idempotency-Key", "k").want(t, 201); a.header.Get("x-idempotency-lookup") != "" {
		t.Error("the import minds Idempotency-Key")
	}
	// The archive is not listed, but found.
	b.do("POST", "/api/v2/imports/tickets?archive_immediately=true", `{"ticket":{"description":"x","external_id":"arc","status":"closed"}}`).want(t, 201)
	wantJSON(t, b.do("GET", "/api/v2/tickets?external_id=arc", "").at("count"), "0")
	wantJSON(t, b.do("GET", "/api/v2/search?query=type:ticket+external_id:arc", "").want(t, 200).at("count"), "1")
	s := b.status(b.job("/api/v2/imports/tickets/create_many", many(2, func(int) string { return `"description":"x","comments":[{"value":"y"}]` })))
	wantJSON(t, s.at("job_status", "job_type"), `"Bulk Import Ticket"`)

	strict := newBench(t, Config{Switches: Switches{ImportValidatesRequired: true}})
	strict.do("POST", "/api/v2/imports/tickets", `{"ticket":{"description":"x","status":"solved"}}`).want(t, 422)
}
