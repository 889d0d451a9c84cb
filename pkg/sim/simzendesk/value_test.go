package simzendesk

import (
	"fmt"
	"strings"
	"testing"
)

func TestFieldValues(t *testing.T) {
	options := []Option{{Name: "One", Value: "one", Default: true}, {Name: "Two", Value: "two"}}
	big := strings.Repeat("x", maxText+1)
	for name, c := range map[string]struct {
		field   Field
		value   string
		kept    string // "" = refused with 422
		dropped string // with FieldValue drop; "" = as without
		tags    string
	}{
		"option":          {Field{Type: "tagger", Options: options}, `"one"`, `"one"`, "", `["one"]`},
		"unknown option":  {Field{Type: "tagger", Options: options}, `"three"`, `null`, "", `[]`},
		"label":           {Field{Type: "tagger", Options: options}, `"One"`, `null`, "", `[]`},
		"several":         {Field{Type: "multiselect", Options: options}, `["two","three","two"]`, `["two"]`, "", `["two"]`},
		"one of several":  {Field{Type: "multiselect", Options: options}, `"one"`, `["one"]`, "", `["one"]`},
		"none of several": {Field{Type: "multiselect", Options: options}, `["x"]`, `null`, "", `[]`},
		"ticked":          {Field{Type: "checkbox", Tag: "boxed"}, `true`, `true`, "", `["boxed"]`},
		"ticked as text":  {Field{Type: "checkbox"}, `"1"`, `true`, "", `[]`},
		"unticked":        {Field{Type: "checkbox", Tag: "boxed"}, `false`, `false`, "", `[]`},
		"bad tick":        {Field{Type: "checkbox"}, `"maybe"`, ``, `null`, `[]`},
		"date":            {Field{Type: "date"}, `"2026-11-24"`, `"2026-11-24"`, "", `[]`},
		"no date":         {Field{Type: "date"}, `"2026-02-30"`, ``, "", ``},
		"integer":         {Field{Type: "integer"}, `745`, `"745"`, "", `[]`},
		"integer as text": {Field{Type: "integer"}, `"-7"`, `"-7"`, "", `[]`},
		"no integer":      {Field{Type: "integer"}, `"seven"`, ``, `null`, `[]`},
		"decimal":         {Field{Type: "decimal"}, `7.5`, `"7.5"`, "", `[]`},
		"no decimal":      {Field{Type: "decimal"}, `"7.5.1"`, ``, `null`, `[]`},
		"regexp":          {Field{Type: "regexp", Regexp: `^\d{3}$`}, `"123"`, `"123"`, "", `[]`},
		"no match":        {Field{Type: "regexp", Regexp: `^\d{3}$`}, `"12"`, ``, `null`, `[]`},
		"Ruby's regexp":   {Field{Type: "regexp", Regexp: `(?<!x)y`}, `"anything"`, `"anything"`, "", `[]`},
		"text":            {Field{Type: "text"}, `"free text"`, `"free text"`, "", `[]`},
		"number as text":  {Field{Type: "text"}, `12`, `"12"`, "", `[]`},
		"lookup":          {Field{Type: "lookup"}, `99`, `"99"`, "", `[]`},
		"too long":        {Field{Type: "textarea"}, `"` + big + `"`, ``, "", ``},
		"empty":           {Field{Type: "text"}, `""`, `null`, "", `[]`},
		"switched off":    {Field{Type: "text", Inactive: true}, `"x"`, `null`, "", `[]`},
	} {
		for _, drop := range []FieldValue{RefuseValue, DropValue} {
			t.Run(name+" "+string(drop), func(t *testing.T) {
				b := newBench(t, Config{Switches: Switches{FieldValue: drop}})
				c.field.Title = "F"
				f := b.acme.AddField(c.field)
				kept := c.kept
				if drop == DropValue && c.dropped != "" {
					kept = c.dropped
				}
				in := plain + fmt.Sprintf(`,"custom_fields":[{"id":%d,"value":%s},{"id":1,"value":"x"},"junk"]`, f.ID, c.value)
				if kept == "" {
					a := b.create(in).want(t, 422)
					if a.id("details", "base", 0, "ticket_field_id") != f.ID || a.at("details", "base", 0, "ticket_field_type") != f.className() {
						t.Errorf("%s", a.raw)
					}
					return
				}
				a := b.create(in).want(t, 201)
				wantJSON(t, a.at("ticket", "custom_fields", 0, "value"), kept)
				wantJSON(t, a.at("ticket", "tags"), c.tags)
			})
		}
	}
}

func TestOptionDefaults(t *testing.T) {
	for _, on := range []bool{false, true} {
		b := newBench(t, Config{Switches: Switches{ApplyOptionDefaults: on}})
		b.acme.AddField(Field{Type: "tagger", Title: "F", Options: []Option{{Value: "one", Default: true}}})
		want := "null"
		if on {
			want = `"one"`
		}
		wantJSON(t, b.create(plain).want(t, 201).at("ticket", "fields", 0, "value"), want)
	}
}

func TestTags(t *testing.T) {
	b := newBench(t, Config{})
	f := b.acme.AddField(Field{Type: "tagger", Title: "F", Options: []Option{{Value: "one"}, {Value: "two"}}})
	for in, want := range map[string]string{
		`["Two Words","two","a:b!","x/y_z-1"]`: `["two","words","ab","x/y_z-1"]`,
		`"a b"`:                                `["a","b"]`,
		`["one"]`:                              `["one"]`,
		`[]`:                                   `[]`,
	} {
		a := b.create(plain+`,"tags":`+in).want(t, 201)
		if in == `["Two Words","two","a:b!","x/y_z-1"]` {
			wantJSON(t, a.at("ticket", "custom_fields", 0, "value"), `"two"`)
		}
		wantJSON(t, a.at("ticket", "tags"), want)
	}
	a := b.create(plain+fmt.Sprintf(`,"tags":["x"],"custom_fields":[{"id":%d,"value":"one"}]`, f.ID)).want(t, 201)
	wantJSON(t, a.at("ticket", "tags"), `["x","one"]`)
	put := func(in string) answer {
		return b.do("PUT", fmt.Sprintf("/api/v2/tickets/%d", a.id("ticket", "id")), `{"ticket":{`+in+`}}`).want(t, 200)
	}
	wantJSON(t, put(fmt.Sprintf(`"custom_fields":[{"id":%d,"value":"two"}]`, f.ID)).at("ticket", "tags"), `["x","two"]`)
	wantJSON(t, put(fmt.Sprintf(`"custom_fields":[{"id":%d,"value":"unknown"}]`, f.ID)).at("ticket", "tags"), `["x","two"]`)
	wantJSON(t, put(`"additional_tags":["no"]`).at("ticket", "tags"), `["x","two"]`)
	wantJSON(t, put(fmt.Sprintf(`"custom_fields":[{"id":%d,"value":null}]`, f.ID)).at("ticket", "tags"), `["x"]`)
}
