package check

import (
	"slices"
	"strings"
	"testing"
	"time"

	"passerelle/pkg/sim/simiadvize"
	"passerelle/pkg/sim/simzendesk"
	"passerelle/pkg/zendesk"
)

// allCodes are checked at every sound site, in this order.
var allCodes = []string{
	Purpose, ZendeskAccess, ZendeskCredentials, ZendeskRole, OAuthScope, TicketImport, Form, Brand, Group, FieldMissing, FieldInactive, FieldOffForm, FieldType,
	FieldFlag, RequiredField, DefaultValue, CustomStatus, FallbackAssignee, TriggerMailsRequester, AutomationMailsRequester, IAdvizeAccess, IAdvizeCredentials,
	IAdvizeSchema, IAdvizeProject, Assignee, WebhookSecret, ZendeskCalls,
}

func TestNothingIsWrongWithASoundSite(t *testing.T) {
	w := sound()
	w.run(t)
	found := w.findings(t)
	var codes []string
	for _, f := range found {
		codes = append(codes, f.Check)
		if f.Level != OK {
			t.Errorf("%+v", f)
		}
	}
	if !slices.Equal(codes, allCodes) || Failed(found) {
		t.Errorf("checked %v, want %v", codes, allCodes)
	}
}

// mailing is a trigger's action.
var mailing = []simzendesk.Action{{Field: "notification_user", Value: []any{"requester_id", "Solved", "Your request is solved."}}}

func field(n int, change func(*simzendesk.Field)) func(*world) {
	return func(w *world) {
		f := w.fields[n]
		change(&f)
		w.account.AddField(f)
	}
}

// extra adds a field to the form.
func extra(f simzendesk.Field) func(*world) {
	return func(w *world) {
		f.OffForm = true
		if f.ID == 0 {
			f.ID = 77
		}
		w.account.AddField(f)
		w.form.FieldIDs = append(w.form.FieldIDs, f.ID)
		w.account.AddForm(w.form)
	}
}

func user(change func(*simzendesk.User), which func(*world) *simzendesk.User) func(*world) {
	return func(w *world) {
		u := *which(w)
		change(&u)
		w.account.AddUser(u)
	}
}

func ann(w *world) *simzendesk.User      { return &w.ann }
func fallback(w *world) *simzendesk.User { return &w.fallback }
func admin(w *world) *simzendesk.User    { return &w.account.Users()[0] }

func fault(f simzendesk.Fault) func(*world) { return func(w *world) { w.account.Fault(f) } }

