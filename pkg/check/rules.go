package check

import (
	"fmt"
	"slices"
	"strings"

	"passerelle/pkg/ticket"
	"passerelle/pkg/zendesk"
)

// rules looks for triggers and automations that would write to the requester of an archive ticket.
func (v *visit) rules() {
	if !v.settings.Archive {
		v.ok(TriggerMailsRequester, "the site makes no archive tickets")
		v.ok(AutomationMailsRequester, "the site makes no archive tickets")
		return
	}
	if err := v.account.triggers.err; err != nil {
		v.unreadable(Warning, TriggerMailsRequester, err)
	}
	if err := v.account.automations.err; err != nil {
		v.unreadable(Warning, AutomationMailsRequester, err)
	}
	if v.account.triggers.err != nil || v.account.automations.err != nil || !v.formKnown {
		return
	}
	triggers := v.account.triggers.value
	after := v.prospect()
	mails := map[int64]mail{}
	for _, m := range v.moments() {
		after = after.at(m).settle(triggers)
		for _, r := range triggers {
			mails[r.ID] = mails[r.ID].or(after.mails(r), m)
		}
	}
	for _, r := range triggers {
		v.mailed(TriggerMailsRequester, "trigger", r, mails[r.ID])
	}
	after = after.at(atRest)
	for _, r := range v.account.automations.value {
		v.mailed(AutomationMailsRequester, "automation", r, mail{}.or(after.mails(r), atRest))
	}
	if !v.has(TriggerMailsRequester) {
		v.ok(TriggerMailsRequester, counted(len(triggers), "active trigger")+", none of which mails the requester of an archive ticket")
	}
	if !v.has(AutomationMailsRequester) {
		v.ok(AutomationMailsRequester, counted(len(v.account.automations.value), "active automation")+", none of which mails the requester of an archive ticket")
	}
}

// moments are those at which triggers look at the site's archive tickets.
func (v *visit) moments() []moment {
	m := []moment{atCreation, atComment}
	if v.settings.Fields.AnySatisfaction() {
		m = append(m, atAnswer)
	}
	return m
}

// prospect is what the site's archive tickets will be, before any rule acted on them.
func (v *visit) prospect() prospect {
	s := v.settings
	privacy := "private"
	if s.PublicTranscript {
		privacy = "public"
	}
	p := prospect{
		public: s.PublicTranscript, tags: map[string]verdict{},
		values: map[string][]string{
			"status": {ticket.StatusSolved}, "type": {""}, "priority": {""}, "assignee_id": {something}, "requester_id": {something},
			"via_id": {viaAPI}, "current_via_id": {viaAPI}, "ticket_is_public": {privacy}, "role": {"agent"},
		},
	}
	if s.GroupID != 0 {
		p.values["group_id"] = []string{idText(s.GroupID)}
	}
	if brand, ok := v.theBrand(); ok {
		p.values["brand_id"] = []string{idText(brand.ID)}
	}
	if v.form.ID != 0 {
		p.values["ticket_form_id"] = []string{idText(v.form.ID)}
	}
	for _, status := range v.form.Statuses {
		if s.ArchiveStatus == status.ID || s.ArchiveStatus == 0 && status.Category == ticket.StatusSolved && status.Default {
			p.values["custom_status_id"] = []string{idText(status.ID)}
		}
	}
	v.fieldValues(&p)
	return p
}

// viaAPI is Zendesk's number for tickets made by its API.
// https://developer.zendesk.com/documentation/ticketing/reference-guides/via-types/
const viaAPI = "5"

