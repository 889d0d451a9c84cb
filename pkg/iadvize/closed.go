package iadvize

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"passerelle/pkg/ticket"
)

//go:embed closed.graphql
var closedQuery string

// ClosedConversation is a conversation in the list of those that ended. Everything but the id may be absent.
type ClosedConversation struct {
	ID        string // as iAdvize spells it; never empty, at most 128 bytes
	ProjectID int64
	Channel   string
	ClosedAt  time.Time
}

// ClosedPage is a part of the list.
type ClosedPage struct {
	Conversations []ClosedConversation
	Unreadable    int    // entries that hold no id
	Next          string // cursor of the next page; empty at the end
}

// interval's spelling: https://docs.iadvize.dev shows seconds with an offset; milliseconds are those of its answers.
const intervalFormat = "2006-01-02T15:04:05.000Z07:00"

// ClosedConversations gives up to 100 conversations of a project that ended in the interval, in iAdvize's order; whether
// its ends belong to it is not documented. after is the cursor of the page, empty for the first one. The error is a
// *ticket.Failure: TroubleAccount when nothing can be read at all, TroubleHiccup when it concerns this list.
func (c *Client) ClosedConversations(ctx context.Context, projectID int64, from, to time.Time, after string) (ClosedPage, error) {
	variables := map[string]any{
		"projectIds": []int64{projectID}, "from": from.UTC().Format(intervalFormat), "to": to.UTC().Format(intervalFormat),
	}
	if after != "" {
		variables["after"] = after
	}
	var data struct {
		Closed *closedList `json:"closedConversations"`
	}
	err := c.query(ctx, closedQuery, "ClosedConversations", variables, &data)
	if failure := (*ticket.Failure)(nil); errors.As(err, &failure) && failure.Trouble == ticket.TroubleHiccup {
		return ClosedPage{}, c.noList(projectID)
	}
	if err != nil {
		return ClosedPage{}, err
	}
	if data.Closed == nil {
		return ClosedPage{}, c.noList(projectID)
	}
	return data.Closed.page(), nil
}

func (c *Client) noList(projectID int64) *ticket.Failure {
	return &ticket.Failure{
		Trouble: ticket.TroubleHiccup, Reason: ticket.ReasonConversationNotFound,
		Detail: ticket.Detail{Message: fmt.Sprintf("iAdvize does not list the closed conversations of project %d", projectID)},
		Hint:   "check that the API user of the connection " + c.c.Name + " may read the project",
	}
}

type closedList struct {
	// Each entry is read on its own: an odd one must not hide the others.
	Edges    []json.RawMessage `json:"edges"`
	PageInfo struct {
		EndCursor   string `json:"endCursor"`
		HasNextPage bool   `json:"hasNextPage"`
	} `json:"pageInfo"`
}

type closedEdge struct {
	Node struct {
		ID       Text            `json:"id"`
		ClosedAt moment          `json:"closedAt"`
		Channel  json.RawMessage `json:"channel"`
		Project  json.RawMessage `json:"project"`
	} `json:"node"`
}

func (l closedList) page() ClosedPage {
	page := ClosedPage{}
	if l.PageInfo.HasNextPage {
		page.Next = l.PageInfo.EndCursor
	}
	for _, raw := range l.Edges {
		var edge closedEdge
		if err := json.Unmarshal(raw, &edge); err != nil || edge.Node.ID == "" || len(edge.Node.ID) > maxID {
			page.Unreadable++
			continue
		}
		page.Conversations = append(page.Conversations, edge.conversation())
	}
	return page
}

// conversation takes what it can read.
func (e closedEdge) conversation() ClosedConversation {
	c := ClosedConversation{ID: string(e.Node.ID), ClosedAt: e.Node.ClosedAt.Time}
	_ = json.Unmarshal(e.Node.Channel, &c.Channel)
	var project struct {
		ID Number `json:"id"`
	}
	if json.Unmarshal(e.Node.Project, &project) == nil {
		c.ProjectID = int64(project.ID)
	}
	return c
}
