package zendesk

import (
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"passerelle/pkg/sim/simzendesk"
	"passerelle/pkg/ticket"
)

// formChecks is how many accounts TestWhatIsSentIsTakenAndWhatIsHeldBackIsNot makes up; make property takes more.
const formChecks = 2000

// For any account, form, site and conversation: what is sent is never refused for a field that is missing or invalid,
// but for fields that were said to be in doubt; every value that is sent is in the ticket; and what is held back for a
// missing field is refused when it is sent all the same.
func TestWhatIsSentIsTakenAndWhatIsHeldBackIsNot(t *testing.T) {
	setChecks(t, formChecks)
	var current atomic.Pointer[simzendesk.Server]
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { current.Load().ServeHTTP(w, r) }))
	defer server.Close()
	c := NewClient(Account{Name: "acme", URL: server.URL + "/acme", APIToken: func() (string, string, error) { return "admin@acme.example", "t", nil }}, nil)
	defer c.Close()
	fates := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		w := newFormWorld(t)
		current.Store(w.server)
		form, err := c.Form(t.Context(), w.formID)
		if err != nil {
			t.Fatalf("read form: %v", err)
		}
		purpose := rapid.SampledFrom([]ticket.Purpose{ticket.PurposeArchive, ticket.PurposeEscalation}).Draw(t, "purpose")
		draft, err := ticket.Draw(w.conversation, w.site, purpose, form, w.people)
		fates[w.judge(t, c, form, purpose, draft, err)]++
	})
	t.Logf("fates: %v", fates)
	for _, fate := range []string{"sent", "sent in doubt", "refused as feared", "held back", "no value fits"} {
		if fates[fate] == 0 {
			t.Errorf("no case was %s: the generator is too narrow", fate)
		}
	}
}

// setChecks sets how often the property is tried, unless the command line says so. A failing case is printed; the tree
// stays as it is.
func setChecks(t *testing.T, n int) {
	t.Helper()
	_ = flag.Set("rapid.nofailfile", "true")
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "rapid.checks" })
	if given {
		return
	}
	old := flag.Lookup("rapid.checks").Value.String()
	if err := flag.Set("rapid.checks", strconv.Itoa(n)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = flag.Set("rapid.checks", old) })
}

// judge sends what was drawn, or what was held back, and gives its fate.
func (w formWorld) judge(t *rapid.T, c *Client, form ticket.Form, purpose ticket.Purpose, draft ticket.Draft, err error) string {
	var f *ticket.Failure
	switch {
	case err == nil && len(draft.Doubtful) == 0:
		w.mustBeTaken(t, c, draft)
		return "sent"
	case err == nil:
		_, _, err := c.Create(t.Context(), draft)
		if err == nil {
			return "sent in doubt"
		}
		if !errors.As(err, &f) || f.Reason != ticket.ReasonRequiredFieldMissing {
			t.Fatalf("in doubt, and refused for something else: %v", err)
		}
		for _, ref := range f.Detail.Fields {
			if !slices.ContainsFunc(draft.Doubtful, func(d ticket.Doubtful) bool { return d.Field.ID == ref.ID }) {
				t.Fatalf("refused for %v, which was not in doubt: %v", ref, draft.Doubtful)
			}
		}
		return "refused as feared"
	case !errors.As(err, &f):
		t.Fatalf("draw: %v", err)
	case f.Reason == ticket.ReasonRequiredFieldMissing:
		w.mustBeRefused(t, c, form, purpose, f)
		return "held back"
	}
	return "no value fits"
}

func (w formWorld) mustBeTaken(t *rapid.T, c *Client, draft ticket.Draft) {
	ref, _, err := c.Create(t.Context(), draft)
	if err != nil {
		t.Fatalf("refused: %v", err)
	}
	all := w.account.TicketByExternalID(draft.ExternalID)
	if len(all) != 1 || all[0].ID != ref.ID {
		t.Fatalf("tickets = %v", all)
	}
	for _, v := range draft.Fields {
		if !reflect.DeepEqual(all[0].Fields[v.ID], v.Value) {
			t.Fatalf("field %d has %#v, %#v was sent", v.ID, all[0].Fields[v.ID], v.Value)
		}
	}
	if all[0].Status != draft.Status || all[0].Priority != draft.Priority || all[0].Type != draft.Type {
		t.Fatalf("ticket = %+v, draft = %+v", all[0], draft)
	}
}

