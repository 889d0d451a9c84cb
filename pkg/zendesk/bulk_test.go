package zendesk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"passerelle/pkg/sim/simzendesk"
	"passerelle/pkg/ticket"
)

// simulated gives a client of a simulated account.
func simulated(t *testing.T, cfg simzendesk.Config) (*Client, *simzendesk.AccountState) {
	t.Helper()
	server := simzendesk.New(cfg)
	account := server.AddAccount(simzendesk.Account{Name: "acme", APIToken: "secret"})
	web := httptest.NewServer(server)
	c := NewClient(Account{
		Name: "acme", URL: web.URL + "/acme", APIToken: func() (string, string, error) { return "admin@acme.example", "secret", nil },
	}, nil)
	t.Cleanup(func() {
		c.Close()
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		web.Close()
	})
	return c, account
}

func drafts(account *simzendesk.AccountState, n int) []ticket.Draft {
	agent := account.AddUser(simzendesk.User{Name: "Chloé", Email: "chloe@acme.example", Role: simzendesk.RoleAgent})
	out := make([]ticket.Draft, n)
	for i := range out {
		out[i] = ticket.Draft{
			ExternalID: fmt.Sprintf("iadvize:c%d", i), Status: "solved", AssigneeID: agent.ID, Subject: "s",
			Requester: ticket.Requester{Name: "Ada", Email: fmt.Sprintf("ada%d@example.com", i)},
			StartedAt: time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC), ClosedAt: time.Date(2026, 1, 2, 4, 0, 0, 0, time.UTC),
			Comments: []ticket.Comment{{HTML: "<p>one</p>"}},
		}
	}
	return out
}

func TestCreateManyFollowsTheJob(t *testing.T) {
	for _, results := range []simzendesk.JobResults{simzendesk.ResultsByIndex, simzendesk.ResultsShuffled, simzendesk.ResultsWithoutIndex} {
		for _, imported := range []bool{false, true} {
			c, account := simulated(t, simzendesk.Config{Switches: simzendesk.Switches{JobResults: results, PartialJob: simzendesk.PartialFailed}})
			all := drafts(account, 20)
			all[3].AssigneeID = 1 // nobody
			job, err := c.CreateMany(t.Context(), all, imported)
			if err != nil || job.ID == "" || job.Done || job.State != JobQueued || job.Total != 20 || job.Results != nil {
				t.Fatalf("job = %+v, %v", job, err)
			}
			jobs, err := c.Jobs(t.Context(), []string{"gone", job.ID})
			if err != nil || len(jobs) != 1 {
				t.Fatalf("jobs = %+v, %v", jobs, err)
			}
			job = jobs[job.ID]
			if !job.Done || len(job.Results) != 20 {
				t.Fatalf("job = %+v", job)
			}
			var unknown []int64
			made := map[int]int64{}
			for _, r := range job.Results {
				switch {
				case r.Failed:
					if r.Index != 3 || !strings.HasSuffix(r.Code, "Failed") {
						t.Errorf("result = %+v", r)
					}
				case r.Index < 0:
					unknown = append(unknown, r.ID)
				default:
					made[r.Index] = r.ID
				}
			}
			names, err := c.ExternalIDs(t.Context(), append(unknown, 999))
			if err != nil || len(names) != len(unknown) {
				t.Fatalf("external ids = %v, %v", names, err)
			}
			for id, name := range names {
				index := slices.IndexFunc(all, func(d ticket.Draft) bool { return d.ExternalID == name })
				made[index] = id
			}
			if (len(unknown) == 0) == (results == simzendesk.ResultsWithoutIndex) || len(made) != 19 {
				t.Errorf("%q: %d results without an index, %d tickets", results, len(unknown), len(made))
			}
			for index, id := range made {
				got := account.TicketByExternalID(all[index].ExternalID)
				if len(got) != 1 || got[0].ID != id || got[0].Status != "solved" || got[0].IsPublic || got[0].Imported != imported {
					t.Fatalf("ticket of %d = %+v", index, got)
				}
				if imported && !(got[0].CreatedAt.Equal(all[index].StartedAt) && got[0].SolvedAt.Equal(all[index].ClosedAt) && got[0].UpdatedAt.Equal(all[index].ClosedAt) && got[0].Comments[0].CreatedAt.Equal(all[index].ClosedAt)) {
					t.Errorf("times of the imported ticket = %+v", got[0])
				}
			}
		}
	}
}