// Each fault alone is found and named, and nothing else is.
func TestEachFaultIsNamed(t *testing.T) {
	light := simzendesk.LightAgent
	for name, tc := range map[string]struct {
		change func(*world)
		want   string // "level check", of each problem
		says   string // in the finding
	}{
		"no tickets":         {func(w *world) { w.edit = swap("archive: true, escalation: true", "archive: false") }, "warning purpose", "both off"},
		"account down":       {func(w *world) { w.prepare = fault(simzendesk.Fault{Kind: simzendesk.Unavailable}) }, "error zendesk_access", "zendesk.acme.url"},
		"no such account":    {func(w *world) { w.edit = swap("/acme\"", "/other\"") }, "error zendesk_credentials", "zendesk.acme.url"},
		"wrong OAuth secret": {func(w *world) { w.edit = swap("client_secret: hush", "client_secret: wrong") }, "error zendesk_credentials", "zendesk.acme.auth"},
		"wrong API token":    {func(w *world) { w.apiToken, w.edit = true, swap("token: hush", "token: wrong") }, "error zendesk_credentials", "zendesk.acme.auth"},
		"nobody":             {func(w *world) { w.prepare = nobodyFault }, "error zendesk_credentials", "nobody"},
		"agent":              {func(w *world) { w.prepare = user(func(u *simzendesk.User) { u.Role = simzendesk.RoleAgent }, admin) }, "warning zendesk_role", "no administrator"},
		"agent who imports": {func(w *world) {
			w.edit = swap(", auth: {", ", import: true, auth: {")
			w.prepare = user(func(u *simzendesk.User) { u.Role = simzendesk.RoleAgent }, admin)
		}, "warning zendesk_role; warning ticket_import", "refuses the import"},
		"light agent":       {func(w *world) { w.prepare = user(func(u *simzendesk.User) { u.RoleType = &light }, admin) }, "error zendesk_role", "light agent"},
		"end user":          {func(w *world) { w.prepare = fault(meFault(`{"id":1,"role":"end-user"}`)) }, "error zendesk_role", "end user"},
		"suspended":         {func(w *world) { w.prepare = fault(meFault(`{"id":1,"role":"admin","suspended":true}`)) }, "error zendesk_role", "suspended"},
		"scope not allowed": {func(w *world) { w.accountConfig.OAuthScopes = []string{"read"} }, "error oauth_scope", "read and write"},
		"scope not granted": {func(w *world) { w.accountConfig.GrantedScopes = []string{"read"} }, "error oauth_scope", "lacks the scope write"},
		"granular scopes":   {func(w *world) { w.accountConfig.GrantedScopes = []string{"tickets:write", "users:read"} }, "error oauth_scope", "lacks the scope read"},
		"scopes not told": {func(w *world) {
			w.prepare = fault(simzendesk.Fault{Kind: simzendesk.Forbidden, Path: "/api/v2/oauth/tokens/current"})
		}, "warning oauth_scope", "does not tell"},
		"API token":             {func(w *world) { w.apiToken = true }, "warning api_token_ends", "30 April 2027"},
		"API token, too late":   {func(w *world) { w.apiToken, w.now = true, zendesk.APITokensEnd() }, "error api_token_ends", "ended"},
		"no such form":          {func(w *world) { w.edit = swap("form_id: ", "form_id: 9") }, "error form", "no ticket form 9"},
		"inactive form":         {func(w *world) { w.prepare = changeForm(func(f *simzendesk.Form) { f.Inactive = true }) }, "error form", "not active"},
		"form of another brand": {func(w *world) { w.prepare = otherBrand }, "error form", `not for the brand "acme"`},
		"no such brand":         {func(w *world) { w.edit = swap("group_id: ", "brand_id: 5, group_id: ") }, "error brand", "no brand 5"},
		"inactive brand":        {inactiveBrand, "error brand", "not active"},
		"no such group":         {func(w *world) { w.edit = swap("group_id: ", "group_id: 9") }, "error group", "no group 9"},
		"no such field":         {func(w *world) { w.edit = swap("satisfaction_score: ", "satisfaction_score: 9") }, "error field_missing", "tickets.fields.satisfaction_score"},
		"inactive field":        {func(w *world) { w.prepare = field(0, func(f *simzendesk.Field) { f.Inactive = true }) }, "error field_inactive", "iAdvize conversation ID"},
		"off the form": {func(w *world) {
			w.prepare = changeForm(func(f *simzendesk.Form) { f.FieldIDs = f.FieldIDs[:len(f.FieldIDs)-1] })
		}, "warning field_off_form", "satisfaction comment"},
		"tags as a number": {func(w *world) { w.prepare = field(1, func(f *simzendesk.Field) { f.Type = "integer" }) }, "error field_type", `cannot hold "-"`},
		"tags without -": {func(w *world) {
			w.prepare = field(1, func(f *simzendesk.Field) { f.Type, f.Regexp = "regexp", `[a-z]+` })
		}, "error field_type", `cannot hold "-"`},
		"score as a choice":     {func(w *world) { w.prepare = field(2, scoreWithoutFive) }, "error field_type", `cannot hold "5"`},
		"id as a lookup":        {func(w *world) { w.prepare = field(0, func(f *simzendesk.Field) { f.Type = "lookup" }) }, "error field_type", "type lookup"},
		"id required":           {func(w *world) { w.prepare = field(0, func(f *simzendesk.Field) { f.Required = true }) }, "warning field_flag", "required to solve"},
		"score required":        {func(w *world) { w.prepare = field(2, func(f *simzendesk.Field) { f.Required = true }) }, "error field_flag", "required to solve"},
		"visible":               {func(w *world) { w.prepare = field(3, func(f *simzendesk.Field) { f.VisibleInPortal = true }) }, "warning field_flag", "visible to customers"},
		"editable":              {func(w *world) { w.prepare = field(3, func(f *simzendesk.Field) { f.EditableInPortal = true }) }, "warning field_flag", "changed by customers"},
		"required of customers": {func(w *world) { w.prepare = field(4, func(f *simzendesk.Field) { f.RequiredInPortal = true }) }, "warning field_flag", "filled by customers"},
		"required field":        {func(w *world) { w.prepare = extra(simzendesk.Field{Type: "text", Title: "Order", Required: true}) }, "error required_field", `"Order" (77)`},
		"required by condition": {func(w *world) { w.prepare = conditional }, "error required_field", `"Reason" (78)`},
		"escalation condition":  {func(w *world) { w.prepare = conditionalOnOpen }, "warning required_field", "may require"},
		"default of no field":   {func(w *world) { w.edit = swap("group_id: ", "defaults: {5: x}, group_id: ") }, "warning field_missing", "tickets.defaults"},
		"default that is no choice": {func(w *world) {
			w.prepare, w.edit = extra(simzendesk.Field{Type: "tagger", Title: "Kind", Required: true, Options: []simzendesk.Option{{Name: "A", Value: "a"}}}), swap("group_id: ", "defaults: {77: A}, group_id: ")
		}, "error default_value", "option's tag"},
		"default that is not used": {func(w *world) {
			w.prepare, w.edit = extra(simzendesk.Field{Type: "tagger", Title: "Kind", Options: []simzendesk.Option{{Name: "A", Value: "a", Default: true}}}), swap("group_id: ", "defaults: {77: A}, group_id: ")
		}, "warning default_value", "form's own default"},
		"template of no field": {func(w *world) { w.edit = swap("group_id: ", "values: {5: \"{channel}\"}, group_id: ") }, "warning field_missing", "tickets.values"},
		"template of an inactive field": {func(w *world) {
			w.prepare, w.edit = extra(simzendesk.Field{Type: "text", Title: "Old", Inactive: true}), swap("group_id: ", "values: {77: \"{channel}\"}, group_id: ")
		}, "warning field_inactive", "tickets.values"},
		"status of another category": {func(w *world) {
			w.prepare = func(w *world) {
				w.account.AddCustomStatus(simzendesk.CustomStatus{ID: 66, Category: "open", AgentLabel: "Later"})
			}
			w.edit = swap("group_id: ", "archive_status_id: 66, group_id: ")
		}, "error custom_status", "tickets.archive_status_id"},
		"no such status": {func(w *world) { w.edit = swap("group_id: ", "escalation_status_id: 67, group_id: ") }, "error custom_status", "tickets.escalation_status_id"},
		"priority required": {func(w *world) {
			w.prepare = func(w *world) {
				for _, f := range w.account.Fields() {
					if f.Type == "priority" {
						f.Required = true
						w.account.AddField(f)
						w.form.FieldIDs = append(w.form.FieldIDs, f.ID)
						w.account.AddForm(w.form)
					}
				}
			}
		}, "error required_field", `"Priority"`},
		"no fallback":        {func(w *world) { w.edit = swap("fallback_assignee: support@example.com, ", "") }, "warning fallback_assignee", "no fallback assignee"},
		"nobody to assign":   {func(w *world) { w.edit = swap("assign_to_agent: true, fallback_assignee: support@example.com, ", "") }, "error fallback_assignee", "neither"},
		"fallback unknown":   {func(w *world) { w.edit = swap("support@", "nobody@") }, "error fallback_assignee", "no agent of the Zendesk account"},
		"fallback light":     {func(w *world) { w.prepare = user(func(u *simzendesk.User) { u.RoleType = &light }, fallback) }, "error fallback_assignee", "light agent"},
		"fallback suspended": {func(w *world) { w.prepare = user(func(u *simzendesk.User) { u.Suspended = true }, fallback) }, "error fallback_assignee", "suspended"},
		"fallback elsewhere": {func(w *world) {
			w.prepare = user(func(u *simzendesk.User) { u.Groups = []int64{w.other.ID} }, fallback)
		}, "error fallback_assignee", "no member of the group"},
		"agent unknown":   {func(w *world) { w.prepare = user(func(u *simzendesk.User) { u.Email = "other@example.com" }, ann) }, "warning assignee", "Ann@example.com is no agent"},
		"agent suspended": {func(w *world) { w.prepare = user(func(u *simzendesk.User) { u.Suspended = true }, ann) }, "warning assignee", "go to the fallback"},
		"agent unknown, no fallback": {func(w *world) {
			w.prepare, w.edit = user(func(u *simzendesk.User) { u.Email = "other@example.com" }, ann), swap("fallback_assignee: support@example.com, ", "")
		}, "warning fallback_assignee; error assignee", "dead letters"},
		"trigger":            {func(w *world) { w.prepare = trigger("Tell", "status is solved") }, "error trigger_mails_requester", `"Tell"`},
		"trigger, perhaps":   {func(w *world) { w.prepare = trigger("Tell", "in_business_hours is true") }, "warning trigger_mails_requester", "may mail"},
		"trigger on answers": {func(w *world) { w.prepare = trigger("Tell", "update_type is Change, status is solved") }, "error trigger_mails_requester", "survey"},
		"public transcript":  {func(w *world) { w.edit = swap("group_id: ", "transcript: public, group_id: ") }, "error trigger_mails_requester", `"contains none of" iadvize_chat`},
		"automation":         {func(w *world) { w.prepare = automation }, "error automation_mails_requester", `"Ask"`},
		"triggers unreadable": {func(w *world) {
			w.prepare = fault(simzendesk.Fault{Kind: simzendesk.Forbidden, Path: "/api/v2/triggers"})
		}, "warning trigger_mails_requester", "could not be checked"},
		"fields unreadable": {func(w *world) {
			w.prepare = fault(simzendesk.Fault{Kind: simzendesk.Unavailable, Path: "/api/v2/ticket_fields"})
		}, "error form; error field_missing", "could not be checked"},
		"iAdvize down":        {func(w *world) { w.prepare = down }, "error iadvize_access", "iadvize.main.url"},
		"wrong password":      {func(w *world) { w.edit = swap("password: hush", "password: wrong") }, "error iadvize_credentials", "iadvize.main.username"},
		"schema":              {func(w *world) { w.iadvizeConfig.MissingFields = []string{"Conversation.customData"} }, "error iadvize_schema", "Conversation.customData"},
		"schema of the check": {func(w *world) { w.iadvizeConfig.MissingFields = []string{"Conversation.users"} }, "warning iadvize_schema", "Conversation.users"},
		"project":             {func(w *world) { w.iadvizeConfig.UnreadableProjects = []int64{1234} }, "error iadvize_project", "project 1234"},
		"webhook secret":      {func(w *world) { w.edit = swap("[hush]", `["${PASSERELLE_TEST_UNSET}"]`) }, "error webhook_secret", "PASSERELLE_TEST_UNSET"},
	} {
		t.Run(name, func(t *testing.T) {
			w := sound()
			tc.change(w)
			w.run(t)
			found := w.findings(t)
			if got := strings.Join(problems(found), "; "); got != tc.want {
				t.Errorf("found %s, want %s", got, tc.want)
			}
			says := slices.ContainsFunc(found, func(f Finding) bool {
				return f.Level != OK && strings.Contains(strings.Join([]string{f.Message, f.Effect, f.Fix}, "\n"), tc.says)
			})
			if !says {
				t.Errorf("nothing says %q: %+v", tc.says, found)
			}
			if Failed(found) != strings.Contains(tc.want, "error") {
				t.Errorf("failed = %v", Failed(found))
			}
		})
	}
}