// mustBeRefused draws the ticket up for a form that asks for nothing, and sends that.
func (w formWorld) mustBeRefused(t *rapid.T, c *Client, form ticket.Form, purpose ticket.Purpose, held *ticket.Failure) {
	lax := form
	lax.Conditions, lax.Fields = nil, slices.Clone(form.Fields)
	for i := range lax.Fields {
		lax.Fields[i].Required = false
	}
	draft, err := ticket.Draw(w.conversation, w.site, purpose, lax, w.people)
	if err != nil {
		t.Fatalf("held back for %v by a form that asks for nothing", err)
	}
	_, _, err = c.Create(t.Context(), draft)
	var f *ticket.Failure
	if !errors.As(err, &f) || f.Reason != ticket.ReasonRequiredFieldMissing {
		t.Fatalf("held back for %v, but sent all the same: %v", held, err)
	}
	for _, ref := range held.Detail.Fields {
		if !slices.ContainsFunc(f.Detail.Fields, func(r ticket.FieldRef) bool { return r.ID == ref.ID }) {
			t.Fatalf("held back for %v, but the account asks for %v", held.Detail.Fields, f.Detail.Fields)
		}
	}
}

// formWorld is an account with a form, and a site that uses it.
type formWorld struct {
	server       *simzendesk.Server
	account      *simzendesk.AccountState
	formID       int64
	site         ticket.Site
	conversation ticket.Conversation
	people       ticket.People
}

// Texts that options, tags and values are made of: few, so that they meet.
var formWords = []string{"return", "billing", "late", "other", "1", "true"}

func newFormWorld(t *rapid.T) formWorld {
	word, flip := rapid.SampledFrom(formWords), rapid.Bool()
	s := simzendesk.New(simzendesk.Config{Switches: simzendesk.Switches{
		ConditionsOnCreate:  rapid.SampledFrom([]simzendesk.ConditionsOnCreate{simzendesk.EnforceConditions, simzendesk.IgnoreConditions}).Draw(t, "conditions_on_create"),
		ApplyOptionDefaults: flip.Draw(t, "apply_option_defaults"),
		FieldValue:          rapid.SampledFrom([]simzendesk.FieldValue{simzendesk.RefuseValue, simzendesk.DropValue}).Draw(t, "field_value"),
		FalseCheckboxUnset:  flip.Draw(t, "false_checkbox_unset"),
	}})
	a := s.AddAccount(simzendesk.Account{Name: "acme", APIToken: "t"})
	agent := a.AddUser(simzendesk.User{Name: "Agent", Email: "agent@example.com", Role: simzendesk.RoleAgent})
	w := formWorld{server: s, account: a, people: ticket.People{Handler: ticket.AgentUser{ID: agent.ID, Active: true}}}
	w.site = ticket.Site{Name: "acme", Locale: "en", Tickets: ticket.TicketSettings{
		AssignToAgent: true, Values: map[int64]ticket.Template{}, Defaults: map[int64]any{},
		Priority: rapid.SampledFrom([]string{"", "low", "high"}).Draw(t, "priority"), Type: rapid.SampledFrom([]string{"", "task"}).Draw(t, "type"),
	}}
	w.conversation = ticket.Conversation{
		ID: "c", Visitor: ticket.Visitor{Email: "ada@example.com"}, Tags: rapid.SliceOfN(word, 0, 2).Draw(t, "tags"),
		CustomData: rapid.MapOfN(word, word, 0, 3).Draw(t, "custom data"),
	}
	var ids []int64
	for i := range rapid.IntRange(1, 6).Draw(t, "fields") {
		f := a.AddField(drawField(t, i))
		ids = append(ids, f.ID)
		w.giveValues(t, f)
	}
	for _, f := range a.Fields() {
		if slices.Contains([]string{"priority", "tickettype", "group"}, f.Type) {
			f.Required = flip.Draw(t, f.Type+" required")
			a.AddField(f)
			ids = append(ids, f.ID)
		}
	}
	onForm := rapid.SliceOfNDistinct(rapid.SampledFrom(ids), 1, len(ids), rapid.ID).Draw(t, "on form")
	form := simzendesk.Form{Name: "Form", FieldIDs: onForm, AgentConditions: w.drawConditions(t, onForm)}
	w.sowDoubt(t, &form)
	w.formID = a.AddForm(form).ID
	return w
}

