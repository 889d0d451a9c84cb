package main

import (
	"context"
	"fmt"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/uuid"

	"passerelle/pkg/queue"
	"passerelle/pkg/queue/embed"
	"passerelle/pkg/sim/simiadvize"
	"passerelle/pkg/sim/simzendesk"
	"passerelle/pkg/site"
	"passerelle/pkg/ticket"
)

// variants are the ways in which Zendesk may decide where its documentation is silent: each switch both ways, and all
// of them at once.
func variants() map[string]simzendesk.Switches {
	all := map[string]simzendesk.Switches{"as supposed": {}}
	flips := map[string]func(*simzendesk.Switches){
		"conditions are not enforced on creation":    func(s *simzendesk.Switches) { s.ConditionsOnCreate = simzendesk.IgnoreConditions },
		"option defaults are applied":                func(s *simzendesk.Switches) { s.ApplyOptionDefaults = true },
		"too many jobs is 422":                       func(s *simzendesk.Switches) { s.TooManyJobsStatus = 422 },
		"the second request with a key waits":        func(s *simzendesk.Switches) { s.IdemInflight = simzendesk.InflightBlock },
		"the second request with a key is a ticket":  func(s *simzendesk.Switches) { s.IdemInflight = simzendesk.InflightSecondTicket },
		"refusals are kept for the key":              func(s *simzendesk.Switches) { s.IdemCacheErrors = true },
		"bad values are dropped":                     func(s *simzendesk.Switches) { s.FieldValue = simzendesk.DropValue },
		"imports are checked":                        func(s *simzendesk.Switches) { s.ImportValidatesRequired = true },
		"imports take no requester":                  func(s *simzendesk.Switches) { s.ImportIgnoresRequester = true },
		"imports take no form":                       func(s *simzendesk.Switches) { s.ImportIgnoresForm = true },
		"jobs tell no index":                         func(s *simzendesk.Switches) { s.JobResults = simzendesk.ResultsWithoutIndex },
		"jobs that have ended are not listed":        func(s *simzendesk.Switches) { s.EndedJobsUnlisted = true },
		"429 in JSON":                                func(s *simzendesk.Switches) { s.Account429 = simzendesk.JSONBody },
		"unknown keys are warned of":                 func(s *simzendesk.Switches) { s.APIWarnHeader = true },
		"addresses without .json":                    func(s *simzendesk.Switches) { s.URLWithoutJSON = true },
		"a job that fails in part says failed":       func(s *simzendesk.Switches) { s.PartialJob = simzendesk.PartialFailed },
		"an unknown assignee address is ignored":     func(s *simzendesk.Switches) { s.UnknownAssigneeEmail = simzendesk.IgnoreUnknown },
		"unknown references are ignored":             func(s *simzendesk.Switches) { s.UnknownReference = simzendesk.IgnoreUnknown },
		"headers of 2023":                            func(s *simzendesk.Switches) { s.Headers = simzendesk.Headers2023 },
		"an unticked checkbox is not set":            func(s *simzendesk.Switches) { s.FalseCheckboxUnset = true },
		"new fields join no form":                    func(s *simzendesk.Switches) { s.NewFieldsOffForms = true },
		"the caller is the current user of triggers": func(s *simzendesk.Switches) { s.CallerIsCurrentUser = true },
	}
	everything := simzendesk.Switches{}
	for name, flip := range flips {
		one := simzendesk.Switches{}
		flip(&one)
		all[name] = one
		flip(&everything)
	}
	all["everything at once"] = everything
	return all
}

// The variants above must not forget a switch: each field of Switches is set in one of them.
func TestEachSwitchIsTriedBothWays(t *testing.T) {
	set := map[string]bool{}
	for _, v := range variants() {
		value := reflect.ValueOf(v)
		for i := range value.NumField() {
			set[value.Type().Field(i).Name] = set[value.Type().Field(i).Name] || !value.Field(i).IsZero()
		}
	}
	for name, tried := range set {
		if !tried {
			t.Errorf("no variant sets %s", name)
		}
	}
}

// contractCase is one row under one variant: an account of its own, and a site and a conversation that the row may
// change before it is delivered.
type contractCase struct {
	switches     simzendesk.Switches
	account      *simzendesk.AccountState
	agent        simzendesk.User
	tickets      map[string]any // the site's settings in the configuration
	conversation simiadvize.Conversation
	fields       []int64 // on the site's form
	form         simzendesk.Form
	deliver      func(ticket.Event) ticket.Outcome
	project      int64
}

