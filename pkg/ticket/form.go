package ticket

import "slices"

// FieldType is Zendesk's name for a kind of ticket field.
type FieldType string

// The field types that Zendesk documents.
// https://developer.zendesk.com/api-reference/ticketing/tickets/ticket_fields/
const (
	FieldText              FieldType = "text"
	FieldTextarea          FieldType = "textarea"
	FieldCheckbox          FieldType = "checkbox"
	FieldDate              FieldType = "date"
	FieldInteger           FieldType = "integer"
	FieldDecimal           FieldType = "decimal"
	FieldRegexp            FieldType = "regexp"
	FieldPartialCreditCard FieldType = "partialcreditcard"
	FieldMultiselect       FieldType = "multiselect"
	FieldTagger            FieldType = "tagger"
	FieldLookup            FieldType = "lookup"

	FieldSubject      FieldType = "subject"
	FieldDescription  FieldType = "description"
	FieldStatus       FieldType = "status"
	FieldTicketType   FieldType = "tickettype"
	FieldPriority     FieldType = "priority"
	FieldGroup        FieldType = "group"
	FieldAssignee     FieldType = "assignee"
	FieldCustomStatus FieldType = "custom_status"
)

// Form is a ticket form with all its fields resolved.
type Form struct {
	ID         int64          `json:"id"` // 0 for an account without forms: then Fields are all of the account's
	Name       string         `json:"name"`
	Active     bool           `json:"active"`
	Fields     []Field        `json:"fields"`              // those on the form, in its order
	Elsewhere  []Field        `json:"elsewhere,omitempty"` // the account's fields that are not on the form
	Conditions []Condition    `json:"conditions,omitempty"`
	Statuses   []CustomStatus `json:"statuses,omitempty"` // the account's custom statuses; empty where it has none
}

// CustomStatus is a ticket status of the account's own, within one of Zendesk's categories.
// https://developer.zendesk.com/api-reference/ticketing/tickets/custom_ticket_statuses/
type CustomStatus struct {
	ID       int64  `json:"id"`
	Category string `json:"category"` // new, open, pending, hold or solved
	Active   bool   `json:"active"`
	Default  bool   `json:"default,omitempty"` // of its category
}

// Field is a ticket field.
type Field struct {
	ID       int64     `json:"id"`
	Type     FieldType `json:"type"`
	Title    string    `json:"title"`
	Active   bool      `json:"active"`
	Required bool      `json:"required"` // agents must fill it to solve the ticket
	Regexp   string    `json:"regexp,omitempty"`
	Options  []Option  `json:"options,omitempty"`
}

// Option is a choice of a dropdown or multiselect field.
type Option struct {
	Value        string `json:"value"` // the tag
	Name         string `json:"name"`
	Default      bool   `json:"default,omitempty"`
	BlocksSolved bool   `json:"blocks_solved,omitempty"` // allow_solving is false: does not count as filled when solving
}

// Condition shows child fields when a parent field has a value (Zendesk's agent_conditions).
type Condition struct {
	ParentID int64   `json:"parent_id"`
	Value    string  `json:"value"`
	Children []Child `json:"children"`
}

// Child is a field that a condition shows. Statuses is nil in exports of older forms, which have only Required.
type Child struct {
	ID       int64             `json:"id"`
	Required bool              `json:"required"`
	Statuses *RequiredStatuses `json:"statuses,omitempty"`
}

// RequiredStatuses says in which statuses a child field is required.
type RequiredStatuses struct {
	Type           string   `json:"type"` // ALL_STATUSES, NO_STATUSES or SOME_STATUSES
	Statuses       []string `json:"statuses,omitempty"`
	CustomStatuses []int64  `json:"custom_statuses,omitempty"`
}

// Field gives the form's field with that id.
func (f Form) Field(id int64) (Field, bool) { return fieldIn(f.Fields, id) }

// known gives the account's field with that id, whether it is on the form or not.
func (f Form) known(id int64) (Field, bool) {
	if field, ok := f.Field(id); ok {
		return field, true
	}
	return fieldIn(f.Elsewhere, id)
}

func fieldIn(fields []Field, id int64) (Field, bool) {
	i := slices.IndexFunc(fields, func(f Field) bool { return f.ID == id })
	if i < 0 {
		return Field{}, false
	}
	return fields[i], true
}

// Status gives the account's custom status with that id.
func (f Form) Status(id int64) (CustomStatus, bool) {
	for _, s := range f.Statuses {
		if s.ID == id {
			return s, true
		}
	}
	return CustomStatus{}, false
}

// AgentUser is an agent as the Zendesk account knows them.
type AgentUser struct {
	ID        int64   `json:"id"`
	Email     string  `json:"email"`
	Light     bool    `json:"light,omitempty"` // light agents and contributors cannot be assigned
	Suspended bool    `json:"suspended,omitempty"`
	Active    bool    `json:"active"`
	GroupIDs  []int64 `json:"group_ids,omitempty"`
}

// Assignable tells whether a ticket in that group (0: any) may be assigned to the agent.
func (a AgentUser) Assignable(group int64) bool {
	if !a.Active || a.Suspended || a.Light {
		return false
	}
	if group == 0 {
		return true
	}
	return slices.Contains(a.GroupIDs, group)
}
