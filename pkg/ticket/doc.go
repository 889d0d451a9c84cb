// Package ticket is the domain: what a conversation is, what its ticket must look like, and what can become of it.
// It knows no server and imports nothing of the other packages.
package ticket