// field adds a field to the form.
func (c *contractCase) field(f simzendesk.Field) int64 {
	f.OffForm = true
	id := c.account.AddField(f).ID
	c.fields = append(c.fields, id)
	return id
}

// setting sets a key of a group of the site's settings, as defaults or values.
func (c *contractCase) setting(group string, id int64, value any) {
	values, _ := c.tickets[group].(map[int64]any)
	if values == nil {
		values = map[int64]any{}
		c.tickets[group] = values
	}
	values[id] = value
}

func (c *contractCase) escalate() {
	c.conversation.ClosingForm = []simiadvize.FormValue{
		{FieldID: "create_escalation_ticket", Value: "true", Checkbox: true}, {FieldID: "private_note", Value: "Call back"},
	}
}

// want is what becomes of a conversation.
type want struct {
	result ticket.Result
	reason ticket.Reason
	titles []string // of the fields in a dead letter's detail
}

var created = want{result: ticket.ResultCreated}

func missing(titles ...string) want {
	return want{ticket.ResultDead, ticket.ReasonRequiredFieldMissing, titles}
}

func rejected(titles ...string) want {
	return want{ticket.ResultDead, ticket.ReasonRejected, titles}
}

// contractRow is a fact about Zendesk, and what the product makes of it.
type contractRow struct {
	fact    string
	prepare func(*contractCase)
	want    want
	// wantIf takes the place of want where the fact depends on a switch.
	wantIf func(simzendesk.Switches) want
	// creates is how often the account was asked to create; -1 leaves it open.
	creates int
	check   func(*testing.T, *contractCase, simzendesk.Ticket) // of the ticket; may be nil
	then    func(*testing.T, *contractCase)                    // afterwards; may be nil
}

func TestWhatIsKnownOfZendesk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	server, err := embed.Start(embed.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	q, err := queue.Open(t.Context(), queue.Options{Server: server})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(q.Close)
	for name, switches := range variants() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tryContract(t, q, switches)
		})
	}
}

// tryContract makes one account and one site for each row, and delivers one conversation for each.
func tryContract(t *testing.T, q *queue.Queue, switches simzendesk.Switches) {
	zendesk := simzendesk.New(simzendesk.Config{Switches: switches})
	iadvize, err := simiadvize.New(simiadvize.Config{Users: []simiadvize.User{{Username: "u", Password: "p"}}})
	if err != nil {
		t.Fatal(err)
	}
	desk, platform := httptest.NewServer(zendesk), httptest.NewServer(iadvize)
	var done cleanups
	defer func() {
		done.run()
		_, _ = zendesk.Close(), iadvize.Close()
		desk.Close()
		platform.Close()
	}()
	rows, cases := contractRows(), []*contractCase{}
	file := map[string]any{"iadvize": map[string]any{"main": map[string]any{
		"url": platform.URL + "/graphql", "token_url": platform.URL + "/oauth2/token", "username": "u", "password": "p", "webhook_secrets": []string{"s"},
	}}}
	accounts, sites := map[string]any{}, map[string]any{}
	for i, row := range rows {
		c := newContractCase(zendesk, i, switches)
		if row.prepare != nil {
			row.prepare(c)
		}
		c.form.FieldIDs, c.form.Name = append(c.form.FieldIDs, c.fields...), "Form"
		if c.tickets["form_id"] == nil {
			c.tickets["form_id"] = c.account.AddForm(c.form).ID
		}
		if err := iadvize.Add(c.conversation); err != nil {
			t.Fatal(err)
		}
		name := c.account.Name()
		accounts[name] = map[string]any{"url": desk.URL + "/" + name, "auth": map[string]any{"api_token": map[string]any{"email": "admin@" + name + ".example", "token": "t"}}}
		sites[name] = map[string]any{"iadvize": "main", "project_id": c.project, "zendesk": name, "locale": "en", "tickets": c.tickets}
		cases = append(cases, c)
	}
	file["zendesk"], file["sites"] = accounts, sites
	text, err := yaml.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	config, err := site.Parse("contract.yaml", text)
	if err != nil {
		t.Fatal(err)
	}
	works, err := wireWorks(environment{Patience: time.Minute, JobExpiry: time.Hour}, config, q, &done)
	if err != nil {
		t.Fatal(err)
	}
	works.clients.budgets = nil // a 503 would stop the account for seconds, and nobody here waits
	for i, row := range rows {
		cases[i].deliver = func(e ticket.Event) ticket.Outcome { return deliverAll(t.Context(), works, e) }
		t.Run(row.fact, func(t *testing.T) { row.try(t, cases[i]) })
	}
}

