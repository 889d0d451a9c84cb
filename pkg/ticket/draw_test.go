package ticket

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func sound() (Conversation, Site, Form, People) {
	c := Conversation{
		ID: "C-1", Visitor: Visitor{FirstName: "Ada", LastName: " Martin", Email: "Ada@Example.COM"}, Tags: []string{"Retour produit"},
		Messages: []Message{{At: time.Unix(0, 0), Speaker: SpeakerVisitor, Text: "Bonjour"}},
		Handlers: []Agent{{ID: 1, Name: "Bot"}, {ID: 2, Name: "Chloé", Email: "chloe@example.com", Human: true}},
	}
	s := Site{Name: "acme-fr", Locale: "fr", TimeZone: "Europe/Paris", Tickets: TicketSettings{
		Archive: true, Escalation: true, AssignToAgent: true, Tags: []string{"iadvize"},
		AnonymousEmail: "Anonymous@example.com", AnonymousName: "Anonyme",
		Fields: FieldIDs{ConversationID: 10, ConversationTags: 11, SatisfactionScore: 12, RecommendationScore: 13, SatisfactionComment: 14},
	}}
	form := Form{ID: 9, Active: true, Fields: []Field{
		{ID: 1, Type: FieldAssignee, Title: "Assignee", Active: true, Required: true},
		{ID: 10, Type: FieldText, Title: "Conversation", Active: true, Required: true},
		{ID: 11, Type: FieldText, Title: "Tags", Active: true},
	}}
	return c, s, form, People{Handler: AgentUser{ID: 100, Active: true, GroupIDs: []int64{5}}, Fallback: AgentUser{ID: 200, Active: true}}
}

func TestDrawArchive(t *testing.T) {
	c, s, form, people := sound()
	score := 4
	c.Survey.Score = &score
	d, err := Draw(c, s, PurposeArchive, form, people)
	if err != nil {
		t.Fatal(err)
	}
	if d.Status != StatusSolved || d.ExternalID != "iadvize:c-1" || d.AssigneeID != 100 || d.FormID != 9 {
		t.Errorf("draft = %+v", d)
	}
	if d.Requester != (Requester{Name: "Ada Martin", Email: "ada@example.com"}) {
		t.Errorf("requester = %+v", d.Requester)
	}
	if want := []string{"iadvize", "retour_produit"}; !slices.Equal(d.Tags, want) {
		t.Errorf("tags = %q", d.Tags)
	}
	want := []FieldValue{{10, "C-1"}, {11, "Retour produit"}, {12, "4"}}
	if !reflect.DeepEqual(d.Fields, want) {
		t.Errorf("fields = %v, want %v", d.Fields, want)
	}
	if len(d.Comments) != 1 || d.Comments[0].Public || !strings.Contains(d.Comments[0].HTML, "Bonjour") || !strings.Contains(d.Comments[0].HTML, "01:00:00") {
		t.Errorf("comments = %+v", d.Comments)
	}
}

func TestDrawEscalation(t *testing.T) {
	c, s, form, people := sound()
	c.ClosingForm = ClosingForm{Known: true, Escalate: true, PrivateNote: "Rappeler demain {{x}}"}
	c.Messages, c.Tags = nil, nil
	s.Tickets.NoteLabel = "Note pour le SAV"
	s.Tickets.PublicTranscript = true
	people = People{Fallback: people.Fallback}
	d, err := Draw(c, s, PurposeEscalation, form, people)
	if err != nil {
		t.Fatal(err)
	}
	if d.Status != StatusOpen || d.AssigneeID != 0 {
		t.Errorf("draft = %+v", d)
	}
	if !reflect.DeepEqual(d.Fields, []FieldValue{{10, "C-1"}, {11, "-"}}) {
		t.Errorf("fields = %v", d.Fields)
	}
	if len(d.Comments) != 3 || !d.Comments[0].Public || d.Comments[1].Public || d.Comments[2].Public {
		t.Fatalf("comments = %+v", d.Comments)
	}
	if !strings.Contains(d.Comments[1].HTML, "Chloé") {
		t.Errorf("the agent is not named: %s", d.Comments[1].HTML)
	}
	if note := d.Comments[2].HTML; !strings.Contains(note, "Note pour le SAV") || !strings.Contains(note, "Rappeler demain") || strings.Contains(note, "{{") {
		t.Errorf("note = %s", note)
	}
}

