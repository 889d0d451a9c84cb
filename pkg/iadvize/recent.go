package iadvize

import (
	"context"
	_ "embed"
	"time"

	"passerelle/pkg/ticket"
)

//go:embed recent.graphql
var recentQuery string

// Recent is what a project's latest conversations tell.
type Recent struct {
	Conversations int            // how many could be read, at most 100
	Agents        []ticket.Agent // the people who took part in them, each once; a name is not asked for
}

// RecentAgents reads conversations of a project that were closed in the interval. Users are known in such a list only:
// https://graphql.iadvize.dev, types/Conversation.
func (c *Client) RecentAgents(ctx context.Context, projectID int64, from, to time.Time) (Recent, error) {
	var data struct {
		Closed *struct {
			Edges []struct {
				Node struct {
					Users []userNode `json:"users"`
				} `json:"node"`
			} `json:"edges"`
		} `json:"closedConversations"`
	}
	variables := map[string]any{"projectIds": []int64{projectID}, "from": from.UTC().Format(time.RFC3339), "to": to.UTC().Format(time.RFC3339)}
	if err := c.query(ctx, recentQuery, "RecentAgents", variables, &data); err != nil {
		return Recent{}, err
	}
	if data.Closed == nil {
		return Recent{}, c.notFound()
	}
	recent := Recent{Conversations: len(data.Closed.Edges)}
	seen := map[int64]bool{}
	for _, edge := range data.Closed.Edges {
		for _, u := range edge.Node.Users {
			if agent := u.agent(); agent.Human && !seen[agent.ID] {
				seen[agent.ID] = true
				recent.Agents = append(recent.Agents, agent)
			}
		}
	}
	return recent, nil
}

// nobody is the id of no conversation.
const nobody = "00000000-0000-0000-0000-000000000000"

// Probe logs in and asks for a conversation that does not exist. It gives nil when iAdvize answers that.
func (c *Client) Probe(ctx context.Context) error {
	var data conversationData
	err := c.query(ctx, queries, "Conversation", map[string]any{"id": nobody}, &data)
	if f, ok := asFailure(err); ok && f.Reason == ticket.ReasonConversationNotFound && f.Trouble == ticket.TroubleHiccup {
		return nil
	}
	return err
}
