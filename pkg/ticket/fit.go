package ticket

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

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
		ticked, err := strconv.ParseBool(strings.ToLower(text))
		return ticked, isText && err == nil
	case FieldTagger:
		return text, isText && f.offers(text)
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
		pattern, err := regexp.Compile(f.Regexp)
		// A pattern of Ruby that Go does not read is left to Zendesk to judge.
		return text, isText && (err != nil || pattern.MatchString(text))
	default:
		if len(text) > maxText {
			text = strings.ToValidUTF8(text[:maxText], "")
		}
		return text, isText
	}
}

func (f Field) offers(choice string) bool {
	return slices.ContainsFunc(f.Options, func(o Option) bool { return o.Value == choice })
}

func (f Field) fitChoices(value any) (any, bool) {
	listed, isList := value.([]any)
	if !isList {
		listed = []any{value}
	}
	var chosen []string
	for _, one := range listed {
		choice, ok := plain(one)
		if !ok || !f.offers(choice) {
			return nil, false
		}
		if !slices.Contains(chosen, choice) {
			chosen = append(chosen, choice)
		}
	}
	return chosen, len(chosen) > 0
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
