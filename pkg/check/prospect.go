package check

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"passerelle/pkg/zendesk"
)

// something stands for a value that is not known, except that it is not empty.
const something = "\x00something"

// moment is when Zendesk looks at a ticket with its rules.
type moment struct {
	words   string // as "when it is created"
	created bool
	comment bool // a comment is written
	resting bool // by the hour, not at a change: automations
}

// The moments in the life of an archive ticket at which rules run.
var (
	atCreation = moment{words: "when it is created", created: true, comment: true}
	atComment  = moment{words: "when another part of the transcript is added", comment: true}
	atAnswer   = moment{words: "when an answer of the survey arrives"}
	atRest     = moment{words: "some time after it was solved", resting: true}
)

// prospect is what is known of the tickets that a site would have: for each thing that a condition can ask for, the
// values it may have. What is not in it may be anything.
type prospect struct {
	moment moment
	public bool // the comment
	values map[string][]string
	tags   map[string]verdict // always: every ticket has it; maybe: a rule may take it away or add it
}

func (p prospect) clone() prospect {
	p.values = maps.Clone(p.values)
	for key, values := range p.values {
		p.values[key] = slices.Clone(values)
	}
	p.tags = maps.Clone(p.tags)
	return p
}

// at gives the prospect at another moment.
func (p prospect) at(m moment) prospect {
	p = p.clone()
	p.moment = m
	p.values["update_type"] = []string{"Change"}
	if m.created {
		p.values["update_type"] = []string{"Create"}
	}
	return p
}

// fires tells whether a rule acts on the ticket.
func (p prospect) fires(r zendesk.Rule) verdict {
	judged := func(conditions []zendesk.RuleCondition) []verdict {
		verdicts := make([]verdict, 0, len(conditions))
		for _, c := range conditions {
			verdicts = append(verdicts, p.holds(c))
		}
		return verdicts
	}
	return min(all(judged(r.All)), some(judged(r.Any)))
}

// hoursSince are an automation's conditions that become true with time for a ticket that was solved at once.
var hoursSince = []string{"solved", "updated_at", "assigned_at", "assignee_updated_at", "requester_updated_at"}

// holds judges one condition.
// https://developer.zendesk.com/documentation/ticketing/reference-guides/conditions-reference/
func (p prospect) holds(c zendesk.RuleCondition) verdict {
	switch {
	case p.moment.resting && slices.Contains(hoursSince, strings.ToLower(c.Field)):
		return always
	case c.Field == "current_tags":
		return p.tagged(c)
	case c.Field == "comment_is_public":
		return p.commented(c)
	case c.Field == "role" && !slices.Contains([]string{"agent", "end_user"}, strings.Join(c.Value, " ")):
		return maybe // somebody in particular
	}
	field := c.Field
	if id, custom := strings.CutPrefix(field, "ticket_fields_"); custom {
		field = "custom_fields_" + id // two spellings of one thing
	}
	values, known := p.values[field]
	if !known {
		return maybe
	}
	verdicts := make([]verdict, 0, len(values))
	for _, value := range values {
		verdicts = append(verdicts, p.compare(c, value))
	}
	v := overall(verdicts)
	if changes(c.Operator) && !p.moment.created && len(values) > 1 {
		return maybe // a rule may change it
	}
	return v
}

// compare judges a condition on one possible value.
func (p prospect) compare(c zendesk.RuleCondition, value string) verdict {
	created := p.moment.created
	switch c.Operator {
	case "", "is", "includes":
		return equal(c.Value, value)
	case "is_not", "not_includes":
		return equal(c.Value, value).not()
	case "less_than", "greater_than":
		return ordered(c, value)
	case "present":
		return told(value != "")
	case "not_present":
		return told(value == "")
	case "changed":
		// What a ticket is created with counts as a change.
		return told(created && value != "")
	case "not_changed":
		return told(created && value != "").not()
	case "value": // changed to
		if !created {
			return never
		}
		return equal(c.Value, value)
	case "not_value":
		if !created {
			return always
		}
		return equal(c.Value, value).not()
	case "value_previous": // changed from
		return never
	case "not_value_previous":
		return always
	default:
		return maybe
	}
}

// changes tells whether an operator asks what a change did.
func changes(operator string) bool {
	return slices.Contains([]string{"changed", "not_changed", "value", "not_value", "value_previous", "not_value_previous"}, operator)
}

