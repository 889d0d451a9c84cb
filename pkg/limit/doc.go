// Package limit is the budget of a Zendesk account: how many calls may still be made, by whom, and when again.
//
// # What is ours
//
// An account counts the calls of everybody — its people's apps, other integrations, all our processes — in windows of a
// minute. Each answer says how many are left:
// https://developer.zendesk.com/api-reference/introduction/rate-limits/
//
// The reserve is a share of the account's limit that nobody of ours uses, whatever other integrations take on top: no
// call is given leave that would leave fewer calls than the reserve. So what is ours in a window is
//
//	limit − reserve − what others took
//
// It cannot be seen beforehand what others take while a call of ours is under way. A margin is kept for that: as much as
// was seen lately, 2 % of ours at most.
//
// # How it is shared
//
// With Redis all processes keep one tally of an account, in one hash: what the account said last, when its window ends,
// and what each process has under way. One script, on the server's time, takes in what was heard and gives leave.
//
// Without Redis, and for as long as it does not answer, each process keeps its own tally and knows only how many others
// there are. It uses the part of what is left that is safe whatever the others do at the same moment.
//
// # Who goes first
//
// Backlog is spread over the window, so that at any time there is enough for live work; in the last seconds it gets
// what is left over. Live work is not spread. A small part is for urgent work alone.
package limit
