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
			{ID: 9, Type: FieldText, Title: "Late", Active: true},
			{ID: 10, Type: FieldMultiselect, Title: "Many", Active: true},
			{ID: 11, Type: FieldCheckbox, Title: "Agreed", Active: true},
			{ID: 12, Type: FieldPriority, Title: "Priority", Active: true},
		},
		Conditions: []Condition{
			{ParentID: 4, Value: "return", Children: []Child{
				{ID: 5, Required: true, Statuses: &RequiredStatuses{Type: "ALL_STATUSES"}},
				{ID: 6, Required: true},
				{ID: 7, Required: true, Statuses: some("open")},
				{ID: 99, Required: true},
			}},
			{ParentID: 8, Value: "true", Children: []Child{{ID: 7, Required: true, Statuses: some("solved")}}},
			{ParentID: 8, Value: "false", Children: []Child{{ID: 6, Statuses: some("solved")}}},
			{ParentID: 10, Value: "x", Children: []Child{{ID: 9, Required: true, Statuses: &RequiredStatuses{Type: "NO_STATUSES"}}}},
			{ParentID: 10, Value: "y", Children: []Child{{ID: 9, Required: true, Statuses: &RequiredStatuses{Type: "FUTURE"}}}},
			{ParentID: 10, Value: "z", Children: []Child{{ID: 9, Required: true, Statuses: &RequiredStatuses{Type: "SOME_STATUSES", CustomStatuses: []int64{70}}}}},
			{ParentID: 12, Value: "high", Children: []Child{{ID: 9, Required: true}}},
			{ParentID: 4, Value: "other", Children: []Child{{ID: 4, Statuses: &RequiredStatuses{Type: "ALL_STATUSES"}}}},
		},
	}
	for _, tc := range []struct {
		name, status string
		custom       int64
		values       map[int64]any
		missing      []int64
		doubtful     []Doubtful
	}{
		{"required to solve only", "open", 0, nil, nil, nil},
		{"nothing set", "solved", 0, nil, []int64{2}, nil},
		{"empty text is no value", "solved", 0, map[int64]any{2: ""}, []int64{2}, nil},
		{"filled", "solved", 0, map[int64]any{2: "A1"}, nil, nil},
		{"condition met while solving", "solved", 0, map[int64]any{2: "A1", 4: "return"}, []int64{5, 6}, nil},
		{"condition met while open", "open", 0, map[int64]any{4: "return"}, nil, []Doubtful{{DoubtOtherStatuses, FieldRef{5, "Parcel"}}, {DoubtOtherStatuses, FieldRef{7, "Depot"}}}},
		{"checkbox as parent", "solved", 0, map[int64]any{2: "A1", 8: true}, []int64{7}, nil},
		{"flag and list contradict each other", "solved", 0, map[int64]any{2: "A1", 8: false}, nil, []Doubtful{{DoubtCondition, FieldRef{6, "Carrier"}}}},
		{"option that may not be solved", "solved", 0, map[int64]any{2: "A1", 4: "other"}, nil, []Doubtful{{DoubtCondition, FieldRef{4, "Topic"}}}},
		{"the same option while open", "open", 0, map[int64]any{4: "other"}, nil, []Doubtful{{DoubtOtherStatuses, FieldRef{4, "Topic"}}}},
		{"in no status", "solved", 0, map[int64]any{2: "A1", 10: []string{"x"}}, nil, nil},
		{"a kind of list that is new", "solved", 0, map[int64]any{2: "A1", 10: []string{"y"}}, nil, []Doubtful{{DoubtCondition, FieldRef{9, "Late"}}}},
		{"one of several choices", "solved", 0, map[int64]any{2: "A1", 10: []string{"a", "y"}}, nil, []Doubtful{{DoubtCondition, FieldRef{9, "Late"}}}},
		{"none of several choices", "solved", 0, map[int64]any{2: "A1", 10: []string{"a", "b"}}, nil, nil},
		{"a custom status that is listed", "solved", 70, map[int64]any{2: "A1", 10: []string{"z"}}, nil, []Doubtful{{DoubtCondition, FieldRef{9, "Late"}}}},
		{"another custom status", "solved", 71, map[int64]any{2: "A1", 10: []string{"z"}}, nil, nil},
		{"a system field as parent", "solved", 0, map[int64]any{2: "A1", 12: "high"}, []int64{9}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			missing, doubtful := form.Missing(Filling{Status: tc.status, CustomStatusID: tc.custom, Values: tc.values})
			var got []int64
			for _, ref := range missing {
				got = append(got, ref.ID)
			}
			if !slices.Equal(got, tc.missing) || !slices.Equal(doubtful, tc.doubtful) {
				t.Errorf("missing = %v, doubtful = %v; want %v and %v", got, doubtful, tc.missing, tc.doubtful)
			}
		})
	}
}

func TestAnUntickedCheckboxIsInDoubt(t *testing.T) {
	form := Form{Fields: []Field{{ID: 1, Type: FieldCheckbox, Title: "Agreed", Active: true, Required: true}}}
	for value, want := range map[any]int{true: 0, false: 1} {
		missing, doubtful := form.Missing(Filling{Status: "solved", Values: map[int64]any{1: value}})
		if len(missing) != 0 || len(doubtful) != want {
			t.Errorf("%v: missing = %v, doubtful = %v", value, missing, doubtful)
		}
	}
	if missing, _ := form.Missing(Filling{Status: "solved"}); len(missing) != 1 {
		t.Error("a checkbox without a value is not missing")
	}
}

func TestAChoiceThatDoesNotAllowSolving(t *testing.T) {
	form := Form{Fields: []Field{{ID: 1, Type: FieldTagger, Title: "Topic", Active: true, Required: true, Options: []Option{{Value: "a", BlocksSolved: true}, {Value: "b"}}}}}
	for value, want := range map[string]int{"a": 1, "b": 0} {
		if missing, _ := form.Missing(Filling{Status: "solved", Values: map[int64]any{1: value}}); len(missing) != want {
			t.Errorf("%s: missing = %v", value, missing)
		}
	}
}
