package check

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"passerelle/pkg/ticket"
	"passerelle/pkg/zendesk"
)

// wanted is a ticket field that gets what is known of a conversation.
type wanted struct {
	key     string // under tickets.fields
	title   string // of a field that is made
	purpose string // for agents
	kind    ticket.FieldType
	samples []string // of what is written to it
	always  bool     // it always gets a value
	id      func(*ticket.FieldIDs) *int64
}

// wantedFields are all of them. The last three need the first one.
var wantedFields = []wanted{
	{
		"conversation_id", "iAdvize conversation ID", "The conversation's id at iAdvize.", ticket.FieldText,
		[]string{"0f0bb3af-5035-4ba3-b3fb-ff4879a3a74d"}, true, func(f *ticket.FieldIDs) *int64 { return &f.ConversationID },
	},
	{
		"conversation_tags", "iAdvize conversation tags", "The tags that the agent gave the conversation, or - for none.", ticket.FieldText,
		[]string{"-", "Retour produit, VIP"}, true, func(f *ticket.FieldIDs) *int64 { return &f.ConversationTags },
	},
	{
		"satisfaction_score", "iAdvize satisfaction score", "The visitor's satisfaction, 1 to 5.", ticket.FieldInteger,
		[]string{"1", "2", "3", "4", "5"}, false, func(f *ticket.FieldIDs) *int64 { return &f.SatisfactionScore },
	},
	{
		"recommendation_score", "iAdvize recommendation score", "How likely the visitor is to recommend, 0 to 10.", ticket.FieldInteger,
		[]string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10"}, false, func(f *ticket.FieldIDs) *int64 { return &f.RecommendationScore },
	},
	{
		"satisfaction_comment", "iAdvize satisfaction comment", "What the visitor wrote in the survey.", ticket.FieldTextarea,
		[]string{"Merci, tout est parfait !", "1"}, false, func(f *ticket.FieldIDs) *int64 { return &f.SatisfactionComment },
	},
}

// holds tells whether a field can hold all of these values, as the ticket would have it.
func holds(f ticket.Field, samples []string) (refused string, ok bool) {
	switch f.Type {
	case ticket.FieldText, ticket.FieldTextarea, ticket.FieldInteger, ticket.FieldDecimal, ticket.FieldRegexp, ticket.FieldTagger, ticket.FieldMultiselect:
	default:
		return samples[0], false
	}
	for _, sample := range samples {
		if _, ok := f.Fit(sample); !ok {
			return sample, false
		}
	}
	return "", true
}

func (a *account) field(id int64) (zendesk.FieldSettings, bool) {
	for _, f := range a.fields.value {
		if f.ID == id {
			return f, true
		}
	}
	return zendesk.FieldSettings{}, false
}