// fieldValues adds the values of custom fields that all tickets share, and the tags that these bring along.
func (v *visit) fieldValues(p *prospect) {
	for _, f := range v.account.fields.value {
		p.values["custom_fields_"+idText(f.ID)] = []string{""}
	}
	s := v.site
	for _, w := range wantedFields {
		// What differs from one conversation to the next is not known.
		if id := w.id(&s.Tickets.Fields); *id != 0 {
			delete(p.values, "custom_fields_"+idText(*id))
			if w.always {
				p.values["custom_fields_"+idText(*id)] = []string{something}
			}
			*id = 0
		}
	}
	for _, tag := range ticket.Tags(s.Tickets.Tags) {
		p.tags[tag] = always
	}
	draft, err := v.draw(samples()[0], s, ticket.PurposeArchive)
	if err != nil {
		return // reported with the required fields
	}
	p.values["priority"], p.values["type"] = []string{draft.Priority}, []string{draft.Type}
	for _, value := range draft.Fields {
		texts := textsOf(value.Value)
		p.values["custom_fields_"+idText(value.ID)] = texts
		field, _ := v.account.field(value.ID)
		if field.Type != ticket.FieldMultiselect && field.Type != ticket.FieldTagger {
			continue
		}
		on := maybe // another choice may be made by a tag of the conversation, or by a template
		if s.Tickets.Values[value.ID] == "" && field.Type == ticket.FieldMultiselect {
			on = always
		}
		for _, text := range texts {
			p.tags[strings.ToLower(text)] = max(p.tags[strings.ToLower(text)], on)
		}
	}
	v.varying(p)
}

// varying are the fields whose value differs from one conversation to the next: those with a template, and choices,
// which a tag of the conversation makes.
func (v *visit) varying(p *prospect) {
	for id := range v.settings.Values {
		delete(p.values, "custom_fields_"+idText(id))
		switch field, _ := v.account.field(id); field.Type { //nolint:exhaustive // the others are custom fields
		case ticket.FieldPriority:
			delete(p.values, "priority")
		case ticket.FieldTicketType:
			delete(p.values, "type")
		}
	}
	for _, f := range v.form.Fields {
		if values, known := p.values["custom_fields_"+idText(f.ID)]; known && f.Type == ticket.FieldTagger {
			for _, o := range f.Options {
				values = append(slices.Clip(values), o.Value)
			}
			p.values["custom_fields_"+idText(f.ID)] = slices.Compact(slices.Sorted(slices.Values(values)))
		}
	}
}

func textsOf(value any) []string {
	if list, ok := value.([]string); ok {
		return list
	}
	return []string{fmt.Sprint(value)}
}

// mail says whether a rule writes to the requester, and when.
type mail struct {
	sure  verdict
	words []string
}

func (m mail) or(sure verdict, at moment) mail {
	if sure == never {
		return m
	}
	return mail{max(m.sure, sure), append(slices.Clone(m.words), at.words)}
}

// mails tells whether a rule writes to the requester now.
func (p prospect) mails(r zendesk.Rule) verdict {
	wrote := never
	for _, a := range r.Actions {
		if len(a.Value) == 0 {
			continue
		}
		to := a.Value[0]
		switch {
		case !slices.Contains([]string{"notification_user", "notification_sms_user", "deflection"}, a.Field):
		case to == "requester_and_ccs" && p.moment.comment && !p.public:
			wrote = max(wrote, maybe) // Zendesk is said to hold it back for a private comment
		case to == "requester_id" || to == "requester" || to == "requester_and_ccs" || a.Field == "deflection":
			wrote = always
		}
	}
	return min(wrote, p.fires(r))
}

func (v *visit) mailed(code, kind string, r zendesk.Rule, m mail) {
	if m.sure == never {
		return
	}
	level, would := Error, "mails the requester of an archive ticket "
	if m.sure == maybe {
		level, would = Warning, "may mail the requester of an archive ticket "
	}
	v.add(level, code, &Subject{Kind: kind, ID: r.ID, Name: r.Title}, "the active "+kind+" "+named(r.Title, r.ID)+" "+would+strings.Join(m.words, ", and "),
		"the customer gets a mail about a conversation that is only archived", v.exclusion())
}

// exclusion is the condition to add to a rule so that it leaves the site's archive tickets alone.
func (v *visit) exclusion() string {
	var ways []string
	if !v.settings.PublicTranscript {
		ways = append(ways, `Ticket > Privacy (ticket_is_public) "is" Public, which archive tickets never are`)
	}
	if tags := ticket.Tags(v.settings.Tags); len(tags) > 0 {
		ways = append(ways, fmt.Sprintf("Ticket > Tags (current_tags) \"contains none of\" %s, which every ticket of the site has, also the escalated ones", tags[0]))
	}
	if len(ways) == 0 {
		return "give the site a tag of its own under tickets.tags, and add to the rule's ALL conditions: Ticket > Tags (current_tags) \"contains none of\" that tag"
	}
	return "add to the rule's ALL conditions in Zendesk: " + strings.Join(ways, "; or: ")
}
