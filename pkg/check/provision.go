package check

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"passerelle/pkg/ticket"
	"passerelle/pkg/zendesk"
)

// State says what became of a wanted ticket field.
type State string

// The states.
const (
	Configured  State = "configured"   // the site's configuration names it; left alone
	Unknown     State = "unknown"      // the configuration names one that the account does not have
	Found       State = "found"        // an earlier run made it, for this site or another one of the account
	Created     State = "created"      // made now
	WouldCreate State = "would_create" // made without --dry-run
)

// Provided is a ticket field that the site wants.
type Provided struct {
	Key    string           `json:"key"` // under tickets.fields
	ID     int64            `json:"id"`  // 0 when it would be created
	Title  string           `json:"title"`
	Type   ticket.FieldType `json:"type"`
	State  State            `json:"state"`
	OnForm bool             `json:"put_on_form"` // it was not on the site's form, and is put there
}

// Provision is what was done for a site, or would be.
type Provision struct {
	Site    string     `json:"site"`
	Account string     `json:"account"`
	FormID  int64      `json:"form_id"` // 0 for an account without forms
	DryRun  bool       `json:"dry_run"`
	Fields  []Provided `json:"fields"`
}

// marker stands in a field's description for agents, where it outlives a new title.
func marker(key string) string { return "[passerelle:" + key + "]" }

// Provide makes the ticket fields that the site wants and has not, for agents alone, and puts them on the site's form.
// A field that an earlier run made is found by a mark in its description for agents and used again, also by other
// sites of the account, so that a second run makes nothing. What was done before an error stands in the result.
func Provide(ctx context.Context, client Fields, s ticket.Site, dryRun bool) (Provision, error) {
	p := Provision{Site: s.Name, Account: s.Account, DryRun: dryRun, Fields: []Provided{}}
	known, err := client.Fields(ctx)
	if err != nil {
		return p, fmt.Errorf("provide ticket fields of site %s: %w", s.Name, err)
	}
	for _, w := range wantedFields {
		provided, err := provide(ctx, client, w, *w.id(&s.Tickets.Fields), known, dryRun)
		if err != nil {
			return p, fmt.Errorf("provide ticket field %s of site %s: %w", w.key, s.Name, err)
		}
		p.Fields = append(p.Fields, provided)
	}
	if err := p.place(ctx, client, s.Tickets.FormID); err != nil {
		return p, fmt.Errorf("put ticket fields on the form of site %s: %w", s.Name, err)
	}
	return p, nil
}

func provide(ctx context.Context, client Fields, w wanted, configured int64, known []zendesk.FieldSettings, dryRun bool) (Provided, error) {
	p := Provided{Key: w.key, ID: configured, Title: w.title, Type: w.kind, State: Configured}
	for _, f := range known {
		if configured == f.ID || configured == 0 && strings.Contains(f.AgentDescription, marker(w.key)) {
			if configured == 0 {
				p.State = Found
			}
			p.ID, p.Title, p.Type = f.ID, f.Title, f.Type
			return p, nil
		}
	}
	switch {
	case configured != 0:
		p.Title, p.Type, p.State = "", "", Unknown
		return p, nil
	case dryRun:
		p.State = WouldCreate
		return p, nil
	}
	f, err := client.CreateField(ctx, zendesk.FieldSettings{
		Field: ticket.Field{Type: w.kind, Title: w.title}, AgentDescription: w.purpose + " " + marker(w.key),
	})
	p.ID, p.State = f.ID, Created
	return p, err
}

// place puts on the form what is not on it yet.
func (p *Provision) place(ctx context.Context, client Fields, formID int64) error {
	forms, err := client.Forms(ctx)
	if err != nil {
		return err
	}
	form, ok := formOf(forms, formID)
	if !ok {
		if formID != 0 {
			return fmt.Errorf("the account has no ticket form %d; correct tickets.form_id of the site and run this again", formID)
		}
		return nil // tickets of accounts without forms have all fields
	}
	p.FormID = form.ID
	ids := form.FieldIDs
	for i, f := range p.Fields {
		if p.Fields[i].OnForm = f.State != Unknown && !slices.Contains(form.FieldIDs, f.ID); p.Fields[i].OnForm {
			ids = append(slices.Clip(ids), f.ID)
		}
	}
	if p.DryRun || len(ids) == len(form.FieldIDs) {
		return nil
	}
	return client.SetFormFields(ctx, form.ID, ids)
}

// YAML is what belongs into the configuration file.
func (p *Provision) YAML() string {
	var out strings.Builder
	_, _ = fmt.Fprintf(&out, "sites:\n  %s:\n    tickets:\n      fields:\n", p.Site)
	for _, f := range p.Fields {
		id := fmt.Sprint(f.ID)
		if f.State == WouldCreate {
			id = "0 # would be created"
		}
		_, _ = fmt.Fprintf(&out, "        %s: %s\n", f.Key, id)
	}
	return out.String()
}