// sowDoubt adds to every other form something that only the account's answer decides. Chance alone made so few of these
// forms that one run in two hundred had none that is refused.
func (w formWorld) sowDoubt(t *rapid.T, form *simzendesk.Form) {
	switch rapid.IntRange(0, 3).Draw(t, "doubt") {
	case 0: // a required checkbox that stays unticked, in a solved ticket
		box := w.account.AddField(simzendesk.Field{Type: "checkbox", Title: "Unticked", OffForm: true, Required: true})
		w.site.Tickets.Defaults[box.ID] = false
		form.FieldIDs = append(form.FieldIDs, box.ID)
	case 1: // a field that a condition asks for in every status, in an open ticket
		box := w.account.AddField(simzendesk.Field{Type: "checkbox", Title: "Ticked", OffForm: true})
		w.site.Tickets.Defaults[box.ID] = true
		text := w.account.AddField(simzendesk.Field{Type: "text", Title: "Asked for", OffForm: true})
		form.FieldIDs = append(form.FieldIDs, box.ID, text.ID)
		form.AgentConditions = append(form.AgentConditions, simzendesk.Condition{
			ParentFieldID: box.ID, Value: true, ChildFields: []simzendesk.Child{{
				ID: text.ID, IsRequired: true, RequiredOnStatuses: &simzendesk.RequiredOn{Type: simzendesk.AllStatuses},
			}},
		})
	}
}

func drawField(t *rapid.T, i int) simzendesk.Field {
	kinds := []string{"text", "textarea", "checkbox", "date", "integer", "decimal", "regexp", "partialcreditcard", "multiselect", "tagger", "lookup"}
	f := simzendesk.Field{
		Type: rapid.SampledFrom(kinds).Draw(t, "kind"), Title: fmt.Sprintf("Field %d", i), OffForm: true,
		Required: rapid.Bool().Draw(t, "required"), Inactive: rapid.IntRange(0, 9).Draw(t, "inactive") == 0,
	}
	switch f.Type {
	case "regexp":
		f.Regexp = rapid.SampledFrom([]string{`^\d+$`, `[a-z]+`, `\A1\z`, `(?<=x)y`}).Draw(t, "regexp")
	case "tagger", "multiselect":
		marked := false
		for _, value := range rapid.SliceOfNDistinct(rapid.SampledFrom(formWords), 1, 4, rapid.ID).Draw(t, "options") {
			o := simzendesk.Option{Name: value, Value: value, NoSolving: rapid.IntRange(0, 3).Draw(t, "no solving") == 0}
			if !marked && rapid.IntRange(0, 3).Draw(t, "default") == 0 {
				o.Default, marked = true, true
			}
			f.Options = append(f.Options, o)
		}
	}
	return f
}

// giveValues gives some fields a default or a template, most of them sound.
func (w formWorld) giveValues(t *rapid.T, f simzendesk.Field) {
	sound := map[string]any{"checkbox": true, "date": "2026-11-24", "integer": 7, "decimal": 1.5, "regexp": "1", "lookup": "5"}
	switch rapid.IntRange(0, 5).Draw(t, "value") {
	case 0, 1:
		value, ok := sound[f.Type]
		if !ok {
			value = rapid.SampledFrom(formWords).Draw(t, "default")
		}
		w.site.Tickets.Defaults[f.ID] = value
	case 2:
		w.site.Tickets.Defaults[f.ID] = rapid.SampledFrom([]any{"return", "1", false, 2.5, []any{"return", "late"}}).Draw(t, "odd default")
	case 3:
		w.site.Tickets.Values[f.ID] = ticket.Template("{custom." + rapid.SampledFrom(formWords).Draw(t, "key") + "}")
	}
}

func (w formWorld) drawConditions(t *rapid.T, ids []int64) []simzendesk.Condition {
	var out []simzendesk.Condition
	for range rapid.IntRange(0, 3).Draw(t, "conditions") {
		c := simzendesk.Condition{
			ParentFieldID: rapid.SampledFrom(ids).Draw(t, "parent"),
			Value:         rapid.SampledFrom([]any{"return", "billing", "1", "high", "task", true, false, "true", "false"}).Draw(t, "parent value"),
		}
		switch value := w.site.Tickets.Defaults[c.ParentFieldID].(type) {
		case string, bool:
			if rapid.Bool().Draw(t, "met") {
				c.Value = value
			}
		}
		for range rapid.IntRange(1, 2).Draw(t, "children") {
			child := simzendesk.Child{ID: rapid.SampledFrom(ids).Draw(t, "child"), IsRequired: rapid.Bool().Draw(t, "is required")}
			switch kind := rapid.SampledFrom([]string{"", simzendesk.AllStatuses, simzendesk.NoStatuses, simzendesk.SomeStatuses}).Draw(t, "statuses"); kind {
			case "":
			case simzendesk.SomeStatuses:
				listed := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"new", "open", "pending", "hold", "solved"}), 1, 5, rapid.ID).Draw(t, "listed")
				child.RequiredOnStatuses = &simzendesk.RequiredOn{Type: kind, Statuses: listed}
			default:
				child.RequiredOnStatuses = &simzendesk.RequiredOn{Type: kind}
			}
			c.ChildFields = append(c.ChildFields, child)
		}
		out = append(out, c)
	}
	return out
}
