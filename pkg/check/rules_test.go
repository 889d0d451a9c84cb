package check

import (
	"fmt"
	"testing"

	"passerelle/pkg/sim/simzendesk"
	"passerelle/pkg/ticket"
	"passerelle/pkg/zendesk"
)

// What the check says of a trigger is what happens when the ticket is made: surely means a mail, never means none.
func TestTheVerdictIsWhatHappens(t *testing.T) {
	surely, perhaps := 0, 0
	for _, public := range []bool{false, true} {
		for _, who := range []string{"requester_id", "requester_and_ccs"} {
			for _, all := range []string{
				"", "update_type is Create", "update_type is Change", "status is solved", "status is_not solved", "status less_than solved",
				"status greater_than open", "priority is high", "type is_not task", "current_tags includes iadvize_chat", "current_tags not_includes iadvize_chat",
				"current_tags not_includes nothing", "comment_is_public is true", "comment_is_public is false", "comment_is_public is not_relevant",
				"ticket_is_public is public", "ticket_is_public is private", "role is agent", "role is end_user", "via_id is 5", "via_id is 4",
				"current_via_id is_not 5", "brand_id is 7", "group_id is GROUP", "group_id is 7", "ticket_form_id is FORM", "ticket_form_id is 7", "assignee_id is ",
				"assignee_id is_not ", "update_type is Create, status is solved, ticket_is_public is public",
			} {
				t.Run(fmt.Sprintf("%v %s %s", public, who, all), func(t *testing.T) {
					sure, mailed := outcome(t, public, who, all)
					switch {
					case sure == always && !mailed, sure == never && mailed:
						t.Errorf("the verdict is %d, a mail was sent: %v", sure, mailed)
					case sure == always:
						surely++
					case sure == maybe:
						perhaps++
					}
				})
			}
		}
	}
	if surely < 20 || perhaps > 40 {
		t.Errorf("%d sure verdicts and %d doubtful ones: the check says too little", surely, perhaps)
	}
}

// outcome judges one trigger, makes an archive ticket, and tells whether the trigger mailed the requester.
func outcome(t *testing.T, public bool, who, all string) (sure verdict, mailed bool) {
	t.Helper()
	w := sound()
	if public {
		w.edit = swap("group_id: ", "transcript: public, group_id: ")
	}
	w.run(t)
	for _, standard := range w.account.Triggers() {
		standard.Inactive = true
		w.account.AddTrigger(standard)
	}
	list := conditions(all)
	for i, c := range list {
		switch c.Value {
		case "GROUP":
			list[i].Value = fmt.Sprint(w.group.ID)
		case "FORM":
			list[i].Value = fmt.Sprint(w.form.ID)
		}
	}
	w.account.AddTrigger(simzendesk.Trigger{Title: "T", All: list, Actions: []simzendesk.Action{{Field: "notification_user", Value: []any{who, "S", "B"}}}})
	z, _ := w.clients()
	form, err := z.Form(t.Context(), w.form.ID)
	if err != nil {
		t.Fatal(err)
	}
	c := New(w.config, func(string) (Zendesk, bool) { return z, true }, nil)
	s := w.config.Sites["acme-fr"]
	v := &visit{report: &report{}, checker: c, site: s, settings: s.Tickets, account: c.account(t.Context(), "acme"), form: form, formKnown: true}
	triggers := v.account.triggers.value
	sure = v.prospect().at(atCreation).settle(triggers).mails(triggers[0])

	agent := ticket.AgentUser{ID: w.ann.ID, Active: true, GroupIDs: []int64{w.group.ID}}
	draft, err := ticket.Draw(samples()[1], s, ticket.PurposeArchive, form, ticket.People{Handler: agent})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := z.Create(t.Context(), draft); err != nil {
		t.Fatal(err)
	}
	return sure, len(w.account.Notifications()) > 0
}

// What differs from one conversation to the next is not taken for certain.
func TestWhatTicketsHaveInCommon(t *testing.T) {
	w := sound()
	w.prepare = func(w *world) {
		options := []simzendesk.Option{{Name: "A", Value: "kind_a", Default: true}, {Name: "B", Value: "kind_b"}}
		extra(simzendesk.Field{ID: 71, Type: "tagger", Title: "Kind", Options: options})(w)
		extra(simzendesk.Field{ID: 72, Type: "multiselect", Title: "Kinds", Options: []simzendesk.Option{{Name: "C", Value: "kind_c", Default: true}}})(w)
		extra(simzendesk.Field{ID: 73, Type: "text", Title: "Order"})(w)
		extra(simzendesk.Field{ID: 74, Type: "text", Title: "Team"})(w)
		extra(simzendesk.Field{ID: 75, Type: "text", Title: "Free"})(w)
	}
	w.edit = swap("group_id: ", `priority: high, values: {73: "{custom.order}"}, defaults: {74: chat}, group_id: `)
	w.run(t)
	z, _ := w.clients()
	form, err := z.Form(t.Context(), w.form.ID)
	if err != nil {
		t.Fatal(err)
	}
	c := New(w.config, func(string) (Zendesk, bool) { return z, true }, nil)
	s := w.config.Sites["acme-fr"]
	v := &visit{report: &report{}, checker: c, site: s, settings: s.Tickets, account: c.account(t.Context(), "acme"), form: form, formKnown: true}
	p := v.prospect().at(atCreation)
	var solved int64
	for _, status := range form.Statuses {
		if status.Category == ticket.StatusSolved {
			solved = status.ID
		}
	}
	for condition, want := range map[string]verdict{
		"priority is high": always, "type is ": always, "custom_fields_71 is kind_a": maybe, "custom_fields_71 is kind_z": never, "custom_fields_71 present": always,
		"custom_fields_72 includes kind_c": always, "custom_fields_73 present": maybe, "custom_fields_74 is chat": always, "custom_fields_75 present": never,
		"current_tags includes kind_a": maybe, "current_tags includes kind_c": always, "current_tags includes iadvize_chat": always,
		fmt.Sprintf("custom_fields_%d present", w.fields[0].ID): always, fmt.Sprintf("custom_fields_%d present", w.fields[2].ID): maybe,
		fmt.Sprintf("custom_status_id is %d", solved): always, "custom_status_id is 5": never, fmt.Sprintf("ticket_form_id is %d", w.form.ID): always,
	} {
		if got := p.fires(zendesk.Rule{All: ruleConditions(condition)}); got != want {
			t.Errorf("%s: %d, want %d", condition, got, want)
		}
	}
}