func TestLatestJobs(t *testing.T) {
	c, account := simulated(t, simzendesk.Config{JobDelay: time.Hour})
	all := drafts(account, 3)
	for range MaxJobs {
		if _, err := c.CreateMany(t.Context(), all, false); err != nil {
			t.Fatal(err)
		}
	}
	jobs, err := c.LatestJobs(t.Context())
	if err != nil || len(jobs) != MaxJobs || jobs[0].Total != 3 || jobs[0].State != JobQueued {
		t.Errorf("running = %+v, %v", jobs, err)
	}
	for _, status := range []int{429, 422, 503} {
		account.Fault(simzendesk.Fault{Kind: simzendesk.TooManyJobs, Status: status, Times: 1})
		_, err = c.CreateMany(t.Context(), all, false)
		if f := failure(t, err); f.Trouble != ticket.TroubleAccount || !f.Limited || f.After != jobsWait || !errors.Is(err, ErrTooManyJobs) {
			t.Errorf("failure = %+v", f)
		}
	}
}

func TestALostJobIsUncertain(t *testing.T) {
	for _, kind := range []simzendesk.FaultKind{simzendesk.ResetAfter, simzendesk.ResetBefore, simzendesk.HTML502After, simzendesk.TruncatedBody, simzendesk.Conflict409After, simzendesk.NonJSON200} {
		c, account := simulated(t, simzendesk.Config{JobDelay: time.Hour})
		account.Fault(simzendesk.Fault{Kind: kind, Times: 1})
		_, err := c.CreateMany(t.Context(), drafts(account, 2), false)
		if f := failure(t, err); f.Trouble != ticket.TroubleUncertain || f.Limited {
			t.Errorf("%s: %+v", kind, f)
		}
		jobs, err := c.LatestJobs(t.Context())
		if ran := kind != simzendesk.ResetBefore && kind != simzendesk.NonJSON200; err != nil || len(jobs) != 1 && ran {
			t.Errorf("%s: %+v, %v", kind, jobs, err)
		}
	}
	_, err := client(t, say(200, `{"job_status":{}}`)).CreateMany(t.Context(), []ticket.Draft{draft}, false)
	if f := failure(t, err); f.Trouble != ticket.TroubleUncertain {
		t.Errorf("failure = %+v", f)
	}
}

func TestCheckImport(t *testing.T) {
	for _, s := range []simzendesk.Switches{{}, {ImportIgnoresRequester: true}, {ImportIgnoresForm: true}} {
		c, account := simulated(t, simzendesk.Config{Switches: s})
		form := account.AddForm(simzendesk.Form{Name: "Chat"})
		all := drafts(account, 3)
		all[0].FormID, all[1].FormID, all[2].Requester.Email = form.ID, form.ID, ""
		job, err := c.CreateMany(t.Context(), all, true)
		if err != nil {
			t.Fatal(err)
		}
		jobs, err := c.Jobs(t.Context(), []string{job.ID})
		if err != nil {
			t.Fatal(err)
		}
		made := map[int64]ticket.Draft{4711: all[0]}
		for _, r := range jobs[job.ID].Results {
			made[r.ID] = all[r.Index]
		}
		wrong, err := c.CheckImport(t.Context(), made)
		want := 0
		if s.ImportIgnoresRequester {
			want = 3
		} else if s.ImportIgnoresForm {
			want = 2
		}
		if err != nil || len(wrong) != want {
			t.Fatalf("%+v: wrong = %v, %v", s, wrong, err)
		}
		if want == 0 {
			continue
		}
		mending, err := c.MendImport(t.Context(), wrong)
		if err != nil {
			t.Fatal(err)
		}
		jobs, err = c.Jobs(t.Context(), []string{mending.ID})
		if err != nil || !jobs[mending.ID].Done || len(jobs[mending.ID].Results) != want || jobs[mending.ID].Results[0].Failed {
			t.Fatalf("mending = %+v, %v", jobs, err)
		}
		if wrong, err = c.CheckImport(t.Context(), made); err != nil || len(wrong) != 0 {
			t.Errorf("after mending %v, %v", wrong, err)
		}
	}
}

func TestImportIsForAdministrators(t *testing.T) {
	c := client(t, say(403, `{"error":{"title":"Forbidden","message":"m"}}`))
	for imported, refused := range map[bool]bool{true: true, false: false} {
		_, err := c.CreateMany(t.Context(), []ticket.Draft{draft}, imported)
		if f := failure(t, err); errors.Is(err, ErrImportRefused) != refused || f.Trouble != ticket.TroubleAccount {
			t.Errorf("imported %v: %+v", imported, f)
		}
	}
}

