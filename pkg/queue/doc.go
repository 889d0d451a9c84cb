// Package queue keeps the work on NATS JetStream: the events that came in, those that wait for their account, the
// dead letters, and the ledger of what became of each conversation. Only this package knows nats.go.
package queue
