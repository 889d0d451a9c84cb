package zendesk

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
)

// Rule is a trigger or an automation: it acts when all of All and one of Any are met; an empty list is met.
// https://developer.zendesk.com/documentation/ticketing/reference-guides/conditions-reference/
type Rule struct {
	ID      int64
	Title   string
	All     []RuleCondition
	Any     []RuleCondition
	Actions []RuleAction
}

// RuleCondition compares something of the ticket.
type RuleCondition struct {
	Field    string     `json:"field"`
	Operator string     `json:"operator"`
	Value    RuleValues `json:"value"`
}

// RuleAction is what a rule does.
// https://developer.zendesk.com/documentation/ticketing/reference-guides/actions-reference/
type RuleAction struct {
	Field string     `json:"field"`
	Value RuleValues `json:"value"`
}

// RuleValues are the value of a condition or an action as texts: one, or those of a list. null is one empty text.
type RuleValues []string

// UnmarshalJSON takes texts, numbers, true and false, and lists of these. It never fails: what it cannot read is
// written as it stands.
func (v *RuleValues) UnmarshalJSON(raw []byte) error {
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil || list == nil {
		list = []json.RawMessage{raw}
	}
	*v = make(RuleValues, 0, len(list))
	for _, one := range list {
		if string(one) == "null" {
			one = []byte(`""`)
		}
		*v = append(*v, optionValue(one))
	}
	return nil
}

// maxPages bounds how much of a list is read, at 100 entries a page.
const maxPages = 100

// Triggers gives the account's active triggers.
// https://developer.zendesk.com/api-reference/ticketing/business-rules/triggers/#list-ticket-triggers
func (c *Client) Triggers(ctx context.Context) ([]Rule, error) { return c.rules(ctx, "triggers") }

// Automations gives the account's active automations.
// https://developer.zendesk.com/api-reference/ticketing/business-rules/automations/#list-automations
func (c *Client) Automations(ctx context.Context) ([]Rule, error) { return c.rules(ctx, "automations") }

type ruleAnswer struct {
	ID         int64  `json:"id"`
	Title      string `json:"title"`
	Active     bool   `json:"active"`
	Conditions struct {
		All []RuleCondition `json:"all"`
		Any []RuleCondition `json:"any"`
	} `json:"conditions"`
	Actions []RuleAction `json:"actions"`
}

func (c *Client) rules(ctx context.Context, kind string) ([]Rule, error) {
	var rules []Rule
	query := url.Values{"page[size]": {"100"}}
	for range maxPages {
		var answer struct {
			Triggers    []ruleAnswer `json:"triggers"`
			Automations []ruleAnswer `json:"automations"`
			Meta        cursor       `json:"meta"`
		}
		if err := c.do(ctx, request{what: "read " + kind, method: http.MethodGet, path: "/api/v2/" + kind, query: query}, &answer); err != nil {
			return nil, err
		}
		for _, r := range append(answer.Triggers, answer.Automations...) {
			if r.Active {
				rules = append(rules, Rule{ID: r.ID, Title: r.Title, All: r.Conditions.All, Any: r.Conditions.Any, Actions: r.Actions})
			}
		}
		if !answer.Meta.next(query) {
			break
		}
	}
	return rules, nil
}
