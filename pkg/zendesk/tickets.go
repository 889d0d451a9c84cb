package zendesk

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"passerelle/pkg/ticket"
)

type ticketBody struct {
	Subject    string         `json:"subject,omitempty"`
	Comment    *commentBody   `json:"comment,omitempty"`
	Requester  *requesterBody `json:"requester,omitempty"`
	AssigneeID int64          `json:"assignee_id,omitempty"`
	GroupID    int64          `json:"group_id,omitempty"`
	BrandID    int64          `json:"brand_id,omitempty"`
	FormID     int64          `json:"ticket_form_id,omitempty"`
	Status     string         `json:"status,omitempty"`
	StatusID   int64          `json:"custom_status_id,omitempty"`
	Priority   string         `json:"priority,omitempty"`
	Type       string         `json:"type,omitempty"`
	ExternalID string         `json:"external_id,omitempty"`
	Tags       []string       `json:"tags,omitempty"`
	Fields     []fieldBody    `json:"custom_fields,omitempty"`

	SafeUpdate bool   `json:"safe_update,omitempty"` // refuse the update unless UpdatedStamp is the ticket's updated_at
	Stamp      string `json:"updated_stamp,omitempty"`
}

type commentBody struct {
	HTML   string `json:"html_body"`
	Public bool   `json:"public"` // always said: it stays for the comments that follow
}

type requesterBody struct {
	Name  string `json:"name"`
	Email string `json:"email,omitempty"`
}

type fieldBody struct {
	ID    int64 `json:"id"`
	Value any   `json:"value"`
}

type ticketAnswer struct {
	Ticket struct {
		ID         int64  `json:"id"`
		ExternalID string `json:"external_id"`
		Status     string `json:"status"`
		UpdatedAt  string `json:"updated_at"`
	} `json:"ticket"`
}

func bodyOf(d ticket.Draft) ticketBody {
	b := ticketBody{
		Subject: d.Subject, AssigneeID: d.AssigneeID, GroupID: d.GroupID, BrandID: d.BrandID, FormID: d.FormID,
		Status: d.Status, StatusID: d.StatusID, Priority: d.Priority, Type: d.Type, ExternalID: d.ExternalID, Tags: d.Tags, Fields: fieldsOf(d.Fields),
		Comment: &commentBody{HTML: d.Comments[0].HTML, Public: d.Comments[0].Public},
	}
	if d.Requester.Email != "" || d.Requester.Name != "" {
		b.Requester = &requesterBody{Name: d.Requester.Name, Email: d.Requester.Email}
	}
	return b
}

func fieldsOf(values []ticket.FieldValue) []fieldBody {
	out := make([]fieldBody, 0, len(values))
	for _, v := range values {
		out = append(out, fieldBody{ID: v.ID, Value: v.Value})
	}
	return out
}

// URL is where agents see a ticket.
func (c *Client) URL(id int64) string {
	return c.account.URL + "/agent/tickets/" + strconv.FormatInt(id, 10)
}

// Create makes the ticket with its first comment. The draft's external id is the Idempotency-Key: within two hours the
// same draft gives the same ticket. The stamp is of the ticket as it was made, for AddComment. TroubleUncertain means that
// it may exist.
// https://developer.zendesk.com/api-reference/ticketing/tickets/tickets/#create-ticket
func (c *Client) Create(ctx context.Context, d ticket.Draft) (ref ticket.Ref, stamp string, err error) {
	var answer ticketAnswer
	r := request{what: "create ticket", method: http.MethodPost, path: "/api/v2/tickets", body: map[string]any{"ticket": bodyOf(d)}, key: d.ExternalID, creates: true}
	if err := c.do(ctx, r, &answer); err != nil {
		return ticket.Ref{}, "", err
	}
	if answer.Ticket.ID == 0 {
		return ticket.Ref{}, "", &ticket.Failure{
			Trouble: ticket.TroubleUncertain, Gate: c.gate, Hint: hintWait,
			Detail: ticket.Detail{Message: "create ticket: the answer names no ticket"},
		}
	}
	return c.ref(answer.Ticket.ID), answer.Ticket.UpdatedAt, nil
}

func (c *Client) ref(id int64) ticket.Ref { return ticket.Ref{ID: id, URL: c.URL(id)} }

