package simzendesk

import (
	"slices"
	"time"
)

// Form is a ticket form.
type Form struct {
	ID                int64       `json:"id"` // 0 = the next one
	Name              string      `json:"name"`
	DisplayName       string      `json:"display_name"` // "" = Name
	Inactive          bool        `json:"inactive,omitempty"`
	Default           bool        `json:"default,omitempty"` // takes the place of the default form so far
	EndUserVisible    bool        `json:"end_user_visible,omitempty"`
	FieldIDs          []int64     `json:"field_ids"`                   // system fields are added by themselves
	RestrictedBrands  []int64     `json:"restricted_brands,omitempty"` // nil = all brands
	AgentConditions   []Condition `json:"agent_conditions,omitempty"`
	EndUserConditions []Condition `json:"end_user_conditions,omitempty"`
	CreatedAt         time.Time   `json:"created_at"` // zero = now
}

// Condition shows fields when another one has a value.
type Condition struct {
	ParentFieldID int64   `json:"parent_field_id"`
	Value         any     `json:"value"` // option value, or a bool for a checkbox
	ChildFields   []Child `json:"child_fields"`
}

// Child is a field that a Condition shows.
type Child struct {
	ID                 int64       `json:"id"`
	IsRequired         bool        `json:"is_required"`
	RequiredOnStatuses *RequiredOn `json:"required_on_statuses,omitempty"` // nil as in older accounts
}

// RequiredOn says in which statuses a Child must have a value.
type RequiredOn struct {
	Type     string   `json:"type"` // one of the three below
	Statuses []string `json:"statuses,omitempty"`
}

// Types of RequiredOn.
const (
	AllStatuses  = "ALL_STATUSES"
	NoStatuses   = "NO_STATUSES"
	SomeStatuses = "SOME_STATUSES"
)

// Brand is a brand.
type Brand struct {
	ID       int64 // 0 = the next one
	Name     string
	Default  bool // takes the place of the default brand so far
	Inactive bool
}

// CustomStatus is a ticket status within a category.
type CustomStatus struct {
	ID         int64  // 0 = the next one
	Category   string // new, open, pending, hold, solved
	AgentLabel string
	Default    bool // of its category
	Inactive   bool
}

type formStatus struct {
	id               string
	formID, statusID int64
}

func standardStatuses() []CustomStatus {
	return []CustomStatus{
		{Category: "new", AgentLabel: "New", Default: true},
		{Category: "open", AgentLabel: "Open", Default: true},
		{Category: "pending", AgentLabel: "Pending", Default: true},
		{Category: "hold", AgentLabel: "On-hold", Default: true},
		{Category: "solved", AgentLabel: "Solved", Default: true},
	}
}

// AddForm adds a form, or replaces the one with its id, and returns it as stored. One that the journal brought stays.
func (a *AccountState) AddForm(f Form) Form {
	a.mu.Lock()
	defer a.mu.Unlock()
	if f.ID == 0 {
		f.ID = a.nextSetupID()
	}
	if f.DisplayName == "" {
		f.DisplayName = f.Name
	}
	if f.CreatedAt.IsZero() {
		f.CreatedAt = a.now()
	}
	if old := a.forms.get(f.ID); old != nil && a.fromJournal[f.ID] {
		return *old
	}
	f.FieldIDs = a.formFields(f.FieldIDs, a.defaultForm() == nil)
	if f.Default {
		for _, other := range a.forms.all() {
			changed := *other
			changed.Default = false
			a.forms.put(changed.ID, &changed)
		}
	}
	a.forms.put(f.ID, &f)
	return f
}

// formFields adds the system fields to those of a form. A new account's only form has all fields.
func (a *AccountState) formFields(wanted []int64, all bool) []int64 {
	ids := []int64{}
	for _, field := range a.fieldsByPosition() {
		if field.System || slices.Contains(wanted, field.ID) || all {
			ids = append(ids, field.ID)
		}
	}
	for _, id := range wanted {
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

func (a *AccountState) defaultForm() *Form {
	for _, id := range a.forms.ids {
		if f := a.forms.get(id); f.Default {
			return f
		}
	}
	return nil
}

// AddBrand adds a brand, or replaces the one with its id, and returns it as stored.
func (a *AccountState) AddBrand(b Brand) Brand {
	a.mu.Lock()
	defer a.mu.Unlock()
	if b.ID == 0 {
		b.ID = a.nextSetupID()
	}
	if b.Default {
		for _, other := range a.brands.all() {
			changed := *other
			changed.Default = false
			a.brands.put(changed.ID, &changed)
		}
	}
	a.brands.put(b.ID, &b)
	return b
}

func (a *AccountState) defaultBrandID() int64 {
	for _, b := range a.brands.all() {
		if b.Default {
			return b.ID
		}
	}
	return 0
}

// AddCustomStatus adds a status, or replaces the one with its id, and returns it as stored.
func (a *AccountState) AddCustomStatus(s CustomStatus) CustomStatus {
	a.mu.Lock()
	defer a.mu.Unlock()
	if s.ID == 0 {
		s.ID = a.nextSetupID()
	}
	a.statuses.put(s.ID, &s)
	return s
}

// AddFormStatus limits a form to the custom statuses that are added for it.
func (a *AccountState) AddFormStatus(formID, customStatusID int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.formStatuses = append(a.formStatuses, formStatus{formStatusID(a.nextSetupID()), formID, customStatusID})
}

// defaultStatus is the id of the status that a category has by itself. Closed tickets keep that of solved.
func (a *AccountState) defaultStatus(category string) int64 {
	if category == "closed" {
		category = "solved"
	}
	for _, s := range a.statuses.all() {
		if s.Default && s.Category == category {
			return s.ID
		}
	}
	return 0
}

// formAllows tells whether tickets of the form may have the status: forms without any form status allow all.
func (a *AccountState) formAllows(formID, statusID int64) bool {
	limited := false
	for _, fs := range a.formStatuses {
		if fs.formID == formID {
			limited = true
			if fs.statusID == statusID {
				return true
			}
		}
	}
	return !limited
}

// Forms returns all ticket forms by id.
func (a *AccountState) Forms() []Form {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := copies(&a.forms)
	for i := range out {
		out[i].FieldIDs = slices.Clone(out[i].FieldIDs)
	}
	return out
}
