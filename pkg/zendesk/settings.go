package zendesk

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"passerelle/pkg/ticket"
)

// FieldSettings are a ticket field with all that decides who sees it.
type FieldSettings struct {
	ticket.Field
	VisibleInPortal  bool   // end users see it
	EditableInPortal bool   // end users may change it
	RequiredInPortal bool   // end users must fill it
	AgentDescription string // for agents alone
}

// FormSettings are a ticket form without its fields' settings.
type FormSettings struct {
	ID        int64
	Name      string
	Active    bool
	Default   bool
	FieldIDs  []int64 // in the form's order
	AllBrands bool
	BrandIDs  []int64 // the brands that have it, unless AllBrands
}

// Brand is one of the account's brands.
type Brand struct {
	ID      int64
	Name    string
	Active  bool
	Default bool
}

// Group is a group of agents.
type Group struct {
	ID      int64
	Name    string
	Deleted bool
}

type fieldSettingsAnswer struct {
	fieldAnswer

	Visible     bool   `json:"visible_in_portal"`
	Editable    bool   `json:"editable_in_portal"`
	MustFill    bool   `json:"required_in_portal"`
	Description string `json:"agent_description"`
}

func (a fieldSettingsAnswer) settings() FieldSettings {
	return FieldSettings{
		Field: a.field(), VisibleInPortal: a.Visible, EditableInPortal: a.Editable, RequiredInPortal: a.MustFill, AgentDescription: a.Description,
	}
}

// Fields gives all ticket fields of the account.
// https://developer.zendesk.com/api-reference/ticketing/tickets/ticket_fields/
func (c *Client) Fields(ctx context.Context) ([]FieldSettings, error) {
	var answer struct {
		Fields []fieldSettingsAnswer `json:"ticket_fields"`
	}
	if err := c.do(ctx, request{what: "read ticket fields", method: http.MethodGet, path: "/api/v2/ticket_fields"}, &answer); err != nil {
		return nil, err
	}
	fields := make([]FieldSettings, 0, len(answer.Fields))
	for _, f := range answer.Fields {
		fields = append(fields, f.settings())
	}
	return fields, nil
}

// CreateField makes a ticket field that agents alone see and nobody must fill. Only administrators may. The settings'
// ID, flags and options are not looked at.
func (c *Client) CreateField(ctx context.Context, f FieldSettings) (FieldSettings, error) {
	body := map[string]any{
		"type": f.Type, "title": f.Title, "agent_description": f.AgentDescription, "active": true, "required": false,
		"visible_in_portal": false, "editable_in_portal": false, "required_in_portal": false,
	}
	var answer struct {
		Field fieldSettingsAnswer `json:"ticket_field"`
	}
	r := request{what: "create ticket field", method: http.MethodPost, path: "/api/v2/ticket_fields", body: map[string]any{"ticket_field": body}}
	if err := c.do(ctx, r, &answer); err != nil {
		return FieldSettings{}, err
	}
	return answer.Field.settings(), nil
}

// Forms gives all ticket forms, also those that are not active. A plan without forms has none.
// https://developer.zendesk.com/api-reference/ticketing/tickets/ticket_forms/
func (c *Client) Forms(ctx context.Context) ([]FormSettings, error) {
	var answer struct {
		Forms []struct {
			formBody

			AllBrands bool    `json:"in_all_brands"`
			BrandIDs  []int64 `json:"restricted_brand_ids"`
		} `json:"ticket_forms"`
	}
	err := c.do(ctx, request{what: "read ticket forms", method: http.MethodGet, path: "/api/v2/ticket_forms"}, &answer)
	if notOnThePlan(err) {
		return nil, nil // plans without forms refuse the call
	}
	if err != nil {
		return nil, err
	}
	forms := make([]FormSettings, 0, len(answer.Forms))
	for _, f := range answer.Forms {
		forms = append(forms, FormSettings{
			ID: f.ID, Name: f.Name, Active: f.Active, Default: f.Default, FieldIDs: f.FieldIDs, AllBrands: f.AllBrands, BrandIDs: f.BrandIDs,
		})
	}
	return forms, nil
}

// SetFormFields puts these fields on a form, in that order, and takes all others off it. Only administrators may.
func (c *Client) SetFormFields(ctx context.Context, form int64, fields []int64) error {
	r := request{
		what: "put fields on the ticket form", method: http.MethodPut, path: "/api/v2/ticket_forms/" + strconv.FormatInt(form, 10),
		body: map[string]any{"ticket_form": map[string]any{"ticket_field_ids": fields}},
	}
	return c.do(ctx, r, &struct{}{})
}

// Brands gives the account's brands.
// https://developer.zendesk.com/api-reference/ticketing/account-configuration/brands/
func (c *Client) Brands(ctx context.Context) ([]Brand, error) {
	var brands []Brand
	err := c.list(ctx, "brands", func(into *listAnswer) {
		for _, b := range into.Brands {
			brands = append(brands, Brand{ID: b.ID, Name: b.Name, Active: b.Active, Default: b.Default})
		}
	})
	return brands, err
}

// Groups gives the account's groups.
// https://developer.zendesk.com/api-reference/ticketing/groups/groups/
func (c *Client) Groups(ctx context.Context) ([]Group, error) {
	var groups []Group
	err := c.list(ctx, "groups", func(into *listAnswer) {
		for _, g := range into.Groups {
			groups = append(groups, Group{ID: g.ID, Name: g.Name, Deleted: g.Deleted})
		}
	})
	return groups, err
}

// listAnswer is a page of one of the account's lists.
type listAnswer struct {
	Brands []struct {
		ID      int64  `json:"id"`
		Name    string `json:"name"`
		Active  bool   `json:"active"`
		Default bool   `json:"default"`
	} `json:"brands"`
	Groups []struct {
		ID      int64  `json:"id"`
		Name    string `json:"name"`
		Deleted bool   `json:"deleted"`
	} `json:"groups"`
	Meta cursor `json:"meta"`
}

// list reads all pages of a list.
func (c *Client) list(ctx context.Context, kind string, take func(*listAnswer)) error {
	query := url.Values{"page[size]": {"100"}}
	for range maxPages {
		var answer listAnswer
		if err := c.do(ctx, request{what: "read " + kind, method: http.MethodGet, path: "/api/v2/" + kind, query: query}, &answer); err != nil {
			return err
		}
		take(&answer)
		if !answer.Meta.next(query) {
			break
		}
	}
	return nil
}
