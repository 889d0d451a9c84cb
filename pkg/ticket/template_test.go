package ticket

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestTemplates(t *testing.T) {
	c, s, _, _ := sound()
	score := 4
	c.Survey.Score, c.Channel, c.ClosedAt = &score, "CHAT", time.Date(2026, 11, 23, 23, 30, 0, 0, time.UTC)
	c.CustomData = map[string]string{"order": "A-1", "odd.key/é": "x"}
	words := variablesOf(c, s, PurposeEscalation)
	for template, want := range map[Template]string{
		"{visitor_name} ({channel})":               "Ada Martin (CHAT)",
		"{label} {conversation_id}":                "Demande issue de la conversation iAdvize C-1",
		"Commande {custom.order}":                  "Commande A-1",
		"Commande {custom.none}":                   "",
		"{custom.none}{custom.order}":              "A-1",
		"{custom.odd.key/é}":                       "x",
		"{closed_on} {score}":                      "2026-11-24 4",
		"fixed {Not} {} {a variable} {{channel}} ": "fixed {Not} {} {a variable} {CHAT}",
		"no variables":                             "no variables",
		"{agent_name}, {visitor_email}":            "Chloé, Ada@Example.COM",
		"{purpose} {site} {tags}":                  "escalation acme-fr Retour produit",
	} {
		if got := template.Fill(words); got != want {
			t.Errorf("%q = %q, want %q", template, got, want)
		}
	}
	if unknown := Template("{nom} {custom.x} {channel}").Unknown(); !slices.Equal(unknown, []string{"nom"}) {
		t.Errorf("unknown = %v", unknown)
	}
	if !slices.IsSorted(Variables()) || !slices.Contains(Variables(), "visitor_name") {
		t.Errorf("variables = %v", Variables())
	}
}

func failure(err error) *Failure {
	f := &Failure{}
	errors.As(err, &f)
	return f
}

func TestSubjects(t *testing.T) {
	c, s, form, people := sound()
	c.Visitor.FirstName, c.Visitor.LastName = "{{{ticket.id}} {%", "line\nend"
	s.Tickets.Subject = "{visitor_name}"
	d, err := Draw(c, s, PurposeArchive, form, people)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(d.Subject, "{{") || strings.Contains(d.Subject, "{%") || strings.ContainsAny(d.Subject, "\r\n") || !strings.Contains(d.Subject, "ticket.id") {
		t.Errorf("subject = %q", d.Subject)
	}
	s.Tickets.Subject = Template(strings.Repeat("é", 300))
	if d, _ := Draw(c, s, PurposeArchive, form, people); len([]rune(d.Subject)) != longSubject {
		t.Errorf("subject of %d runes", len([]rune(d.Subject)))
	}
}

func TestValuesComeInTheirOrder(t *testing.T) {
	c, s, form, people := sound()
	c.Tags = []string{"Billing"}
	c.CustomData = map[string]string{"order": "A-1", "topic": "unheard-of"}
	topics := []Option{{Value: "sales", Default: true}, {Value: "billing"}, {Value: "late"}}
	form.Fields = append(form.Fields,
		Field{ID: 20, Type: FieldText, Title: "Order", Active: true},
		Field{ID: 21, Type: FieldTagger, Title: "By tag", Active: true, Options: topics},
		Field{ID: 22, Type: FieldTagger, Title: "By default", Active: true, Options: []Option{{Value: "x"}, {Value: "y"}}},
		Field{ID: 23, Type: FieldTagger, Title: "By form", Active: true, Options: []Option{{Value: "z", Default: true}}},
		Field{ID: 24, Type: FieldTagger, Title: "Unfit", Active: true, Options: []Option{{Value: "fallback"}}},
		Field{ID: 25, Type: FieldText, Title: "Gone"},
		Field{ID: 26, Type: FieldPriority, Title: "Priority", Active: true, Required: true},
		Field{ID: 27, Type: FieldTicketType, Title: "Type", Active: true},
	)
	form.Elsewhere = []Field{{ID: 30, Type: FieldInteger, Title: "Elsewhere", Active: true}}
	s.Tickets.Values = map[int64]Template{20: "{custom.order}", 24: "{custom.topic}", 30: "007"}
	s.Tickets.Defaults = map[int64]any{20: "none", 22: "y", 24: "fallback", 25: "ignored", 26: "high", 27: "task", 40: "unknown"}
	d, err := Draw(c, s, PurposeArchive, form, people)
	if err != nil {
		t.Fatal(err)
	}
	got := map[int64]any{}
	for _, f := range d.Fields {
		got[f.ID] = f.Value
	}
	for id, want := range map[int64]any{20: "A-1", 21: "billing", 22: "y", 23: "z", 24: "fallback", 30: "007", 40: "unknown"} {
		if got[id] != want {
			t.Errorf("field %d = %v, want %v", id, got[id], want)
		}
	}
	if _, sent := got[25]; sent || d.Priority != "high" || d.Type != "task" {
		t.Errorf("draft = %+v", d)
	}
	s.Tickets.Values[30] = "seven"
	_, err = Draw(c, s, PurposeArchive, form, people)
	if f := failure(err); f.Reason != ReasonRejected || !slices.Equal(f.Detail.Fields, []FieldRef{{30, "Elsewhere"}}) {
		t.Errorf("error = %v", err)
	}
}

func TestCustomStatuses(t *testing.T) {
	for _, tc := range []struct {
		status  CustomStatus
		purpose Purpose
		want    string // empty: refused
	}{
		{CustomStatus{ID: 7, Category: "solved", Active: true}, PurposeArchive, "solved"},
		{CustomStatus{ID: 7, Category: "open", Active: true}, PurposeArchive, ""},
		{CustomStatus{ID: 7, Category: "solved"}, PurposeArchive, ""},
		{CustomStatus{ID: 8, Category: "solved", Active: true}, PurposeArchive, ""},
		{CustomStatus{ID: 7, Category: "hold", Active: true}, PurposeEscalation, "hold"},
		{CustomStatus{ID: 7, Category: "solved", Active: true}, PurposeEscalation, ""},
	} {
		c, s, form, people := sound()
		s.Tickets.ArchiveStatus, s.Tickets.EscalationStatus = 7, 7
		form.Statuses = []CustomStatus{tc.status}
		d, err := Draw(c, s, tc.purpose, form, people)
		if (err == nil) != (tc.want != "") || err == nil && (d.Status != tc.want || d.StatusID != 7) {
			t.Errorf("%+v for %s: status %q, %v", tc.status, tc.purpose, d.Status, err)
		}
	}
}

func TestAddresses(t *testing.T) {
	for in, want := range map[string]string{
		" Ada@Example.COM ": "ada@example.com", "a.b+c@mail.example.co.uk": "a.b+c@mail.example.co.uk", "ada@bücher.example": "ada@xn--bcher-kva.example",
		"": "", "ada": "", "ada@": "", "@example.com": "", "ada@localhost": "", "a b@example.com": "", "Ada <ada@example.com>": "",
		"ada@example..com": "", "ada@.com": "", "a@b@example.com": "", "ada@exam ple.com": "", strings.Repeat("a", 250) + "@example.com": "",
	} {
		if got := address(in); got != want {
			t.Errorf("address(%q) = %q, want %q", in, got, want)
		}
	}
}
