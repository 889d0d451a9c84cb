package queue

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// sinceKey has a dot, which no job has.
const (
	sinceKey   = "ledger.since"
	sinceRenew = 24 * time.Hour // far below the life of a ledger entry
)

// LedgerSince tells since when the ledger has been kept. What was sent to Zendesk for an event that came later is in
// it, unless the ledger was wiped: then it begins anew, and the time is now. Entries older than the ledger's life
// of 30 days are forgotten whatever this says.
func (q *Queue) LedgerSince(ctx context.Context) (time.Time, error) {
	entry, err := q.ledger.Get(ctx, sinceKey)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return q.ledgerBegins(ctx)
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("read since when the ledger is kept: %w", err)
	}
	since, err := time.Parse(time.RFC3339Nano, string(entry.Value()))
	if err != nil {
		return time.Time{}, fmt.Errorf("read since when the ledger is kept: %w; delete the key %s from the bucket %s", err, sinceKey, ledgerBucket)
	}
	if time.Since(entry.Created()) > sinceRenew {
		_, _ = q.ledger.Update(ctx, sinceKey, entry.Value(), entry.Revision()) // or the next who asks
	}
	return since, nil
}

func (q *Queue) ledgerBegins(ctx context.Context) (time.Time, error) {
	now := time.Now()
	_, err := q.ledger.Create(ctx, sinceKey, []byte(now.Format(time.RFC3339Nano)))
	if err != nil && !overtaken(err) {
		return time.Time{}, fmt.Errorf("note since when the ledger is kept: %w", err)
	}
	return now, nil
}