func TestImportBody(t *testing.T) {
	var bodies []string
	c := client(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		bodies = append(bodies, r.URL.Path+" "+string(body))
		_, _ = io.WriteString(w, `{"job_status":{"id":"V3-1","status":"queued"}}`)
	})
	c.account.Now = func() time.Time { return time.Date(2026, 1, 2, 4, 0, 5, 0, time.UTC) }
	d := draft
	d.ClosedAt = time.Date(2026, 1, 2, 4, 0, 0, 0, time.UTC)
	if _, err := c.CreateMany(t.Context(), []ticket.Draft{d}, true); err != nil {
		t.Fatal(err)
	}
	const want = `/api/v2/imports/tickets/create_many {"tickets":[{"subject":"s","requester":{"name":"Ada","email":"ada@example.com"},"assignee_id":7,"ticket_form_id":9,"status":"solved",` +
		`"external_id":"iadvize:c1","tags":["iadvize"],"custom_fields":[{"id":10,"value":"c1"}],` +
		`"comments":[{"html_body":"\u003cp\u003eone\u003c/p\u003e","public":false,"created_at":"2026-01-02T03:59:55Z"},{"html_body":"\u003cp\u003etwo\u003c/p\u003e","public":true,"created_at":"2026-01-02T03:59:55Z"}],` +
		`"created_at":"2026-01-02T03:59:55Z","updated_at":"2026-01-02T03:59:55Z","solved_at":"2026-01-02T03:59:55Z"}]}`
	if bodies[0] != want {
		t.Errorf("body = %s\nwant   %s", bodies[0], want)
	}
	d.ClosedAt = time.Time{}
	if _, err := c.CreateMany(t.Context(), []ticket.Draft{d}, true); err != nil || strings.Contains(bodies[1], "_at") {
		t.Errorf("body = %s, %v", bodies[1], err)
	}
}

func TestOddJobs(t *testing.T) {
	for _, tc := range []struct {
		job  string
		want BulkJob
	}{
		{`{"id":"a","status":"working","total":"7","progress":null,"results":[{"id":1}]}`, BulkJob{ID: "a", State: "working", Total: 7}},
		{`{"id":"a","status":"completed","total":null,"results":null}`, BulkJob{ID: "a", State: "completed", Done: true}},
		{`{"id":"a","status":"completed","results":{"success":true}}`, BulkJob{ID: "a", State: "completed", Done: true}},
		{`{"id":"a","status":"killed","total":2}`, BulkJob{ID: "a", State: "killed", Total: 2, Done: true}},
		{`{"id":"a","status":"new word","results":null}`, BulkJob{ID: "a", State: "new word"}},
		{`{"id":"a","status":"new word","results":[{"index":0,"id":5}]}`, BulkJob{ID: "a", State: "new word", Done: true, Results: []BulkResult{{0, 5, false, ""}}}},
		{`{"id":"a","status":"completed","results":[{"index":1,"id":5,"account_id":9},{"index":0,"error":"TicketCreateFailed","details":"Ada is suspended"},{"status":"Created","id":"6"},
			{"index":100,"success":false},{"index":2,"error":"Ada is suspended"},{"index":3,"error":{"x":1}},"odd",null,{},{"action":"update","id":1,"status":"Updated","success":true,"error":null}]}`,
			BulkJob{ID: "a", State: "completed", Done: true, Results: []BulkResult{
				{1, 5, false, ""}, {0, 0, true, "TicketCreateFailed"}, {-1, 6, false, ""}, {-1, 0, true, ""}, {2, 0, true, ""}, {3, 0, true, ""}, {-1, 0, false, ""}, {-1, 0, false, ""},
				{-1, 0, false, ""}, {-1, 1, false, ""},
			}}},
	} {
		got, err := client(t, say(200, `{"job_statuses":[`+tc.job+`,{"status":"queued"}]}`)).Jobs(t.Context(), []string{"a"})
		if err != nil || len(got) != 1 || fmt.Sprintf("%+v", got["a"]) != fmt.Sprintf("%+v", tc.want) {
			t.Errorf("%s\ngot  %+v, %v\nwant %+v", tc.job, got, err, tc.want)
		}
	}
	if got, err := client(t, say(404, `{"error":"RecordNotFound"}`)).Jobs(t.Context(), []string{"a"}); err != nil || len(got) != 0 {
		t.Errorf("unknown jobs = %v, %v", got, err)
	}
	for _, status := range []int{404, 500} {
		_, err := client(t, say(status, ``)).Jobs(t.Context(), []string{"a"})
		failure(t, err)
	}
}