func meFault(user string) simzendesk.Fault {
	return simzendesk.Fault{Kind: simzendesk.Status, Status: 200, Path: "/api/v2/users/me", Body: `{"user":` + user + `}`}
}

func nobodyFault(w *world) { w.account.Fault(meFault(`{"id":null,"name":"Anonymous user"}`)) }

func changeForm(change func(*simzendesk.Form)) func(*world) {
	return func(w *world) {
		f := w.form
		change(&f)
		w.account.AddForm(f)
	}
}

func otherBrand(w *world) {
	b := w.account.AddBrand(simzendesk.Brand{Name: "Second"})
	changeForm(func(f *simzendesk.Form) { f.RestrictedBrands = []int64{b.ID} })(w)
}

func inactiveBrand(w *world) {
	w.prepare = func(w *world) { w.account.AddBrand(simzendesk.Brand{ID: 55, Name: "Gone", Inactive: true}) }
	w.edit = swap("group_id: ", "brand_id: 55, group_id: ")
}

func scoreWithoutFive(f *simzendesk.Field) {
	f.Type = "tagger"
	for _, v := range []string{"1", "2", "3", "4"} {
		f.Options = append(f.Options, simzendesk.Option{Name: v, Value: v})
	}
}

// conditional requires a field, to solve, of tickets whose other field has its default.
func conditional(w *world) {
	extra(simzendesk.Field{Type: "tagger", Title: "Kind", Options: []simzendesk.Option{{Name: "A", Value: "a", Default: true}}})(w)
	extra(simzendesk.Field{ID: 78, Type: "text", Title: "Reason"})(w)
	w.form.AgentConditions = []simzendesk.Condition{{ParentFieldID: 77, Value: "a", ChildFields: []simzendesk.Child{
		{ID: 78, IsRequired: true, RequiredOnStatuses: &simzendesk.RequiredOn{Type: simzendesk.SomeStatuses, Statuses: []string{"solved"}}},
	}}}
	w.account.AddForm(w.form)
}

