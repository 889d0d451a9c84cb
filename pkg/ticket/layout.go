package ticket

// FormLayout is what a ticket form tells of itself: which fields it has, in its order.
type FormLayout struct {
	ID         int64 // 0: the account has no forms
	Name       string
	FieldIDs   []int64
	Conditions []Condition
}

// With puts the account's fields and custom statuses into the form. Without a form all the fields count.
func (l FormLayout) With(fields []Field, statuses []CustomStatus) Form {
	form := Form{ID: l.ID, Name: l.Name, Active: true, Conditions: l.Conditions, Statuses: statuses}
	if l.ID == 0 {
		form.Fields = fields
		return form
	}
	byID := map[int64]Field{}
	for _, f := range fields {
		byID[f.ID] = f
	}
	for _, id := range l.FieldIDs {
		if f, ok := byID[id]; ok {
			form.Fields = append(form.Fields, f)
			delete(byID, id)
		}
	}
	for _, f := range fields {
		if _, left := byID[f.ID]; left {
			form.Elsewhere = append(form.Elsewhere, f)
		}
	}
	return form
}