// Find looks a ticket up by its external id; with several the oldest counts. It is a database look-up without delay,
// but it does not see tickets that Zendesk has archived.
func (c *Client) Find(ctx context.Context, externalID string) (ticket.Ref, bool, error) {
	var answer struct {
		Tickets []struct {
			ID         int64  `json:"id"`
			ExternalID string `json:"external_id"`
		} `json:"tickets"`
	}
	r := request{what: "look ticket up", method: http.MethodGet, path: "/api/v2/tickets", query: url.Values{"external_id": {externalID}}}
	if err := c.do(ctx, r, &answer); err != nil {
		return ticket.Ref{}, false, err
	}
	var oldest int64
	for _, t := range answer.Tickets {
		if strings.EqualFold(t.ExternalID, externalID) && (oldest == 0 || t.ID < oldest) {
			oldest = t.ID
		}
	}
	return c.ref(oldest), oldest != 0, nil
}

// AddComment writes a comment into a ticket that has not changed since the stamp, which CountComments or the comment before
// gave, and gives the next stamp. So a comment that Zendesk writes long after it gave no answer is not written when
// another one was meanwhile, nor the other way round: one of the two gets 409, which is a hiccup. Stamps count seconds: after a
// failure nothing may be added for longer than one.
// https://developer.zendesk.com/documentation/ticketing/managing-tickets/creating-and-updating-tickets/#protecting-against-ticket-update-collisions
func (c *Client) AddComment(ctx context.Context, id int64, comment ticket.Comment, stamp string) (next string, err error) {
	body := ticketBody{Comment: &commentBody{HTML: comment.HTML, Public: comment.Public}, SafeUpdate: stamp != "", Stamp: stamp}
	return c.update(ctx, "add comment", id, body)
}

// CountComments tells how many comments the author of a ticket's first comment has written in it: these are ours. The
// stamp is of the ticket before they were counted.
func (c *Client) CountComments(ctx context.Context, id int64) (n int, stamp string, err error) {
	var read ticketAnswer
	if err := c.do(ctx, request{what: "read ticket", method: http.MethodGet, path: fmt.Sprintf("/api/v2/tickets/%d", id)}, &read); err != nil {
		return 0, "", err
	}
	path := fmt.Sprintf("/api/v2/tickets/%d/comments", id)
	query := url.Values{"page[size]": {"100"}}
	var author int64
	for range maxPages {
		var answer struct {
			Comments []struct {
				AuthorID int64 `json:"author_id"`
			} `json:"comments"`
			Meta cursor `json:"meta"`
		}
		if err := c.do(ctx, request{what: "count comments", method: http.MethodGet, path: path, query: query}, &answer); err != nil {
			return 0, "", err
		}
		for _, comment := range answer.Comments {
			if author == 0 {
				author = comment.AuthorID
			}
			if comment.AuthorID == author {
				n++
			}
		}
		if !answer.Meta.next(query) {
			return n, read.Ticket.UpdatedAt, nil
		}
	}
	return 0, "", &ticket.Failure{ // a ticket has 5,000 at most
		Trouble: ticket.TroubleHiccup, Gate: c.gate, Reason: ticket.ReasonExpired, Hint: hintWait,
		Detail: ticket.Detail{Message: "count comments: the list does not end"},
	}
}

// SetFields writes custom fields of a ticket that exists. A closed ticket gives ReasonTicketClosed.
func (c *Client) SetFields(ctx context.Context, id int64, fields []ticket.FieldValue) error {
	_, err := c.update(ctx, "update ticket", id, ticketBody{Fields: fieldsOf(fields)})
	return err
}

func (c *Client) update(ctx context.Context, what string, id int64, body ticketBody) (stamp string, err error) {
	var answer ticketAnswer
	r := request{what: what, method: http.MethodPut, path: fmt.Sprintf("/api/v2/tickets/%d", id), body: map[string]any{"ticket": body}}
	err = c.do(ctx, r, &answer)
	return answer.Ticket.UpdatedAt, err
}

// cursor is the paging of newer endpoints.
type cursor struct {
	HasMore bool   `json:"has_more"`
	After   string `json:"after_cursor"`
}

// next sets the query to the following page, if there is one.
func (p cursor) next(query url.Values) bool {
	if !p.HasMore || p.After == "" || p.After == query.Get("page[after]") {
		return false
	}
	query.Set("page[after]", p.After)
	return true
}