func conditionalOnOpen(w *world) {
	conditional(w)
	w.form.AgentConditions[0].ChildFields[0].RequiredOnStatuses.Statuses = []string{"open"}
	w.account.AddForm(w.form)
}

// conditions reads "field operator value, field operator value".
func conditions(text string) []simzendesk.TriggerCondition {
	var list []simzendesk.TriggerCondition
	for one := range strings.SplitSeq(text, ", ") {
		if words := strings.SplitN(one, " ", 3); len(words) == 3 {
			list = append(list, simzendesk.TriggerCondition{Field: words[0], Operator: words[1], Value: words[2]})
		}
	}
	return list
}

func trigger(title, all string) func(*world) {
	return func(w *world) {
		w.account.AddTrigger(simzendesk.Trigger{Title: title, All: conditions(all), Actions: mailing})
		w.account.AddTrigger(simzendesk.Trigger{Title: "off", All: conditions(all), Actions: mailing, Inactive: true})
	}
}

func automation(w *world) {
	w.account.AddAutomation(simzendesk.Automation{Title: "Ask", All: conditions("status is solved, SOLVED greater_than 24"), Actions: mailing})
}

func down(w *world) {
	if _, err := w.iadvize.Fault(simiadvize.Fault{Kind: simiadvize.Status, Status: 503}); err != nil {
		panic(err)
	}
}

