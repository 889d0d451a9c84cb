package simzendesk

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxText is the size of a text field in bytes. Unlike a comment, a longer one is refused.
const maxText = 64 << 10

var (
	integerValue = regexp.MustCompile(`^[+-]?[0-9]+$`)
	decimalValue = regexp.MustCompile(`^[+-]?([0-9]+([.,][0-9]*)?|[.,][0-9]+)$`)
)

// fields reads the values of custom fields. Ids that the account does not have, or has switched off, are ignored.
func (d *draft) fields(in input) {
	list := in.list("custom_fields")
	if !in.has("custom_fields") {
		list = in.list("fields")
	}
	for _, item := range list {
		pair, ok := item.(map[string]any)
		if !ok {
			continue
		}
		f := d.a.fields.get(input(pair).number("id"))
		if f == nil || f.Inactive || !f.custom() {
			continue
		}
		d.setField(f, pair["value"])
	}
}

// setField takes a value over, leaves the old one where Zendesk drops the new one silently, or notes what is wrong.
func (d *draft) setField(f *Field, v any) {
	if v == nil || v == "" {
		d.set[f.ID] = true
		delete(d.ticket.Fields, f.ID)
		return
	}
	text := textOf(v)
	switch f.Type {
	case "tagger":
		if f.option(text) == nil {
			return // an unknown option is dropped without a word
		}
		d.keep(f, text)
	case "multiselect":
		d.setList(f, v)
	case "checkbox":
		d.keepIf(f, slices.Contains([]string{"true", "false", "1", "0"}, text), text == "true" || text == "1")
	case "date":
		if _, err := time.Parse(time.DateOnly, text); err != nil {
			d.bad.addField(f, notValid, "InvalidValue")
			return
		}
		d.keep(f, text)
	case "integer":
		d.keepIf(f, integerValue.MatchString(text), text)
	case "decimal":
		d.keepIf(f, decimalValue.MatchString(text), text)
	case "regexp":
		re, err := regexp.Compile(f.Regexp)
		d.keepIf(f, err != nil || re.MatchString(text), text) // Ruby's expressions that Go does not know are not checked
	default:
		if len(text) > maxText {
			d.bad.addField(f, tooLong, "TooLong")
			return
		}
		d.keep(f, text)
	}
}

func (d *draft) keep(f *Field, v any) {
	d.set[f.ID] = true
	d.ticket.Fields[f.ID] = v
}

func (d *draft) keepIf(f *Field, good bool, v any) {
	switch {
	case good:
		d.keep(f, v)
	case d.a.switches().FieldValue == RefuseValue:
		d.bad.addField(f, notValid, "InvalidValue")
	}
}

func (d *draft) setList(f *Field, v any) {
	values, ok := v.([]any)
	if !ok {
		values = []any{v}
	}
	kept := []string{}
	for _, v := range values {
		if text := textOf(v); f.option(text) != nil && !slices.Contains(kept, text) {
			kept = append(kept, text)
		}
	}
	if len(kept) > 0 || len(values) == 0 {
		d.keep(f, kept)
	}
}

func (d *draft) optionDefaults() {
	for _, f := range d.a.customFields {
		for _, o := range f.Options {
			if o.Default && f.Type == "tagger" && !f.Inactive {
				d.ticket.Fields[f.ID] = o.Value
			}
		}
	}
}

// tags reads the tags and adds those of the fields: https://support.zendesk.com/hc/en-us/articles/4408835059482
func (d *draft) tags(in input) {
	t := &d.ticket
	if in.has("tags") {
		t.Tags = normalTags(in["tags"])
	}
	if d.bulk {
		t.Tags = append(slices.Clone(t.Tags), normalTags(in["additional_tags"])...)
		removed := normalTags(in["remove_tags"])
		t.Tags = slices.DeleteFunc(t.Tags, func(s string) bool { return slices.Contains(removed, s) })
	}
	given := t.Tags // a field's own tag chooses nothing elsewhere: two fields never share one
	for _, f := range d.a.customFields {
		if f.Inactive {
			continue
		}
		if f.Type == "tagger" && t.Fields[f.ID] == nil && !d.set[f.ID] {
			// A tag that is an option's chooses the option.
			for _, o := range f.Options {
				if slices.Contains(given, strings.ToLower(o.Value)) {
					t.Fields[f.ID] = o.Value
				}
			}
		}
		if d.old != nil {
			before := tagsOf(f, d.old.Fields[f.ID])
			now := tagsOf(f, t.Fields[f.ID])
			t.Tags = slices.DeleteFunc(slices.Clone(t.Tags), func(s string) bool { return slices.Contains(before, s) && !slices.Contains(now, s) })
		}
		t.Tags = append(t.Tags, tagsOf(f, t.Fields[f.ID])...)
	}
	t.Tags = unique(t.Tags)
}

// tagsOf are the tags that a field's value stands for.
func tagsOf(f *Field, v any) []string {
	switch v := v.(type) {
	case string:
		if f.Type == "tagger" {
			return []string{strings.ToLower(v)}
		}
	case []string:
		if f.Type == "multiselect" {
			return normalTags(v)
		}
	case bool:
		if v && f.Tag != "" {
			return []string{f.Tag}
		}
	}
	return nil
}

// normalTags makes tags of a list or of one text: they are in lower case, have no spaces, and are letters, digits, "_",
// "-" and "/".
func normalTags(v any) []string {
	var words []string
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			words = append(words, strings.Fields(textOf(item))...)
		}
	case []string:
		for _, item := range v {
			words = append(words, strings.Fields(item)...)
		}
	default:
		words = strings.Fields(textOf(v))
	}
	var out []string
	for _, w := range words {
		w = strings.Map(func(r rune) rune {
			if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '_' || r == '-' || r == '/' {
				return r
			}
			return -1
		}, strings.ToLower(w))
		if w != "" {
			out = append(out, w)
		}
	}
	return unique(out)
}

func unique(list []string) []string {
	out := []string{}
	for _, s := range list {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// valueText is how audits and conditions spell a field's value.
func valueText(v any) string {
	switch v := v.(type) {
	case []string:
		return strings.Join(v, " ")
	case bool:
		return strconv.FormatBool(v)
	}
	return textOf(v)
}
