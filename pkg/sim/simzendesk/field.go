package simzendesk

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Field is a ticket field.
type Field struct {
	ID                 int64     `json:"id"`   // 0 = the next one
	Type               string    `json:"type"` // text, textarea, checkbox, date, integer, decimal, regexp, partialcreditcard, multiselect, tagger, lookup
	Title              string    `json:"title"`
	Description        string    `json:"description,omitempty"`
	AgentDescription   string    `json:"agent_description,omitempty"`
	Position           int       `json:"position"` // 0 = last
	Inactive           bool      `json:"inactive,omitempty"`
	Required           bool      `json:"required,omitempty"` // to solve a ticket
	RequiredInPortal   bool      `json:"required_in_portal,omitempty"`
	VisibleInPortal    bool      `json:"visible_in_portal,omitempty"`
	EditableInPortal   bool      `json:"editable_in_portal,omitempty"`
	Regexp             string    `json:"regexp,omitempty"`
	Tag                string    `json:"tag,omitempty"` // of a ticked checkbox
	Options            []Option  `json:"options,omitempty"`
	RelationshipTarget string    `json:"relationship_target,omitempty"` // of a lookup field, as zen:user
	OffForm            bool      `json:"off_form,omitempty"`            // not put on the default form
	System             bool      `json:"system,omitempty"`              // cannot be removed; on every form
	CreatedAt          time.Time `json:"created_at"`                    // zero = now
	UpdatedAt          time.Time `json:"updated_at"`
}

// Option is a value that a drop-down field can take.
type Option struct {
	ID      int64  `json:"id"` // 0 = the next one
	Name    string `json:"name"`
	Value   string `json:"value"` // also the tag
	Default bool   `json:"default,omitempty"`
	// NoSolving: choosing it does not fulfil "required to solve".
	NoSolving bool `json:"no_solving,omitempty"`
}

// systemTypes are the types of the fields that every account has.
var systemTypes = []string{"subject", "description", "status", "tickettype", "priority", "group", "assignee", "custom_status"}

func (f *Field) custom() bool {
	return !slices.Contains(systemTypes, f.Type)
}

// className is the ticket_field_type in errors.
func (f *Field) className() string {
	switch f.Type {
	case "tickettype":
		return "FieldTicketType"
	case "partialcreditcard":
		return "FieldPartialCreditCard"
	case "custom_status":
		return "FieldCustomStatus"
	}
	return "Field" + strings.ToUpper(f.Type[:1]) + f.Type[1:]
}

func (f *Field) option(value string) *Option {
	for i := range f.Options {
		if f.Options[i].Value == value {
			return &f.Options[i]
		}
	}
	return nil
}

// systemFields are those of a new account: only the assignee is required to solve.
func systemFields() []Field {
	return []Field{
		{Type: "subject", Title: "Subject", Position: 1, System: true, VisibleInPortal: true, EditableInPortal: true, RequiredInPortal: true},
		{Type: "description", Title: "Description", Position: 2, System: true, VisibleInPortal: true, EditableInPortal: true, RequiredInPortal: true,
			Description: "Please enter the details of your request. A member of our support staff will respond as soon as possible."},
		{Type: "status", Title: "Status", Position: 3, System: true, Description: "Request status"},
		{Type: "tickettype", Title: "Type", Position: 4, Description: "Request type"},
		{Type: "priority", Title: "Priority", Position: 5, Description: "Request priority", VisibleInPortal: true},
		{Type: "group", Title: "Group", Position: 6, System: true, Description: "Request group"},
		{Type: "assignee", Title: "Assignee", Position: 7, System: true, Required: true, VisibleInPortal: true, Description: "Agent assigned to your request"},
	}
}

// systemOptions are the values of system fields, name and value.
var systemOptions = map[string][][2]string{
	"status":     {{"Open", "open"}, {"Pending", "pending"}, {"Solved", "solved"}},
	"tickettype": {{"Question", "question"}, {"Incident", "incident"}, {"Problem", "problem"}, {"Task", "task"}},
	"priority":   {{"Low", "low"}, {"Normal", "normal"}, {"High", "high"}, {"Urgent", "urgent"}},
}

// AddField adds a field, or replaces the one with its id, and returns it as stored. Unless OffForm is set it joins the
// default form. One that the journal brought stays.
func (a *AccountState) AddField(f Field) Field {
	a.mu.Lock()
	defer a.mu.Unlock()
	if f.ID == 0 {
		f.ID = a.nextSetupID()
	}
	f.Options = slices.Clone(f.Options)
	for i := range f.Options {
		if f.Options[i].ID == 0 {
			f.Options[i].ID = a.nextSetupID()
		}
	}
	if old := a.fields.get(f.ID); old != nil && a.fromJournal[f.ID] {
		return *old
	}
	a.putField(a.completeField(f))
	return *a.fields.get(f.ID)
}

func (a *AccountState) completeField(f Field) Field {
	if f.Position == 0 {
		for _, other := range a.fields.all() {
			f.Position = max(f.Position, other.Position+1)
		}
	}
	if f.CreatedAt.IsZero() {
		f.CreatedAt = a.now()
	}
	if f.UpdatedAt.IsZero() {
		f.UpdatedAt = f.CreatedAt
	}
	return f
}

func (a *AccountState) putField(f Field) {
	a.fields.put(f.ID, &f)
	a.customFields = nil
	for _, other := range a.fieldsByPosition() {
		if other.custom() {
			a.customFields = append(a.customFields, other)
		}
	}
	if form := a.defaultForm(); form != nil && !f.OffForm && !slices.Contains(form.FieldIDs, f.ID) {
		changed := *form
		changed.FieldIDs = append(slices.Clone(form.FieldIDs), f.ID)
		a.forms.put(changed.ID, &changed)
	}
}

func (a *AccountState) fieldsByPosition() []*Field {
	all := a.fields.all()
	slices.SortStableFunc(all, func(x, y *Field) int { return cmp.Compare(x.Position, y.Position) })
	return all
}

// fieldOfType finds a system field. It may be nil when a caller replaced it.
func (a *AccountState) fieldOfType(kind string) *Field {
	for _, id := range a.fields.ids {
		if f := a.fields.get(id); f.Type == kind {
			return f
		}
	}
	return nil
}

// Fields returns all ticket fields by position.
func (a *AccountState) Fields() []Field {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []Field
	for _, f := range a.fieldsByPosition() {
		c := *f
		c.Options = slices.Clone(f.Options)
		out = append(out, c)
	}
	return out
}