func TestDrawRequester(t *testing.T) {
	for _, tc := range []struct {
		name    string
		visitor Visitor
		want    Requester
	}{
		{"nothing known", Visitor{}, Requester{"Anonyme", "anonymous@example.com"}},
		{"name alone", Visitor{FirstName: "Ada"}, Requester{"Ada", "anonymous@example.com"}},
		{"user name", Visitor{Username: "ada99", Email: "a@example.com"}, Requester{"ada99", "a@example.com"}},
		{"e-mail alone", Visitor{Email: " A@example.com "}, Requester{"Visiteur", "a@example.com"}},
		{"no address", Visitor{Email: "unknown"}, Requester{"Anonyme", "anonymous@example.com"}},
		{"long name", Visitor{FirstName: strings.Repeat("é", 300), Email: "a@example.com"}, Requester{strings.Repeat("é", 255), "a@example.com"}},
	} {
		c, s, form, people := sound()
		c.Visitor = tc.visitor
		if d, err := Draw(c, s, PurposeArchive, form, people); err != nil || d.Requester != tc.want {
			t.Errorf("%s: %+v, %v; want %+v", tc.name, d.Requester, err, tc.want)
		}
	}
}

func TestDrawAssignee(t *testing.T) {
	agent := func(id int64) AgentUser { return AgentUser{ID: id, Active: true, GroupIDs: []int64{5}} }
	light, suspended, gone := agent(1), agent(1), agent(1)
	light.Light, suspended.Suspended, gone.Active = true, true, false
	for _, tc := range []struct {
		name   string
		people People
		group  int64
		want   int64
	}{
		{"agent", People{Handler: agent(1), Fallback: agent(2)}, 0, 1},
		{"agent in the group", People{Handler: agent(1)}, 5, 1},
		{"agent of another group", People{Handler: agent(1), Fallback: AgentUser{ID: 2, Active: true, GroupIDs: []int64{6}}}, 6, 2},
		{"light agent", People{Handler: light, Fallback: agent(2)}, 0, 2},
		{"suspended", People{Handler: suspended, Fallback: agent(2)}, 0, 2},
		{"deleted", People{Handler: gone, Fallback: agent(2)}, 0, 2},
		{"nobody", People{}, 0, 0},
	} {
		c, s, form, _ := sound()
		s.Tickets.GroupID = tc.group
		d, err := Draw(c, s, PurposeArchive, form, tc.people)
		var f *Failure
		if tc.want == 0 {
			if !errors.As(err, &f) || f.Reason != ReasonRequiredFieldMissing || f.Detail.Fields[0].ID != 1 {
				t.Errorf("%s: error = %v", tc.name, err)
			}
			continue
		}
		if err != nil || d.AssigneeID != tc.want {
			t.Errorf("%s: assignee %d, %v; want %d", tc.name, d.AssigneeID, err, tc.want)
		}
	}
	c, s, _, _ := sound()
	if _, err := Draw(c, s, PurposeArchive, Form{}, People{}); err == nil {
		t.Error("a solved ticket without assignee was drawn")
	}
	for email, want := range map[string]bool{"": false, "gone@example.com": true} {
		s.Tickets.FallbackAssignee = email
		var f *Failure
		_, err := Draw(c, s, PurposeArchive, Form{}, People{})
		if !errors.As(err, &f) || strings.Contains(f.Hint, "names nobody") != want || strings.Contains(f.Error()+f.Hint, "gone@") {
			t.Errorf("fallback assignee %q: %v, hint %q", email, err, f.Hint)
		}
	}
}

