package iadvize

import (
	"context"
	_ "embed"

	"passerelle/pkg/ticket"
)

//go:embed closingform.graphql
var closingFormQuery string

// ClosingForm gives a conversation's closing form alone, which is a small part of what Read reads. Its errors are those
// of Read.
func (c *Client) ClosingForm(ctx context.Context, id string) (ticket.ClosingForm, error) {
	node, err := c.node(ctx, closingFormQuery, "ClosingForm", id, "")
	return node.ClosingForm.closingForm(), err
}
