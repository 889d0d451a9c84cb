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

// Form gives a ticket form with its fields; id 0 means the account's default form. An account without forms has one
// of all its fields, with id 0. An unknown or inactive form is the job's trouble.
// https://developer.zendesk.com/api-reference/ticketing/tickets/ticket_forms/
func (c *Client) Form(ctx context.Context, id int64) (ticket.Form, error) {
	form, err := c.formBody(ctx, id)
	if err != nil {
		return ticket.Form{}, err
	}
	var fields struct {
		Fields []fieldAnswer `json:"ticket_fields"`
	}
	if err := c.do(ctx, request{what: "read ticket fields", method: http.MethodGet, path: "/api/v2/ticket_fields"}, &fields); err != nil {
		return ticket.Form{}, err
	}
	resolved := form.resolve(fields.Fields)
	if resolved.Statuses, err = c.customStatuses(ctx); err != nil {
		return ticket.Form{}, err
	}
	return resolved, nil
}

// customStatuses gives none for accounts that have none: their plan refuses the call.
// https://developer.zendesk.com/api-reference/ticketing/tickets/custom_ticket_statuses/
func (c *Client) customStatuses(ctx context.Context) ([]ticket.CustomStatus, error) {
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

func (c *Client) formBody(ctx context.Context, id int64) (formBody, error) {
	if id != 0 {
		var one struct {
			Form formBody `json:"ticket_form"`
		}
		path := "/api/v2/ticket_forms/" + strconv.FormatInt(id, 10)
		if err := c.do(ctx, request{what: "read ticket form", method: http.MethodGet, path: path}, &one); err != nil {
			return formBody{}, c.noForm(err)
		}
		if !one.Form.Active {
			return formBody{}, c.noForm(&ticket.Failure{Trouble: ticket.TroubleJob, Detail: ticket.Detail{Message: "the ticket form is not active"}})
		}
		return one.Form, nil
	}
	var all struct {
		Forms []formBody `json:"ticket_forms"`
	}
	err := c.do(ctx, request{what: "read ticket forms", method: http.MethodGet, path: "/api/v2/ticket_forms"}, &all)
	if notOnThePlan(err) {
		return formBody{}, nil // an account without forms
	}
	if err != nil {
		return formBody{}, err
	}
	for _, f := range all.Forms {
		if f.Default && f.Active {
			return f, nil
		}
	}
	return formBody{}, nil
}

func (c *Client) noForm(err error) error {
	var failure *ticket.Failure
	if errors.As(err, &failure) && failure.Trouble == ticket.TroubleJob {
		failure.Reason = ticket.ReasonRejected
		failure.Hint = "choose an active form in tickets.form_id of the site, then replay"
	}
	return err
}

// resolve puts the fields in the form's order. Without a form the account's active fields all count.
func (b formBody) resolve(fields []fieldAnswer) ticket.Form {
	form := ticket.Form{ID: b.ID, Name: b.Name, Active: true}
	byID := map[int64]fieldAnswer{}
	order := b.FieldIDs
	for _, f := range fields {
		byID[f.ID] = f
		if b.ID == 0 {
			order = append(order, f.ID)
		}
	}
	for _, id := range order {
		if f, ok := byID[id]; ok {
			form.Fields = append(form.Fields, f.field())
			delete(byID, id)
		}
	}
	for _, f := range fields {
		if _, left := byID[f.ID]; left {
			form.Elsewhere = append(form.Elsewhere, f.field())
		}
	}
	for _, condition := range b.Conditions {
		resolved := ticket.Condition{ParentID: condition.ParentID, Value: optionValue(condition.Value)}
		for _, child := range condition.Children {
			resolved.Children = append(resolved.Children, ticket.Child{ID: child.ID, Required: child.Required, Statuses: child.Statuses})
		}
		form.Conditions = append(form.Conditions, resolved)
	}
	return form
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
