package ticket

import (
	"slices"
	"testing"
)

func TestMissing(t *testing.T) {
	some := func(statuses ...string) *RequiredStatuses {
		return &RequiredStatuses{Type: "SOME_STATUSES", Statuses: statuses}
	}
	form := Form{
		Fields: []Field{
			{ID: 1, Type: FieldAssignee, Title: "Assignee", Active: true, Required: true},
			{ID: 2, Type: FieldText, Title: "Order", Active: true, Required: true},
			{ID: 3, Type: FieldText, Title: "Retired", Required: true},
			{ID: 4, Type: FieldTagger, Title: "Topic", Active: true, Options: []Option{{Value: "return"}, {Value: "other", BlocksSolved: true}}},
			{ID: 5, Type: FieldText, Title: "Parcel", Active: true},
			{ID: 6, Type: FieldText, Title: "Carrier", Active: true},
			{ID: 7, Type: FieldText, Title: "Depot", Active: true},
			{ID: 8, Type: FieldCheckbox, Title: "Checked", Active: true},
		},
		Conditions: []Condition{
			{ParentID: 4, Value: "return", Children: []Child{
				{ID: 5, Statuses: &RequiredStatuses{Type: "ALL_STATUSES"}},
				{ID: 6, Required: true},
				{ID: 7, Required: true, Statuses: some("open")},
				{ID: 99, Required: true},
			}},
			{ParentID: 8, Value: "true", Children: []Child{{ID: 7, Statuses: some("solved")}}},
			{ParentID: 4, Value: "other", Children: []Child{{ID: 4, Statuses: &RequiredStatuses{Type: "ALL_STATUSES"}}}},
		},
	}
	for _, tc := range []struct {
		name, status string
		values       map[int64]any
		want         []int64
	}{
		{"required to solve only", "open", nil, nil},
		{"nothing set", "solved", nil, []int64{2}},
		{"empty text is no value", "solved", map[int64]any{2: ""}, []int64{2}},
		{"filled", "solved", map[int64]any{2: "A1"}, nil},
		{"condition met while solving", "solved", map[int64]any{2: "A1", 4: "return"}, []int64{5, 6}},
		{"condition met while open", "open", map[int64]any{4: "return"}, []int64{5, 7}},
		{"checkbox as parent", "solved", map[int64]any{2: "A1", 8: true}, []int64{7}},
		{"option that may not be solved", "solved", map[int64]any{2: "A1", 4: "other"}, []int64{4}},
		{"the same option while open", "open", map[int64]any{4: "other"}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got []int64
			for _, ref := range form.Missing(tc.status, tc.values) {
				got = append(got, ref.ID)
			}
			if !slices.Equal(got, tc.want) {
				t.Errorf("missing = %v, want %v", got, tc.want)
			}
		})
	}
}
