// Package limit shares the calls that a Zendesk account allows.
package limit

// Rank says who gets the last calls of an account.
type Rank int

// The ranks, lowest first.
const (
	Backlog Rank = iota + 1 // what waited; it leaves a margin for the others
	Live                    // conversations that end now
	Urgent                  // escalated conversations
)