// A rule to which the condition is added that a finding names is not found any more.
func TestTheConditionToAddHelps(t *testing.T) {
	for name, all := range map[string]string{
		"trigger": "status is solved", "with privacy": "status is solved, ticket_is_public is public", "with the tag": "status is solved, current_tags not_includes other iadvize_chat",
	} {
		t.Run(name, func(t *testing.T) {
			w := sound()
			w.prepare = trigger("Tell", all)
			w.run(t)
			if got := len(problems(w.findings(t))) == 0; got != (name != "trigger") {
				t.Errorf("clean = %v", got)
			}
		})
	}
}

// What is known of an account is asked once, whatever the number of sites.
func TestAnAdministratorMayImport(t *testing.T) {
	w := sound()
	w.edit = swap(", auth: {", ", import: true, auth: {")
	w.run(t)
	found := w.findings(t)
	if len(problems(found)) > 0 || !slices.ContainsFunc(found, func(f Finding) bool { return f.Check == TicketImport && strings.Contains(f.Message, "may import") }) {
		t.Errorf("findings = %+v", found)
	}
}

func TestAnAccountIsAskedOnce(t *testing.T) {
	w := sound()
	w.edit = func(text string) string {
		_, entry, _ := strings.Cut(text, "acme-fr: {iadvize: main, project_id: 1234")
		return text + "  acme-de: {iadvize: main, project_id: 1235" + entry
	}
	w.run(t)
	z, i := w.clients()
	checker := New(w.config, func(string) (Zendesk, bool) { return z, true }, func(string) (IAdvize, bool) { return i, true })
	checker.now = func() time.Time { return today }
	for _, name := range []string{"acme-fr", "acme-de"} {
		if found, err := checker.Site(t.Context(), name); err != nil || len(problems(found)) > 0 {
			t.Errorf("%s: %v, %v", name, problems(found), err)
		}
	}
	for _, path := range []string{"users/me", "triggers", "automations", "ticket_forms", "brands", "groups", "users/search"} {
		want := 1
		if path == "users/search" {
			want = 2 // two agents
		}
		if n := w.account.Requests()["GET /api/v2/"+path]; n != want {
			t.Errorf("%s asked for %d times", path, n)
		}
	}
	if n := w.iadvize.Requests().Tokens; n != 1 {
		t.Errorf("%d log-ins", n)
	}
	if _, err := checker.Site(t.Context(), "other"); err == nil {
		t.Error("no error for a site that is not there")
	}
}
