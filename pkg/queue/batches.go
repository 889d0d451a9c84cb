package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	batchesBucket = "batches"
	batchLife     = 7 * 24 * time.Hour // far longer than an event may wait
)

func batchesConfig(replicas int) jetstream.KeyValueConfig {
	return jetstream.KeyValueConfig{
		Bucket: batchesBucket, Description: "bulk jobs at Zendesk that are not settled yet", TTL: batchLife, History: 1,
		Storage: jetstream.FileStorage, Replicas: replicas,
	}
}

// Batch is a bulk job at Zendesk whose tickets are not all settled. It is written before the job is asked for, so that
// whoever takes over from a worker that died knows what may have been made. It holds no personal data.
type Batch struct {
	ID      string    `json:"id"`
	Account string    `json:"account"`
	Job     string    `json:"job,omitempty"` // Zendesk's id of it; empty: the answer that names it has not come, and may never
	SentAt  time.Time `json:"sent_at"`
	Import  bool      `json:"import,omitempty"` // by the import endpoints
	Keys    []string  `json:"keys"`             // of the held events, in the order in which their tickets were sent

	revision uint64
}

func batchKey(account, id string) string { return accountToken(account) + "." + id }

// OpenBatch notes a batch that is about to be sent. Its ID must not have been used before.
func (q *Queue) OpenBatch(ctx context.Context, b Batch) (Batch, error) {
	return q.writeBatch(ctx, b)
}

// NoteJob notes what Zendesk calls the batch's job.
func (q *Queue) NoteJob(ctx context.Context, b Batch, job string) (Batch, error) {
	b.Job = job
	return q.writeBatch(ctx, b)
}

func (q *Queue) writeBatch(ctx context.Context, b Batch) (Batch, error) {
	body, err := json.Marshal(b)
	if err != nil {
		return b, fmt.Errorf("note bulk job: %w", err)
	}
	b.revision, err = replace(ctx, q.batches, batchKey(b.Account, b.ID), body, b.revision)
	if err != nil {
		return b, fmt.Errorf("note bulk job: %w", err)
	}
	return b, nil
}

// CloseBatch forgets a batch. Its events are each on their own from then on.
func (q *Queue) CloseBatch(ctx context.Context, b Batch) error {
	if err := q.batches.Delete(ctx, batchKey(b.Account, b.ID)); err != nil {
		return fmt.Errorf("forget bulk job: %w", err)
	}
	return nil
}

// BatchOpen tells whether a batch is still to be settled.
func (q *Queue) BatchOpen(ctx context.Context, account, id string) (bool, error) {
	_, err := q.batches.Get(ctx, batchKey(account, id))
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look for bulk job: %w", err)
	}
	return true, nil
}

// HeldAt gives the held event of an account with that key, among those that are no escalations; nil when it is not there.
func (q *Queue) HeldAt(ctx context.Context, account, key string) (*Held, error) {
	msg, err := q.hold.GetMsg(ctx, 1, jetstream.WithGetMsgSubject(holdSubject(false, account, key)))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, nil //nolint:nilnil // as NextHeld at the end
	}
	if err != nil {
		return nil, fmt.Errorf("read held event: %w", err)
	}
	return heldOf(msg)
}
