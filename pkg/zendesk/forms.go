package zendesk

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"passerelle/pkg/ticket"
)

type formBody struct {
	ID         int64   `json:"id"`
	Name       string  `json:"name"`
	Active     bool    `json:"active"`
	Default    bool    `json:"default"`
	FieldIDs   []int64 `json:"ticket_field_ids"`
	Conditions []struct {
		ParentID int64           `json:"parent_field_id"`
		Value    json.RawMessage `json:"value"` // a string; true and false were seen for checkboxes
		Children []struct {
			ID       int64                    `json:"id"`
			Required bool                     `json:"is_required"`
			Statuses *ticket.RequiredStatuses `json:"required_on_statuses"`
		} `json:"child_fields"`
	} `json:"agent_conditions"`
}

type fieldAnswer struct {
	ID       int64            `json:"id"`
	Type     ticket.FieldType `json:"type"`
	Title    string           `json:"title"`
	Active   bool             `json:"active"`
	Required bool             `json:"required"`
	Regexp   string           `json:"regexp_for_validation"`
	Options  []struct {
		Value        string `json:"value"`
		Name         string `json:"name"`
		Default      bool   `json:"default"`
		AllowSolving *bool  `json:"allow_solving"`
	} `json:"custom_field_options"`
}

// Form gives a ticket form with its fields, in three calls; id 0 means the account's default form. An account without forms
// has one of all its fields, with id 0. An unknown or inactive form is the job's trouble.
func (c *Client) Form(ctx context.Context, id int64) (ticket.Form, error) {
	layout, err := c.FormLayout(ctx, id)
	if err != nil {
		return ticket.Form{}, err
	}
	fields, err := c.FormFields(ctx)
	if err != nil {
		return ticket.Form{}, err
	}
	statuses, err := c.CustomStatuses(ctx)
	if err != nil {
		return ticket.Form{}, err
	}
	return layout.With(fields, statuses), nil
}

// FormFields gives all ticket fields of the account, as forms have them, in one call.
// https://developer.zendesk.com/api-reference/ticketing/tickets/ticket_fields/
func (c *Client) FormFields(ctx context.Context) ([]ticket.Field, error) {
	var answer struct {
		Fields []fieldAnswer `json:"ticket_fields"`
	}
	if err := c.do(ctx, request{what: "read ticket fields", method: http.MethodGet, path: "/api/v2/ticket_fields"}, &answer); err != nil {
		return nil, err
	}
	fields := make([]ticket.Field, 0, len(answer.Fields))
	for _, f := range answer.Fields {
		fields = append(fields, f.field())
	}
	return fields, nil
}

// CustomStatuses gives the account's own ticket statuses, in one call; none for accounts that have none: their plan refuses
// the call.
// https://developer.zendesk.com/api-reference/ticketing/tickets/custom_ticket_statuses/
func (c *Client) CustomStatuses(ctx context.Context) ([]ticket.CustomStatus, error) {
	var answer struct {
		Statuses []struct {
			ID       int64  `json:"id"`
			Category string `json:"status_category"`
			Active   bool   `json:"active"`
			Default  bool   `json:"default"`
		} `json:"custom_statuses"`
	}
	err := c.do(ctx, request{what: "read custom statuses", method: http.MethodGet, path: "/api/v2/custom_statuses"}, &answer)
	if notOnThePlan(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	statuses := make([]ticket.CustomStatus, 0, len(answer.Statuses))
	for _, s := range answer.Statuses {
		statuses = append(statuses, ticket.CustomStatus{ID: s.ID, Category: s.Category, Active: s.Active, Default: s.Default})
	}
	return statuses, nil
}

func notOnThePlan(err error) bool {
	var failure *ticket.Failure
	return errors.As(err, &failure) && (failure.Detail.Status == http.StatusForbidden || failure.Detail.Status == http.StatusNotFound)
}

// FormLayout gives which fields a ticket form has, in one call; id 0 means the account's default form. An account without
// forms has the layout with id 0. An unknown or inactive form is the job's trouble.
// https://developer.zendesk.com/api-reference/ticketing/tickets/ticket_forms/
func (c *Client) FormLayout(ctx context.Context, id int64) (ticket.FormLayout, error) {
	if id != 0 {
		var one struct {
			Form formBody `json:"ticket_form"`
		}
		path := "/api/v2/ticket_forms/" + strconv.FormatInt(id, 10)
		if err := c.do(ctx, request{what: "read ticket form", method: http.MethodGet, path: path}, &one); err != nil {
			return ticket.FormLayout{}, c.noForm(err)
		}
		if !one.Form.Active {
			return ticket.FormLayout{}, c.noForm(&ticket.Failure{Trouble: ticket.TroubleJob, Detail: ticket.Detail{Message: "the ticket form is not active"}})
		}
		return one.Form.layout(), nil
	}
	var all struct {
		Forms []formBody `json:"ticket_forms"`
	}
	err := c.do(ctx, request{what: "read ticket forms", method: http.MethodGet, path: "/api/v2/ticket_forms"}, &all)
	if notOnThePlan(err) {
		return ticket.FormLayout{}, nil // an account without forms
	}
	if err != nil {
		return ticket.FormLayout{}, err
	}
	for _, f := range all.Forms {
		if f.Default && f.Active {
			return f.layout(), nil
		}
	}
	return ticket.FormLayout{}, nil
}

func (c *Client) noForm(err error) error {
	var failure *ticket.Failure
	if errors.As(err, &failure) && failure.Trouble == ticket.TroubleJob {
		failure.Reason = ticket.ReasonRejected
		failure.Hint = "choose an active form in tickets.form_id of the site, then replay"
	}
	return err
}

func (b formBody) layout() ticket.FormLayout {
	layout := ticket.FormLayout{ID: b.ID, Name: b.Name, FieldIDs: b.FieldIDs}
	for _, condition := range b.Conditions {
		resolved := ticket.Condition{ParentID: condition.ParentID, Value: optionValue(condition.Value)}
		for _, child := range condition.Children {
			resolved.Children = append(resolved.Children, ticket.Child{ID: child.ID, Required: child.Required, Statuses: child.Statuses})
		}
		layout.Conditions = append(layout.Conditions, resolved)
	}
	return layout
}

func optionValue(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	return string(raw)
}

func (f fieldAnswer) field() ticket.Field {
	out := ticket.Field{ID: f.ID, Type: f.Type, Title: f.Title, Active: f.Active, Required: f.Required, Regexp: f.Regexp}
	for _, o := range f.Options {
		out.Options = append(out.Options, ticket.Option{
			Value: o.Value, Name: o.Name, Default: o.Default, BlocksSolved: o.AllowSolving != nil && !*o.AllowSolving,
		})
	}
	return out
}
