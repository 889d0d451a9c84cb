package ticket

import "slices"

// RequiredOnSolve gives the fields of the form that Zendesk wants filled before a ticket may have that status, given
// the values it will have. Only status "solved" enforces the fields' own flag; conditions name their statuses.
// System fields that a ticket always has are left out; the assignee is judged apart.
// https://support.zendesk.com/hc/en-us/articles/4408894213018 and the agent_conditions of
// https://developer.zendesk.com/api-reference/ticketing/tickets/ticket_forms/
func (f Form) RequiredOnSolve(status string, values map[int64]any) []Field {
	var required []Field
	add := func(field Field) {
		if field.Active && !field.Type.system() && !slices.ContainsFunc(required, func(r Field) bool { return r.ID == field.ID }) {
			required = append(required, field)
		}
	}
	for _, field := range f.Fields {
		if field.Required && status == "solved" {
			add(field)
		}
	}
	for _, condition := range f.Conditions {
		if !equalsOption(values[condition.ParentID], condition.Value) {
			continue
		}
		for _, child := range condition.Children {
			if field, ok := f.Field(child.ID); ok && child.requiredIn(status) {
				add(field)
			}
		}
	}
	return required
}

// Missing gives the fields that RequiredOnSolve wants and that have no value.
func (f Form) Missing(status string, values map[int64]any) []FieldRef {
	var missing []FieldRef
	for _, field := range f.RequiredOnSolve(status, values) {
		if !field.filled(values[field.ID], status) {
			missing = append(missing, FieldRef{ID: field.ID, Title: field.Title})
		}
	}
	return missing
}

// requiredIn takes the list of statuses for the truth. Older forms have none; there the flag means "to solve".
func (c Child) requiredIn(status string) bool {
	if c.Statuses == nil {
		return c.Required && status == "solved"
	}
	switch c.Statuses.Type {
	case "ALL_STATUSES":
		return true
	case "SOME_STATUSES":
		return slices.Contains(c.Statuses.Statuses, status)
	default:
		return false
	}
}

// filled tells whether Zendesk takes the value for one. Whether an unticked required checkbox counts is not
// documented, so it does not count here: the stricter reading is right under both.
func (f Field) filled(value any, status string) bool {
	switch v := value.(type) {
	case nil:
		return false
	case bool:
		return v
	case string:
		return v != "" && !f.blocksSolved(v, status)
	case []string:
		return len(v) > 0
	default:
		return true
	}
}

func (f Field) blocksSolved(value, status string) bool {
	return status == "solved" && slices.ContainsFunc(f.Options, func(o Option) bool {
		return o.Value == value && o.BlocksSolved
	})
}

// equalsOption compares a parent's value with a condition's: checkboxes are written "true" and "false" there.
func equalsOption(value any, want string) bool {
	switch v := value.(type) {
	case bool:
		return (want == "true") == v && (want == "true" || want == "false")
	case string:
		return v == want
	case []string:
		return slices.Contains(v, want)
	case nil:
		return want == ""
	default:
		return false
	}
}

// system tells the fields that every ticket has and that are set by keys of their own.
func (t FieldType) system() bool {
	switch t {
	case FieldSubject, FieldDescription, FieldStatus, FieldTicketType, FieldPriority, FieldGroup, FieldAssignee:
		return true
	default:
		return false
	}
}
