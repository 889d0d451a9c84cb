package ticket

import (
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// noTags is what the field of the conversation's tags gets when there is none, so that the field is never empty.
const noTags = "-"

// fieldValues gives the custom fields' values: what is known of the conversation, then the site's defaults, then the
// options that the form marks as default. Zendesk's API applies no default by itself as far as is known.
func fieldValues(c Conversation, s TicketSettings, form Form, status string) (map[int64]any, error) {
	values := map[int64]any{}
	set := func(id int64, value any) {
		if id != 0 && value != "" {
			values[id] = value
		}
	}
	set(s.Fields.ConversationID, c.ID)
	set(s.Fields.ConversationTags, cmp.Or(strings.Join(c.Tags, ", "), noTags))
	for _, f := range SatisfactionFields(c.Survey, s.Fields) {
		set(f.ID, f.Value)
	}
	for id, value := range s.Defaults {
		if _, known := values[id]; !known {
			set(id, value)
		}
	}
	for _, f := range form.Fields {
		if _, known := values[f.ID]; known || !f.Active {
			continue
		}
		if value, ok := f.defaultOption(status); ok {
			values[f.ID] = value
		}
	}
	var invalid []FieldRef
	for id, value := range values {
		field, onForm := form.Field(id)
		if !onForm {
			continue
		}
		fitting, ok := field.Fit(value)
		if !ok {
			invalid = append(invalid, FieldRef{ID: id, Title: field.Title})
			continue
		}
		values[id] = fitting
	}
	if len(invalid) > 0 {
		slices.SortFunc(invalid, func(a, b FieldRef) int { return cmp.Compare(a.ID, b.ID) })
		return nil, &Failure{
			Trouble: TroubleJob, Reason: ReasonRejected,
			Detail: Detail{Message: "a value does not fit its ticket field", Fields: invalid},
			Hint:   "compare tickets.defaults and tickets.fields of the site with the fields' types and choices in Zendesk, then replay",
		}
	}
	return values, nil
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

func (f Field) defaultOption(status string) (any, bool) {
	var chosen []string
	for _, o := range f.Options {
		if o.Default && !(status == StatusSolved && o.BlocksSolved) {
			chosen = append(chosen, o.Value)
		}
	}
	switch {
	case len(chosen) == 0:
		return nil, false
	case f.Type == FieldMultiselect:
		return chosen, true
	default:
		return chosen[0], true
	}
}

var (
	wholeNumber   = regexp.MustCompile(`^[+-]?[0-9]{1,18}$`)
	decimalNumber = regexp.MustCompile(`^[+-]?[0-9]{1,18}(\.[0-9]{1,18})?$`)
)

// maxText is below the size at which Zendesk refuses a text field, in bytes.
const maxText = 60_000

// Fit gives the value in the form in which Zendesk takes it for such a field, and whether there is one. A choice that
// the field does not have would be dropped by Zendesk without a word, so it does not fit.
func (f Field) Fit(value any) (any, bool) {
	text, isText := plain(value)
	switch f.Type {
	case FieldCheckbox:
		if !isText {
			return nil, false
		}
		ticked, err := strconv.ParseBool(text)
		return ticked, err == nil
	case FieldTagger:
		return text, isText && slices.ContainsFunc(f.Options, func(o Option) bool { return o.Value == text })
	case FieldMultiselect:
		return f.fitChoices(value)
	case FieldDate:
		_, err := time.Parse(time.DateOnly, text)
		return text, isText && err == nil
	case FieldInteger:
		return text, isText && wholeNumber.MatchString(text)
	case FieldDecimal:
		return text, isText && decimalNumber.MatchString(text)
	case FieldRegexp:
		pattern, err := regexp.Compile(`\A(?:` + f.Regexp + `)\z`)
		// A pattern of Ruby that Go does not read is left to Zendesk to judge.
		return text, isText && (err != nil || pattern.MatchString(text))
	case FieldText, FieldTextarea:
		if len(text) > maxText {
			text = strings.ToValidUTF8(text[:maxText], "")
		}
		return text, isText
	default:
		return value, true
	}
}

func (f Field) fitChoices(value any) (any, bool) {
	var chosen []string
	switch v := value.(type) {
	case []string:
		chosen = v
	case []any:
		for _, one := range v {
			text, ok := plain(one)
			if !ok {
				return nil, false
			}
			chosen = append(chosen, text)
		}
	default:
		text, ok := plain(value)
		if !ok {
			return nil, false
		}
		chosen = []string{text}
	}
	for _, choice := range chosen {
		if !slices.ContainsFunc(f.Options, func(o Option) bool { return o.Value == choice }) {
			return nil, false
		}
	}
	return chosen, true
}

// plain writes a value of the configuration as text.
func plain(value any) (string, bool) {
	switch v := value.(type) {
	case string:
		return v, true
	case bool, int, int64, uint64, json.Number:
		return fmt.Sprint(v), true
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), true
	default:
		return "", false
	}
}

func listed(values map[int64]any) []FieldValue {
	out := make([]FieldValue, 0, len(values))
	for id, value := range values {
		out = append(out, FieldValue{ID: id, Value: value})
	}
	slices.SortFunc(out, func(a, b FieldValue) int { return cmp.Compare(a.ID, b.ID) })
	return out
}
