package check

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"passerelle/pkg/sim/simzendesk"
	"passerelle/pkg/ticket"
)

// bare is a site without ticket fields in an account that has none of its own.
func bare() *world {
	w := sound()
	w.edit = func(text string) string { return regexp.MustCompile(`, fields: \{[^}]*\}`).ReplaceAllString(text, "") }
	w.prepare = func(w *world) {
		w.form = w.account.AddForm(simzendesk.Form{Name: "New"})
	}
	return w
}

func states(p Provision) []State {
	var list []State
	for _, f := range p.Fields {
		list = append(list, f.State)
	}
	return list
}

func TestProvisionThenCheck(t *testing.T) {
	for name, sw := range map[string]simzendesk.Switches{"on the default form": {}, "on no form": {NewFieldsOffForms: true}} {
		t.Run(name, func(t *testing.T) {
			w := bare()
			w.zendeskConfig.Switches = sw
			w.run(t)
			z, _ := w.clients()
			s := w.config.Sites["acme-fr"]
			before := len(w.account.Fields())

			dry, err := Provide(t.Context(), z, s, true)
			if err != nil || len(w.account.Fields()) != before || !slices.Equal(states(dry), slices.Repeat([]State{WouldCreate}, 5)) {
				t.Fatalf("dry run: %+v, %v", dry, err)
			}
			made, err := Provide(t.Context(), z, s, false)
			if err != nil || made.FormID != w.form.ID || !slices.Equal(states(made), slices.Repeat([]State{Created}, 5)) {
				t.Fatalf("made %+v, %v", made, err)
			}
			all := w.account.Fields()
			for _, f := range all[before:] {
				if f.Required || f.RequiredInPortal || f.VisibleInPortal || f.EditableInPortal || f.Inactive {
					t.Errorf("field %+v", f)
				}
			}
			again, err := Provide(t.Context(), z, s, false)
			if err != nil || len(w.account.Fields()) != len(all) || !slices.Equal(states(again), slices.Repeat([]State{Found}, 5)) || again.Fields[0].OnForm {
				t.Errorf("a second run: %+v, %v", again, err)
			}
			if n := w.account.Requests()["PUT /api/v2/ticket_forms/{id}"]; n != 1 {
				t.Errorf("the form was changed %d times", n)
			}

			// With the ids in the configuration the check is clean, and the next run leaves all alone.
			for _, f := range made.Fields {
				if !strings.Contains(made.YAML(), fmt.Sprintf("        %s: %d\n", f.Key, f.ID)) {
					t.Errorf("%s is not in\n%s", f.Key, made.YAML())
				}
			}
			for i, f := range wantedFields {
				*f.id(&s.Tickets.Fields) = made.Fields[i].ID
			}
			w.config.Sites["acme-fr"] = s
			if got := problems(w.findings(t)); len(got) > 0 {
				t.Errorf("after it: %v", got)
			}
			configured, err := Provide(t.Context(), z, s, false)
			if err != nil || !slices.Equal(states(configured), slices.Repeat([]State{Configured}, 5)) {
				t.Errorf("configured: %+v, %v", configured, err)
			}

			// Another site of the account has them, too, on its own form.
			other := ticket.Site{Name: "acme-de", Account: "acme", Tickets: ticket.TicketSettings{FormID: w.account.AddForm(simzendesk.Form{Name: "Other"}).ID}}
			shared, err := Provide(t.Context(), z, other, false)
			if err != nil || !slices.Equal(states(shared), slices.Repeat([]State{Found}, 5)) || !shared.Fields[4].OnForm {
				t.Errorf("shared: %+v, %v", shared, err)
			}
		})
	}
}

func TestProvisionKeepsTheForm(t *testing.T) {
	w := bare()
	w.run(t)
	extra(simzendesk.Field{Type: "text", Title: "Order"})(w)
	z, _ := w.clients()
	before := w.form.FieldIDs
	if _, err := Provide(t.Context(), z, w.config.Sites["acme-fr"], false); err != nil {
		t.Fatal(err)
	}
	for _, f := range w.account.Forms() {
		if f.ID == w.form.ID && (len(f.FieldIDs) != len(before)+5 || !slices.Contains(f.FieldIDs, 77)) {
			t.Errorf("the form had %v and has %v", before, f.FieldIDs)
		}
	}
}

func TestProvisionThatFails(t *testing.T) {
	for name, tc := range map[string]struct {
		fault simzendesk.Fault
		form  int64
		made  int
		says  string
	}{
		"no administrator": {simzendesk.Fault{Kind: simzendesk.Forbidden, Method: "POST", Path: "/api/v2/ticket_fields"}, 0, 0, "conversation_id"},
		"unreadable":       {simzendesk.Fault{Kind: simzendesk.Unavailable, Method: "GET", Path: "/api/v2/ticket_fields"}, 0, 0, "read ticket fields"},
		"no form":          {simzendesk.Fault{Kind: simzendesk.Unavailable, Path: "nothing"}, 5, 5, "no ticket form 5"},
		"form unreadable":  {simzendesk.Fault{Kind: simzendesk.Unavailable, Path: "/api/v2/ticket_forms"}, 0, 5, "on the form"},
	} {
		t.Run(name, func(t *testing.T) {
			w := bare()
			w.run(t)
			w.account.Fault(tc.fault)
			s := w.config.Sites["acme-fr"]
			s.Tickets.FormID = tc.form
			z, _ := w.clients()
			p, err := Provide(t.Context(), z, s, false)
			if err == nil || !strings.Contains(err.Error(), tc.says) || len(p.Fields) != tc.made {
				t.Errorf("made %+v, %v", p.Fields, err)
			}
		})
	}
}

func TestProvisionWithoutForms(t *testing.T) {
	w := bare()
	w.run(t)
	w.account.Fault(simzendesk.Fault{Kind: simzendesk.Forbidden, Path: "/api/v2/ticket_forms"})
	z, _ := w.clients()
	s := w.config.Sites["acme-fr"]
	s.Tickets.FormID, s.Tickets.Fields.ConversationTags = 0, 12345
	p, err := Provide(t.Context(), z, s, false)
	if err != nil || p.FormID != 0 || p.Fields[0].OnForm || p.Fields[1].State != Unknown || p.Fields[1].Type != "" {
		t.Errorf("made %+v, %v", p, err)
	}
}
