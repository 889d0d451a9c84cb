package ticket

import (
	"slices"
	"strconv"
)

// Doubt names a rule of Zendesk's that is not documented. A ticket whose fate hangs on one is sent: a refusal makes no
// ticket and names the fields, so both answers lead to the right end. What an account answered once is worth
// remembering.
type Doubt string

// The doubts.
const (
	// DoubtOtherStatuses: are conditional fields that are required in another status than solved enforced on creation?
	DoubtOtherStatuses Doubt = "conditions_in_other_statuses"
	// DoubtUnticked: does an unticked checkbox count as filled where it is required?
	DoubtUnticked Doubt = "unticked_checkbox"
	// DoubtCondition: a condition that older or newer accounts write in a way whose meaning is not documented.
	DoubtCondition Doubt = "condition"
)

// Doubtful is a field that may be asked for.
type Doubtful struct {
	Doubt Doubt
	Field FieldRef
}

// Filling is what a ticket will have.
type Filling struct {
	Status         string
	CustomStatusID int64         // 0: the default one of the status
	Values         map[int64]any // by field id; of system fields too where they have one
}

// Missing gives the fields that must be filled before Zendesk takes the ticket and that are not, and those of which
// that is not known. Only status solved enforces the fields' own flag; conditions name their statuses. The assignee is
// judged apart. Sources: https://support.zendesk.com/hc/en-us/articles/4408894213018 and the agent_conditions of
// https://developer.zendesk.com/api-reference/ticketing/tickets/ticket_forms/
func (f Form) Missing(ticket Filling) (missing []FieldRef, doubtful []Doubtful) {
	for _, field := range f.Fields {
		if !field.Active || field.Type.always() {
			continue
		}
		asked := f.asks(field, ticket)
		filled := field.filled(ticket)
		ref := FieldRef{ID: field.ID, Title: field.Title}
		switch {
		case asked.is == no || filled.is == yes:
		case asked.is == yes && filled.is == no:
			missing = append(missing, ref)
		case asked.is == maybe:
			doubtful = append(doubtful, Doubtful{asked.doubt, ref})
		default:
			doubtful = append(doubtful, Doubtful{filled.doubt, ref})
		}
	}
	return missing, doubtful
}

// answer is yes, no, or a doubt.
type answer struct {
	is    int
	doubt Doubt
}

const (
	no = iota
	maybe
	yes
)

// and gives the lesser of two answers.
func (a answer) and(b answer) answer {
	if b.is < a.is {
		return b
	}
	return a
}

// asks tells whether the form asks for the field in the ticket's status: by the field's own flag, or by a condition.
func (f Form) asks(field Field, ticket Filling) answer {
	if field.Required && ticket.Status == StatusSolved {
		return answer{is: yes}
	}
	var most answer
	for _, condition := range f.Conditions {
		met := condition.met(ticket.Values[condition.ParentID])
		for _, child := range condition.Children {
			if child.ID != field.ID {
				continue
			}
			if asked := met.and(child.requiredIn(ticket)); asked.is > most.is {
				most = asked
			}
		}
	}
	return most
}

// requiredIn reads the two keys of a child as live accounts behave: to solve, both the flag and the statuses must say
// so. Older forms have no list of statuses; there the flag means "to solve".
func (c Child) requiredIn(ticket Filling) answer {
	solving := ticket.Status == StatusSolved
	listed := answer{is: no}
	switch {
	case c.Statuses == nil:
		if solving {
			listed.is = yes
		}
	case c.Statuses.Type == "ALL_STATUSES":
		listed.is = yes
	case c.Statuses.Type == "SOME_STATUSES" && slices.Contains(c.Statuses.Statuses, ticket.Status):
		listed.is = yes
	case c.Statuses.Type == "SOME_STATUSES" && len(c.Statuses.CustomStatuses) > 0:
		// Whether a custom status stands for its category there is not documented.
		if ticket.CustomStatusID == 0 || slices.Contains(c.Statuses.CustomStatuses, ticket.CustomStatusID) {
			listed = answer{maybe, DoubtCondition}
		}
	case c.Statuses.Type != "SOME_STATUSES" && c.Statuses.Type != "NO_STATUSES":
		listed = answer{maybe, DoubtCondition}
	}
	switch {
	case listed.is == no:
		return listed
	case !solving:
		return listed.and(answer{maybe, DoubtOtherStatuses})
	case !c.Required:
		return answer{maybe, DoubtCondition} // the flag and the list contradict each other
	default:
		return listed
	}
}

// met tells whether a parent's value is the condition's. Checkboxes are written "true" and "false" there.
func (c Condition) met(value any) answer {
	switch v := value.(type) {
	case bool:
		return truth(strconv.FormatBool(v) == c.Value)
	case string:
		return truth(v == c.Value)
	case []string:
		if len(v) == 1 {
			return truth(v[0] == c.Value)
		}
		if slices.Contains(v, c.Value) {
			return answer{maybe, DoubtCondition} // several choices, one of them the condition's
		}
		return truth(len(v) == 0 && c.Value == "")
	case nil:
		return truth(c.Value == "")
	default:
		return answer{is: no}
	}
}

func truth(b bool) answer {
	if b {
		return answer{is: yes}
	}
	return answer{is: no}
}

// filled tells whether Zendesk takes the field for filled in.
func (f Field) filled(ticket Filling) answer {
	switch v := ticket.Values[f.ID].(type) {
	case nil:
		return answer{is: no}
	case bool:
		if !v {
			return answer{maybe, DoubtUnticked}
		}
		return answer{is: yes}
	case string:
		return truth(v != "").and(f.counts(ticket.Status, v))
	case []string:
		return truth(len(v) > 0).and(f.counts(ticket.Status, v...))
	default:
		return answer{is: yes}
	}
}

// counts tells whether the choice counts as filled in: one that does not allow solving counts in no solved ticket.
func (f Field) counts(status string, chosen ...string) answer {
	blocks := len(chosen) == 1 && slices.ContainsFunc(f.Options, func(o Option) bool { return o.Value == chosen[0] && o.BlocksSolved })
	switch {
	case !blocks:
		return answer{is: yes}
	case status == StatusSolved:
		return answer{is: no}
	default:
		return answer{maybe, DoubtOtherStatuses}
	}
}

// always tells the fields that every ticket has, or that are judged apart.
func (t FieldType) always() bool {
	switch t {
	case FieldSubject, FieldDescription, FieldStatus, FieldCustomStatus, FieldAssignee:
		return true
	default:
		return false
	}
}

// system tells the fields that are set by keys of their own and not as custom fields.
func (t FieldType) system() bool {
	return t.always() || t == FieldTicketType || t == FieldPriority || t == FieldGroup
}
