// Package check finds out whether a site would work before its first conversation: it reads the configuration, asks
// the Zendesk and iAdvize accounts, and says what is wrong, what that would do to a ticket, and what to change. It
// also makes the ticket fields that a site wants. It changes nothing else.
package check