func TestDrawRequiredField(t *testing.T) {
	required := Field{ID: 20, Type: FieldTagger, Title: "Service", Active: true, Required: true, Options: []Option{{Value: "sav"}, {Value: "it"}}}
	withDefault := required
	withDefault.Options = []Option{{Value: "sav", Default: true}}
	for _, tc := range []struct {
		name     string
		field    Field
		defaults map[int64]any
		reason   Reason
		want     any
	}{
		{name: "no default", field: required, reason: ReasonRequiredFieldMissing},
		{name: "the site's default", field: required, defaults: map[int64]any{20: "it"}, want: "it"},
		{name: "the form's default", field: withDefault, want: "sav"},
		{name: "unknown choice", field: required, defaults: map[int64]any{20: "nope"}, reason: ReasonRejected},
	} {
		c, s, form, people := sound()
		form.Fields = append(form.Fields, tc.field)
		s.Tickets.Defaults = tc.defaults
		d, err := Draw(c, s, PurposeArchive, form, people)
		if tc.reason != "" {
			var f *Failure
			if !errors.As(err, &f) || f.Trouble != TroubleJob || f.Reason != tc.reason || f.Detail.Fields[0] != (FieldRef{20, "Service"}) || f.Hint == "" {
				t.Errorf("%s: error = %+v", tc.name, err)
			}
			continue
		}
		if err != nil || d.Fields[len(d.Fields)-1].Value != tc.want {
			t.Errorf("%s: %v, %v", tc.name, d.Fields, err)
		}
	}
}

func TestFit(t *testing.T) {
	options := []Option{{Value: "a"}, {Value: "b"}}
	for _, tc := range []struct {
		field Field
		in    any
		want  any // nil: does not fit
	}{
		{Field{Type: FieldCheckbox}, "true", true},
		{Field{Type: FieldCheckbox}, false, false},
		{Field{Type: FieldCheckbox}, "perhaps", nil},
		{Field{Type: FieldCheckbox}, []any{}, nil},
		{Field{Type: FieldTagger, Options: options}, "a", "a"},
		{Field{Type: FieldTagger, Options: options}, "A", nil},
		{Field{Type: FieldMultiselect, Options: options}, "a", []string{"a"}},
		{Field{Type: FieldMultiselect, Options: options}, []any{"a", "b"}, []string{"a", "b"}},
		{Field{Type: FieldMultiselect, Options: options}, []string{"a", "c"}, nil},
		{Field{Type: FieldMultiselect, Options: options}, []any{[]any{}}, nil},
		{Field{Type: FieldMultiselect, Options: options}, map[string]any{}, nil},
		{Field{Type: FieldDate}, "2026-02-28", "2026-02-28"},
		{Field{Type: FieldDate}, "2026-02-30", nil},
		{Field{Type: FieldInteger}, uint64(12), "12"},
		{Field{Type: FieldInteger}, "1.5", nil},
		{Field{Type: FieldDecimal}, 1.5, "1.5"},
		{Field{Type: FieldDecimal}, "1,5", nil},
		{Field{Type: FieldRegexp, Regexp: `\d+`}, "12", "12"},
		{Field{Type: FieldRegexp, Regexp: `\d+`}, "x12", "x12"}, // Zendesk's own examples are anchored where they mean it
		{Field{Type: FieldRegexp, Regexp: `^\d+$`}, "x12", nil},
		{Field{Type: FieldCheckbox}, "TRUE", true},
		{Field{Type: FieldMultiselect, Options: []Option{{Value: "a"}}}, []any{"a", "a"}, []string{"a"}},
		{Field{Type: FieldRegexp, Regexp: `(?<=a)b`}, "b", "b"},
		{Field{Type: FieldText}, 7, "7"},
		{Field{Type: FieldTextarea}, strings.Repeat("é", 40_000), strings.Repeat("é", 30_000)},
		{Field{Type: FieldText}, nil, nil},
		{Field{Type: FieldLookup}, "5", "5"},
	} {
		got, ok := tc.field.Fit(tc.in)
		if ok != (tc.want != nil) || ok && !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s.Fit(%.40v) = %.40v, %v; want %.40v", tc.field.Type, tc.in, got, ok, tc.want)
		}
	}
}