func newContractCase(zendesk *simzendesk.Server, i int, switches simzendesk.Switches) *contractCase {
	a := zendesk.AddAccount(simzendesk.Account{Name: fmt.Sprintf("row-%d", i), APIToken: "t", Locale: []string{"en", "pt", "fr"}[i%3]})
	agent := a.AddUser(simzendesk.User{Name: "Agent", Email: "agent@example.com", Role: simzendesk.RoleAgent})
	at := time.Now().Add(-time.Minute)
	return &contractCase{
		switches: switches, account: a, agent: agent, project: int64(i + 1),
		tickets: map[string]any{"archive": true, "escalation": true, "assign_to_agent": true, "tags": []string{"iadvize"}},
		conversation: simiadvize.Conversation{
			ID: uuid.NewString(), ProjectID: int64(i + 1), ClosedAt: at, ClosingForm: []simiadvize.FormValue{},
			Visitor:  &simiadvize.Visitor{FirstName: "Ada", Email: "ada@example.com"},
			Agents:   []simiadvize.Agent{{ID: 7, Email: "Agent@Example.com", FirstName: "Chloé", LastName: "Durand"}},
			Messages: []simiadvize.Message{{At: at, Kind: simiadvize.Pushed, AgentID: 7}, {At: at, Kind: simiadvize.VisitorSaid, Text: "Hello"}},
		},
	}
}

// deliverAll repeats what is to be tried again, as the worker would after a wait.
func deliverAll(ctx context.Context, w works, e ticket.Event) ticket.Outcome {
	for {
		e.Attempts++
		o := w.deliverer.Deliver(ctx, &e)
		if o.Result != ticket.ResultRetry || e.Attempts == 6 {
			return o
		}
	}
}

// event is the end of the row's conversation.
func (c *contractCase) event() ticket.Event {
	at := time.Now()
	return ticket.Event{ID: "e", Kind: ticket.KindClosed, Platform: "ha", ProjectID: c.project, ConversationID: c.conversation.ID, OccurredAt: at, ReceivedAt: at}
}

func (row contractRow) try(t *testing.T, c *contractCase) {
	expected := row.want
	if row.wantIf != nil {
		expected = row.wantIf(c.switches)
	}
	o := c.deliver(c.event())
	if o.Result != expected.result {
		t.Fatalf("outcome = %+v (%v), want %s", o, o.Failure, expected.result)
	}
	if f := o.Failure; expected.reason != "" {
		var titles []string
		for _, field := range f.Detail.Fields {
			titles = append(titles, field.Title)
		}
		if f.Reason != expected.reason || !slices.Equal(titles, expected.titles) {
			t.Errorf("reason %s with %v, want %s with %v", f.Reason, titles, expected.reason, expected.titles)
		}
	}
	if n := c.account.Requests()["POST /api/v2/tickets"]; row.creates >= 0 && n != row.creates {
		t.Errorf("%d requests to create a ticket, want %d", n, row.creates)
	}
	tickets := c.account.TicketByExternalID("iadvize:" + c.conversation.ID)
	if made := expected.result == ticket.ResultCreated; made != (len(tickets) == 1) || len(tickets) > 1 {
		t.Fatalf("%d tickets", len(tickets))
	} else if made {
		c.checkEvery(t, tickets[0])
		if row.check != nil {
			row.check(t, c, tickets[0])
		}
	}
	if row.then != nil {
		row.then(t, c)
	}
}

// checkEvery looks for what holds of every ticket.
func (c *contractCase) checkEvery(t *testing.T, got simzendesk.Ticket) {
	escalated := len(c.conversation.ClosingForm) > 0
	if (got.Status == "solved") == escalated {
		t.Errorf("status = %s, escalated = %v", got.Status, escalated)
	}
	if mails := c.account.Notifications(); len(mails) != 0 {
		t.Errorf("somebody was mailed: %+v", mails)
	}
	for _, comment := range got.Comments {
		if comment.Truncated || comment.Public {
			t.Errorf("comment = %+v", comment)
		}
	}
	if escalated && !strings.Contains(got.Comments[len(got.Comments)-1].Body, "Call back") {
		t.Errorf("the note is not the last comment: %+v", got.Comments)
	}
}