func FuzzJob(f *testing.F) {
	f.Add(`{"id":"a","status":"completed","total":"7","results":[{"index":0,"id":5},{"error":"X"}]}`)
	f.Add(`{"results":{"success":true}}`)
	f.Fuzz(func(t *testing.T, text string) {
		var a jobAnswer
		if json.Unmarshal([]byte(text), &a) != nil {
			return
		}
		for _, r := range a.job().Results {
			if r.Index < -1 || r.Index >= MaxBulk || strings.Contains(r.Code, "@") {
				t.Errorf("result = %+v", r)
			}
		}
	})
}

func TestBulkBounds(t *testing.T) {
	c := client(t, func(http.ResponseWriter, *http.Request) { t.Error("a call was made") })
	ctx := t.Context()
	many := make([]ticket.Draft, MaxBulk+1)
	wrong := map[int64]ticket.Draft{}
	ids := make([]int64, MaxBulk+1)
	for i := range MaxBulk + 1 {
		wrong[int64(i)] = draft
	}
	for _, call := range []func() error{
		func() error { _, err := c.CreateMany(ctx, nil, false); return err },
		func() error { _, err := c.CreateMany(ctx, many, false); return err },
		func() error { _, err := c.Jobs(ctx, make([]string, MaxBulk+1)); return err },
		func() error { _, err := c.ExternalIDs(ctx, ids); return err },
		func() error { _, err := c.CheckImport(ctx, nil); return err },
		func() error { _, err := c.CheckImport(ctx, wrong); return err },
		func() error { _, err := c.MendImport(ctx, wrong); return err },
	} {
		failure(t, call())
	}
	if jobs, err := c.Jobs(ctx, nil); err != nil || len(jobs) != 0 {
		t.Errorf("no jobs = %v, %v", jobs, err)
	}
	if names, err := c.ExternalIDs(ctx, nil); err != nil || len(names) != 0 {
		t.Errorf("no tickets = %v, %v", names, err)
	}
}

// budget notes what it was asked, and has a number of calls.
type budget struct {
	left   int
	told   []string
	header http.Header
}

func (b *budget) Take(_ context.Context, endpoint string) (func(int, http.Header), time.Duration, bool) {
	if b.left == 0 {
		return nil, 42 * time.Second, false
	}
	b.left--
	return func(status int, header http.Header) {
		b.told, b.header = append(b.told, fmt.Sprintf("%s %d", endpoint, status)), header
	}, 0, true
}

func TestOn(t *testing.T) {
	c, account := simulated(t, simzendesk.Config{RequestsPerMinute: 500})
	b := &budget{left: 8}
	on := c.On(b)
	d := drafts(account, 1)[0]
	ref, _, err := on.Create(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	if b.header.Get("X-Rate-Limit") != "500" {
		t.Errorf("header = %v", b.header)
	}
	_, _, err = on.Find(t.Context(), d.ExternalID)
	_, err2 := on.CreateMany(t.Context(), []ticket.Draft{d}, false)
	_, err3 := on.LatestJobs(t.Context())
	_, _, err4 := on.CountComments(t.Context(), ref.ID)
	if err := errors.Join(err, err2, err3, err4); err != nil {
		t.Fatal(err)
	}
	account.Fault(simzendesk.Fault{Kind: simzendesk.RateLimited, RetryAfter: 9, Times: 1})
	err = on.SetFields(t.Context(), ref.ID, nil)
	if f := failure(t, err); !f.Limited || f.After != 9*time.Second || errors.Is(err, ErrTooManyJobs) {
		t.Errorf("failure = %+v", f)
	}
	account.Fault(simzendesk.Fault{Kind: simzendesk.ResetAfter, Times: 1})
	_, err = on.CreateMany(t.Context(), []ticket.Draft{d}, true)
	failure(t, err)
	if b.header != nil {
		t.Errorf("header of no answer = %v", b.header)
	}
	_, _, err = on.Create(t.Context(), d)
	if f := failure(t, err); f.Trouble != ticket.TroubleAccount || !f.Limited || f.After != 42*time.Second || f.Gate != "zendesk/acme" || f.Reason != ticket.ReasonExpired {
		t.Errorf("failure = %+v", f)
	}
	want := "POST tickets 201|GET tickets 200|POST tickets/create_many 200|GET job_statuses 200|GET tickets/{id} 200|GET tickets/{id}/comments 200|PUT tickets/{id} 429|POST imports/tickets/create_many 0"
	if got := strings.Join(b.told, "|"); got != want {
		t.Errorf("told %s\nwant %s", got, want)
	}
	if _, _, err := c.Find(t.Context(), d.ExternalID); err != nil {
		t.Errorf("the client without a budget: %v", err)
	}
}
