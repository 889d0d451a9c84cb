package ticket

import (
	"reflect"
	"testing"
)

func TestEveryLocaleHasEveryLabel(t *testing.T) {
	var empty func(t *testing.T, locale string, v reflect.Value)
	empty = func(t *testing.T, locale string, v reflect.Value) {
		for i := range v.NumField() {
			if f := v.Field(i); f.Kind() == reflect.Struct {
				empty(t, locale, f)
			} else if f.String() == "" {
				t.Errorf("%s lacks %s", locale, v.Type().Field(i).Name)
			}
		}
	}
	seen := map[string]string{}
	for _, locale := range Locales() {
		labels := LabelsIn(locale)
		empty(t, locale, reflect.ValueOf(labels))
		if other, twice := seen[labels.Subject]; twice {
			t.Errorf("%s has the words of %s", locale, other)
		}
		seen[labels.Subject] = locale
	}
	if LabelsIn("xx") != LabelsIn("en") {
		t.Error("an unknown language is not English")
	}
}
