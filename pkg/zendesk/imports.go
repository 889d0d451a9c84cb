package zendesk

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"time"

	"passerelle/pkg/ticket"
)

// importBody is a ticket as the import takes it.
// https://developer.zendesk.com/api-reference/ticketing/tickets/ticket_import/
type importBody struct {
	ticketBody

	Comments  []importComment `json:"comments"`
	CreatedAt *time.Time      `json:"created_at,omitempty"`
	UpdatedAt *time.Time      `json:"updated_at,omitempty"`
	SolvedAt  *time.Time      `json:"solved_at,omitempty"`
}

type importComment struct {
	commentBody

	CreatedAt *time.Time `json:"created_at,omitempty"`
}

// importOf gives a ticket the times of its conversation.
func (c *Client) importOf(d ticket.Draft) importBody {
	b := importBody{ticketBody: bodyOf(d)}
	b.Comment = nil
	closed := c.past(d.ClosedAt)
	b.CreatedAt, b.UpdatedAt = c.past(d.StartedAt), closed
	if b.CreatedAt == nil {
		b.CreatedAt = closed
	}
	if d.Status == ticket.StatusSolved {
		b.SolvedAt = closed
	}
	for _, comment := range d.Comments {
		b.Comments = append(b.Comments, importComment{commentBody{HTML: comment.HTML, Public: comment.Public}, closed})
	}
	return b
}

// past gives a time as Zendesk takes it, or nil. Times of the future are refused, and its clock may be behind ours.
func (c *Client) past(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	const apart = 10 * time.Second
	if latest := c.now().Add(-apart); at.After(latest) {
		at = latest
	}
	at = at.UTC().Truncate(time.Second)
	return &at
}

// CheckImport gives those of up to MaxBulk imported tickets that the import gave another form than their drafts say, or
// ourselves as the requester: whether it takes these is not documented. Tickets that do not exist are left out. It costs
// two calls.
//
// It is meant for the first job that an account imports. Where it gives any, the account's import cannot be used: mend
// them by MendImport, and make the next tickets without.
func (c *Client) CheckImport(ctx context.Context, drafts map[int64]ticket.Draft) (map[int64]ticket.Draft, error) {
	if len(drafts) == 0 || len(drafts) > MaxBulk {
		return nil, c.misused("check imported tickets", len(drafts))
	}
	us, err := c.Caller(ctx)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Tickets []struct {
			ID          int64 `json:"id"`
			RequesterID int64 `json:"requester_id"`
			FormID      int64 `json:"ticket_form_id"`
		} `json:"tickets"`
	}
	query := url.Values{"ids": {joined(slices.Collect(maps.Keys(drafts)))}}
	if err := c.do(ctx, request{what: "check imported tickets", method: http.MethodGet, path: "/api/v2/tickets/show_many", query: query}, &answer); err != nil {
		return nil, err
	}
	wrong := map[int64]ticket.Draft{}
	for _, t := range answer.Tickets {
		// Who makes a ticket without a requester becomes its requester.
		d, asked := drafts[t.ID]
		if asked && (t.RequesterID == 0 || t.RequesterID == us.ID || d.FormID != 0 && t.FormID != d.FormID) {
			wrong[t.ID] = d
		}
	}
	return wrong, nil
}

// MendImport starts a job that gives tickets the requesters and the forms of their drafts.
// https://developer.zendesk.com/api-reference/ticketing/tickets/tickets/#update-many-tickets
func (c *Client) MendImport(ctx context.Context, wrong map[int64]ticket.Draft) (BulkJob, error) {
	if len(wrong) == 0 || len(wrong) > MaxBulk {
		return BulkJob{}, c.misused("mend imported tickets", len(wrong))
	}
	type mended struct {
		ID int64 `json:"id"`
		ticketBody
	}
	bodies := make([]mended, 0, len(wrong))
	for id, d := range wrong {
		full := bodyOf(d)
		bodies = append(bodies, mended{id, ticketBody{Requester: full.Requester, FormID: full.FormID}})
	}
	r := request{what: "mend imported tickets", method: http.MethodPut, path: "/api/v2/tickets/update_many", body: map[string]any{"tickets": bodies}}
	return c.startJob(ctx, r)
}
