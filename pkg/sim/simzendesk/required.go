package simzendesk

import "slices"

// required notes every field that must have a value in the ticket's status and has none, all of them at once.
//
// Solving asks for the active required fields of the form, and for what the form's conditions ask. An assignee is asked
// for on every form. See https://support.zendesk.com/hc/en-us/articles/4408834799770 on conditional fields.
func (d *draft) required() {
	solving := d.ticket.Status == "solved" || d.ticket.Status == "closed"
	form := d.a.forms.get(d.ticket.FormID)
	var onForm []int64
	var conditions []Condition
	if form != nil {
		onForm, conditions = form.FieldIDs, form.AgentConditions
	}
	asked := map[int64]bool{}
	for _, condition := range conditions {
		parent := d.a.fields.get(condition.ParentFieldID)
		if parent == nil || d.value(parent) != valueText(condition.Value) {
			continue
		}
		for _, child := range condition.ChildFields {
			if d.asks(child, solving) {
				asked[child.ID] = true
			}
		}
	}
	for _, f := range d.a.fieldsByPosition() {
		if f.Inactive {
			continue
		}
		always := solving && f.Required && (slices.Contains(onForm, f.ID) || f.Type == "assignee")
		if (always || asked[f.ID]) && d.unset(f) {
			d.bad.addField(f, requiredToSolve, nil)
		}
	}
}

// asks tells whether a condition that is met asks for the child in the ticket's status.
func (d *draft) asks(child Child, solving bool) bool {
	on := child.RequiredOnStatuses
	if solving {
		return child.IsRequired && (on == nil || on.Type == AllStatuses || on.Type == SomeStatuses && slices.Contains(on.Statuses, "solved"))
	}
	if on == nil || d.a.switches().ConditionsOnCreate == IgnoreConditions {
		return false
	}
	return on.Type == AllStatuses || on.Type == SomeStatuses && slices.Contains(on.Statuses, d.ticket.Status)
}

// value is what the ticket has in a field, as text.
func (d *draft) value(f *Field) string {
	t := &d.ticket
	switch f.Type {
	case "subject":
		return t.Subject
	case "description":
		return t.Description
	case "status", "custom_status":
		return t.Status
	case "tickettype":
		return t.Type
	case "priority":
		return t.Priority
	case "group":
		return textOf(null(t.GroupID))
	case "assignee":
		return textOf(null(t.AssigneeID))
	}
	return valueText(t.Fields[f.ID])
}

func (d *draft) unset(f *Field) bool {
	v := d.value(f)
	if f.Type == "checkbox" && v == "false" {
		return d.a.switches().FalseCheckboxUnset
	}
	if o := f.option(v); o != nil && o.NoSolving {
		return true
	}
	return v == ""
}