func TestDefaultOptionOfAMultiselect(t *testing.T) {
	f := Field{Type: FieldMultiselect, Options: []Option{{Value: "a", Default: true}, {Value: "b", Default: true, BlocksSolved: true}}}
	if got := f.defaultOption(); !reflect.DeepEqual(got, []any{"a", "b"}) {
		t.Errorf("default = %v", got)
	}
}

func TestDeadLetterKeepsItsStory(t *testing.T) {
	first, later := time.Unix(100, 0), time.Unix(900, 0)
	e := Event{ID: "e", Kind: KindClosed, ConversationID: "C-1", Site: "s", Account: "a", Attempts: 2}
	d := Bury(e, &Failure{Reason: ReasonRejected, Hint: "h", Detail: Detail{Message: "no", Status: 422}}, first)
	if d.ID != "c-1" || d.Attempts != 2 || !d.FirstFailedAt.Equal(first) || d.Replays != 0 {
		t.Errorf("letter = %+v", d)
	}
	again := Bury(d.Revive(later), &Failure{Reason: ReasonExpired}, later)
	if again.Replays != 1 || !again.FirstFailedAt.Equal(first) || !again.LastFailedAt.Equal(later) {
		t.Errorf("second letter = %+v", again)
	}
	if len(Reasons()) != 9 {
		t.Error("a reason is missing from the list")
	}
}

func TestFailureIsAnError(t *testing.T) {
	cause := errors.New("reset")
	f := &Failure{Detail: Detail{Message: "create ticket", Status: 500}, Err: cause}
	if f.Error() != "create ticket (HTTP 500)" || !errors.Is(f, cause) {
		t.Errorf("error = %v", f)
	}
	if (&Failure{Detail: Detail{Message: "m"}}).Error() != "m" {
		t.Error("message without a status is not the message")
	}
}

func TestEventKeysAndSatisfaction(t *testing.T) {
	e := Event{ID: "E/1", Kind: KindSatisfaction, ConversationID: "C-1"}
	if key := e.Key(); !strings.HasPrefix(key, "c-1.x_") {
		t.Errorf("key = %s", key)
	}
	if !(Satisfaction{}).Empty() || (Satisfaction{Comment: "c"}).Empty() {
		t.Error("Empty is wrong")
	}
	if !(FieldIDs{SatisfactionComment: 1}).AnySatisfaction() || (FieldIDs{}).AnySatisfaction() {
		t.Error("AnySatisfaction is wrong")
	}
	nps := 9
	if got := SatisfactionFields(Satisfaction{Recommendation: &nps, Comment: "ok"}, FieldIDs{RecommendationScore: 2, SatisfactionComment: 3}); len(got) != 2 {
		t.Errorf("fields = %v", got)
	}
	if _, ok := (Conversation{}).HandledBy(); ok {
		t.Error("nobody handled it")
	}
}

func TestWhoHandledItStandsInTheTranscript(t *testing.T) {
	c, s, form, people := sound()
	people.Handler = AgentUser{}
	d, err := Draw(c, s, PurposeArchive, form, people)
	if err != nil {
		t.Fatal(err)
	}
	agent, _ := c.HandledBy()
	if len(d.Comments) != 1 || !strings.Contains(d.Comments[0].HTML, agent.Name) || d.Comments[0].Public {
		t.Errorf("comments = %+v", d.Comments)
	}
	s.Tickets.PublicTranscript = true // the customer need not know
	if d, err = Draw(c, s, PurposeArchive, form, people); err != nil {
		t.Fatal(err)
	}
	if len(d.Comments) != 2 || !strings.Contains(d.Comments[1].HTML, agent.Name) || d.Comments[1].Public {
		t.Errorf("comments = %+v", d.Comments)
	}
}
