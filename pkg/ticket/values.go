package ticket

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// noTags is what the field of the conversation's tags gets when there is none, so that the field is never empty.
const noTags = "-"

// fieldValues gives the custom fields' values. For each field the first of these that is there and fits counts: what is
// known of the conversation, the site's template, the choice that one of the ticket's tags stands for, the site's
// default, the choice that the form marks as default. Zendesk's API applies no default by itself as far as is known,
// and whether it chooses by tag is not documented, so both are said explicitly.
func (d *Draft) fieldValues(c Conversation, settings TicketSettings, form Form, words map[string]string) (map[int64]any, error) {
	offered := map[int64][]any{}
	offer := func(id int64, value any) {
		if id != 0 && value != nil && value != "" {
			offered[id] = append(offered[id], value)
		}
	}
	offer(settings.Fields.ConversationID, c.ID)
	offer(settings.Fields.ConversationTags, cmp.Or(strings.Join(c.Tags, ", "), noTags))
	for _, f := range SatisfactionFields(c.Survey, settings.Fields) {
		offer(f.ID, f.Value)
	}
	for id, template := range settings.Values {
		offer(id, template.Fill(words))
	}
	for _, f := range form.Fields {
		offer(f.ID, f.taggedOption(d.Tags))
	}
	for id, value := range settings.Defaults {
		offer(id, value)
	}
	for _, f := range form.Fields {
		offer(f.ID, f.defaultOption())
	}
	values := map[int64]any{}
	var invalid []FieldRef
	for _, id := range slices.Sorted(maps.Keys(offered)) {
		field, known := form.known(id)
		switch {
		case !known: // a new field, or none at all: Zendesk ignores a value of a field that it does not have
			values[id] = offered[id][0]
		case field.Type == FieldPriority:
			setOnce(&d.Priority, offered[id])
		case field.Type == FieldTicketType:
			setOnce(&d.Type, offered[id])
		case !field.Active || field.Type.system(): // Zendesk ignores it
		default:
			value, ok := field.firstFit(offered[id])
			if !ok {
				invalid = append(invalid, FieldRef{ID: id, Title: field.Title})
				continue
			}
			values[id] = value
		}
	}
	if len(invalid) > 0 {
		return nil, unfit(invalid)
	}
	return values, nil
}

// setOnce takes the first value, as text, unless there is one.
func setOnce(into *string, offered []any) {
	if text, ok := plain(offered[0]); ok && *into == "" {
		*into = text
	}
}

func unfit(fields []FieldRef) *Failure {
	return &Failure{
		Trouble: TroubleJob, Reason: ReasonRejected,
		Detail: Detail{Message: "no value fits the ticket field: " + namesOf(fields), Fields: fields},
		Hint: "compare tickets.fields, tickets.values and tickets.defaults of the site with the fields' types and choices in Zendesk " +
			"(a choice is written as its tag), then replay",
	}
}

func (f Field) firstFit(values []any) (any, bool) {
	for _, value := range values {
		if fitting, ok := f.Fit(value); ok {
			return fitting, true
		}
	}
	return nil, false
}

// taggedOption gives the choice that stands among the tags of the ticket. In Zendesk a drop-down's choice and its tag
// are one thing.
func (f Field) taggedOption(tags []string) any {
	if f.Type != FieldTagger {
		return nil
	}
	for _, o := range f.Options {
		if slices.Contains(tags, strings.ToLower(o.Value)) {
			return o.Value
		}
	}
	return nil
}

// defaultOption gives nil when no choice is marked.
func (f Field) defaultOption() any {
	var chosen []any
	for _, o := range f.Options {
		if o.Default {
			chosen = append(chosen, o.Value)
		}
	}
	switch {
	case len(chosen) == 0:
		return nil
	case f.Type == FieldMultiselect:
		return chosen
	default:
		return chosen[0]
	}
}

// SatisfactionFields gives the ticket fields of the visitor's answers.
func SatisfactionFields(s Satisfaction, ids FieldIDs) []FieldValue {
	var out []FieldValue
	if s.Score != nil && ids.SatisfactionScore != 0 {
		out = append(out, FieldValue{ID: ids.SatisfactionScore, Value: strconv.Itoa(*s.Score)})
	}
	if s.Recommendation != nil && ids.RecommendationScore != 0 {
		out = append(out, FieldValue{ID: ids.RecommendationScore, Value: strconv.Itoa(*s.Recommendation)})
	}
	if s.Comment != "" && ids.SatisfactionComment != 0 {
		out = append(out, FieldValue{ID: ids.SatisfactionComment, Value: s.Comment})
	}
	return out
}

// Fit gives the values as the form's fields take them. It gives a Failure with TroubleJob when one does not fit.
func (f Form) Fit(values []FieldValue) ([]FieldValue, error) {
	var out []FieldValue
	var invalid []FieldRef
	for _, v := range values {
		field, known := f.known(v.ID)
		if !known {
			out = append(out, v)
			continue
		}
		fitting, ok := field.Fit(v.Value)
		if !ok {
			invalid = append(invalid, FieldRef{ID: v.ID, Title: field.Title})
			continue
		}
		out = append(out, FieldValue{ID: v.ID, Value: fitting})
	}
	if len(invalid) > 0 {
		return nil, unfit(invalid)
	}
	return out, nil
}

func listed(values map[int64]any) []FieldValue {
	out := make([]FieldValue, 0, len(values))
	for _, id := range slices.Sorted(maps.Keys(values)) {
		out = append(out, FieldValue{ID: id, Value: values[id]})
	}
	return out
}