func equal(wanted []string, value string) verdict {
	v := never
	for _, w := range wanted {
		switch {
		case value == something && w != "":
			v = max(v, maybe)
		case strings.EqualFold(w, value):
			v = always
		}
	}
	return v
}

// orders are the values that are more and less than one another, the least first.
var orders = map[string][]string{
	"status":   {"new", "open", "pending", "hold", "solved", "closed"},
	"priority": {"", "low", "normal", "high", "urgent"},
}

func ordered(c zendesk.RuleCondition, value string) verdict {
	order := orders[c.Field]
	if len(c.Value) != 1 {
		return maybe
	}
	got, want := slices.Index(order, strings.ToLower(value)), slices.Index(order, strings.ToLower(c.Value[0]))
	if got < 0 || want < 0 {
		return maybe
	}
	return told(c.Operator == "less_than" && got < want || c.Operator == "greater_than" && got > want)
}

// tagged judges whether the ticket carries one of the tags. Agents' tags at iAdvize become tags of the ticket, so that
// any tag may be on it; that it is not counts as the rule.
func (p prospect) tagged(c zendesk.RuleCondition) verdict {
	includes, excludes := never, always
	for _, list := range c.Value {
		for _, tag := range strings.FieldsFunc(list, func(r rune) bool { return r == ' ' || r == ',' }) {
			switch on, known := p.tags[strings.ToLower(tag)]; {
			case !known:
				includes = max(includes, maybe)
			default:
				includes, excludes = max(includes, on), min(excludes, on.not())
			}
		}
	}
	switch c.Operator {
	case "", "is", "includes":
		return includes
	case "is_not", "not_includes":
		return excludes
	default:
		return maybe
	}
}

// commented judges "comment is".
func (p prospect) commented(c zendesk.RuleCondition) verdict {
	if p.moment.resting || len(c.Value) != 1 {
		return maybe
	}
	var v verdict
	switch value := c.Value[0]; {
	case !p.moment.comment:
		v = never
	case value == "not_relevant": // "present, public or private"
		v = always
	case value == "true" || value == "requester_can_see_comment":
		v = told(p.public)
	case value == "false":
		v = told(!p.public)
	default:
		return maybe
	}
	switch c.Operator {
	case "", "is":
		return v
	case "is_not":
		return v.not()
	default:
		return maybe
	}
}

// act takes in what a rule that may fire does, so that rules after it see it.
// https://developer.zendesk.com/documentation/ticketing/reference-guides/actions-reference/
func (p prospect) act(actions []zendesk.RuleAction) (changed bool) {
	for _, a := range actions {
		switch a.Field {
		case "current_tags", "set_tags":
			if a.Field == "set_tags" {
				changed = p.loosen(nil) || changed
			}
			for _, tag := range tagsIn(a.Value) {
				if _, known := p.tags[tag]; !known {
					p.tags[tag], changed = maybe, true
				}
			}
		case "remove_tags":
			changed = p.loosen(tagsIn(a.Value)) || changed
		default:
			changed = p.set(a) || changed
		}
	}
	return changed
}

// set adds a value that a field may have from now on.
func (p prospect) set(a zendesk.RuleAction) (changed bool) {
	values, known := p.values[a.Field]
	if !known {
		return false
	}
	for _, value := range a.Value {
		if !slices.Contains(values, value) {
			values, changed = append(values, value), true
		}
	}
	p.values[a.Field] = values
	if other, tied := map[string]string{"status": "custom_status_id", "custom_status_id": "status"}[a.Field]; tied && changed {
		delete(p.values, other)
	}
	return changed
}

// loosen says that these tags, or all for nil, may be gone.
func (p prospect) loosen(tags []string) (changed bool) {
	for tag, on := range p.tags {
		if on == always && (tags == nil || slices.Contains(tags, tag)) {
			p.tags[tag], changed = maybe, true
		}
	}
	return changed
}

func tagsIn(lists []string) []string {
	var tags []string
	for _, list := range lists {
		tags = append(tags, strings.Fields(strings.ToLower(list))...)
	}
	return tags
}

// settle lets all rules act that may, until none changes anything more.
func (p prospect) settle(rules []zendesk.Rule) prospect {
	p = p.clone()
	for changed := true; changed; {
		changed = false
		for _, r := range rules {
			if p.fires(r) != never {
				changed = p.act(r.Actions) || changed
			}
		}
	}
	return p
}

func idText(id int64) string { return strconv.FormatInt(id, 10) }
