package iadvize

import (
	"context"
	_ "embed"
	"errors"

	"github.com/google/uuid"

	"passerelle/pkg/ticket"
)

//go:embed queries.graphql
var queries string

//go:embed closingform.graphql
var closingFormQuery string

const maxPages = 200 // of 100 messages; a longer conversation is read in part

// Read gives the conversation with all its messages. The error is a *ticket.Failure: TroubleHiccup with
// ReasonConversationNotFound while iAdvize does not know it, TroubleAccount when nothing can be read at all.
func (c *Client) Read(ctx context.Context, id string) (ticket.Conversation, error) {
	var out ticket.Conversation
	after, first := "", true
	for range maxPages {
		node, err := c.node(ctx, queries, "Conversation", id, after)
		if err != nil {
			return ticket.Conversation{}, err
		}
		if first {
			out, first = node.conversation(id), false
		}
		node.Messages.add(&out)
		next := node.Messages.PageInfo
		if !next.HasNextPage || next.EndCursor == "" || next.EndCursor == after {
			break
		}
		after = next.EndCursor
	}
	return out, nil
}

// node asks for a conversation by an operation of a document.
func (c *Client) node(ctx context.Context, document, operation, id, after string) (conversationNode, error) {
	variables := map[string]any{"id": id}
	if after != "" {
		variables["after"] = after
	}
	var data conversationData
	if err := c.query(ctx, document, operation, variables, &data); err != nil {
		if errors.Is(err, errQuery) && !isUUID(id) {
			err = noUUID()
		}
		return conversationNode{}, err
	}
	if data.Conversation == nil {
		return conversationNode{}, c.notFound()
	}
	return *data.Conversation, nil
}

func (c *Client) notFound() *ticket.Failure {
	return &ticket.Failure{
		Trouble: ticket.TroubleHiccup, Reason: ticket.ReasonConversationNotFound,
		Detail: ticket.Detail{Message: "iAdvize does not know the conversation"},
		Hint:   "check that the API user of the connection " + c.c.Name + " may read the project, then replay",
	}
}

// isUUID tells whether the id is one in the form in which iAdvize writes them. Its schema takes no other.
func isUUID(id string) bool { return len(id) == len(uuid.UUID{}.String()) && uuid.Validate(id) == nil }

// noUUID is the conversation's own failure: a refused query would otherwise look like trouble of the whole connection,
// and one webhook with such an id would keep all its conversations waiting.
func noUUID() *ticket.Failure {
	return &ticket.Failure{
		Trouble: ticket.TroubleJob, Reason: ticket.ReasonMalformed, Err: errQuery,
		Detail: ticket.Detail{Message: "iAdvize does not take the conversation's id, which is no UUID"},
		Hint:   "something else than iAdvize sent the webhook, signed with the connection's secret; discard it",
	}
}