// configuredFields looks at each field that the site names.
func (v *visit) configuredFields() {
	if v.account.fields.err != nil {
		v.unreadable(Error, FieldMissing, v.account.fields.err)
		return
	}
	n := 0
	for _, w := range wantedFields {
		id := *w.id(&v.settings.Fields)
		if id == 0 {
			continue
		}
		n++
		field, found := v.account.field(id)
		about := &Subject{Kind: "ticket_field", ID: id, Name: field.Title}
		switch {
		case !found:
			v.add(Error, FieldMissing, about, fmt.Sprintf("the account has no ticket field %d (tickets.fields.%s)", id, w.key), "Zendesk drops the value without a word",
				fmt.Sprintf("correct tickets.fields.%s of the site, or set it to 0 and run: passerelle sites provision %s", w.key, v.site.Name))
		case !field.Active:
			v.add(Error, FieldInactive, about, fmt.Sprintf("the ticket field %s is not active", named(field.Title, id)), "Zendesk drops the value without a word", "activate the field in Zendesk, or correct tickets.fields."+w.key)
		default:
			v.placed(field, about)
			v.typed(w, field, about)
			v.flagged(w, field)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(v.settings.Values)) {
		n++
		v.named(id, "tickets.values")
	}
	for _, id := range slices.Sorted(maps.Keys(v.settings.Defaults)) {
		n++
		v.named(id, "tickets.defaults")
	}
	v.fieldsOK(n)
}

// named looks at a field that has a value under a key of the configuration.
func (v *visit) named(id int64, key string) {
	field, found := v.account.field(id)
	about := &Subject{Kind: "ticket_field", ID: id, Name: field.Title}
	const effect = "Zendesk drops the value without a word"
	fix := fmt.Sprintf("correct or remove %s.%d of the site", key, id)
	switch {
	case !found:
		v.add(Warning, FieldMissing, about, fmt.Sprintf("the account has no ticket field %d (%s)", id, key), effect, fix)
	case !field.Active:
		v.add(Warning, FieldInactive, about, fmt.Sprintf("the ticket field %s, which has a value under %s, is not active", named(field.Title, id), key), effect, fix)
	}
}

// placed looks whether the field is on the form.
func (v *visit) placed(field zendesk.FieldSettings, about *Subject) {
	if _, on := v.form.Field(field.ID); on || !v.formKnown {
		return
	}
	v.add(Warning, FieldOffForm, about, fmt.Sprintf("the ticket field %s is not on the site's form", named(field.Title, field.ID)), "agents do not see the value in the ticket",
		"add the field to the form in Zendesk, or run: passerelle sites provision "+v.site.Name)
}

// typed looks whether the field can hold what is written to it.
func (v *visit) typed(w wanted, field zendesk.FieldSettings, about *Subject) {
	refused, ok := holds(field.Field, w.samples)
	if ok {
		return
	}
	effect := "a conversation with such a value becomes a dead letter (rejected_by_zendesk)"
	if w.always {
		effect = noTicket
	}
	v.add(Error, FieldType, about, fmt.Sprintf("the ticket field %s of type %s cannot hold %q", named(field.Title, field.ID), field.Type, refused), effect,
		fmt.Sprintf("use a field of type %s for tickets.fields.%s, or set it to 0 and run: passerelle sites provision %s", w.kind, w.key, v.site.Name))
}

// flagged looks whether the field is for agents alone and never required.
func (v *visit) flagged(w wanted, field zendesk.FieldSettings) {
	title := named(field.Title, field.ID)
	for _, flag := range []struct {
		name                 string
		set                  bool
		message, effect, fix string
	}{
		{"required", field.Required, "is required to solve a ticket", "agents cannot solve tickets in which it is empty", "make the field optional for agents"},
		{"visible_in_portal", field.VisibleInPortal, "is visible to customers", "customers see what is meant for agents", "let only agents see the field"},
		{"editable_in_portal", field.EditableInPortal, "can be changed by customers", "customers overwrite what came from the conversation", "let only agents edit the field"},
		{"required_in_portal", field.RequiredInPortal, "must be filled by customers", "customers must fill it in to send a request", "make the field optional for customers"},
	} {
		if !flag.set {
			continue
		}
		level := Warning
		if flag.name == "required" && !w.always && v.settings.Archive {
			level, flag.effect = Error, "a conversation without that answer becomes a dead letter (required_field_missing)"
		}
		about := &Subject{Kind: "ticket_field", ID: field.ID, Name: field.Title, Flag: flag.name}
		v.add(level, FieldFlag, about, "the ticket field "+title+" "+flag.message, flag.effect, flag.fix+", in Zendesk's Admin Center under ticket fields")
	}
}

func (v *visit) fieldsOK(n int) {
	if n == 0 {
		v.ok(FieldMissing, "no ticket field is configured; passerelle sites provision makes them")
		return
	}
	words := map[string]string{
		FieldMissing: "exist", FieldInactive: "are active", FieldOffForm: "are on the form", FieldType: "can hold what is written to them",
		FieldFlag: "are for agents alone, and optional",
	}
	for _, code := range []string{FieldMissing, FieldInactive, FieldOffForm, FieldType, FieldFlag} {
		if !v.has(code) {
			v.ok(code, strings.TrimSpace("the configured ticket fields "+words[code]))
		}
	}
}
