package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
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

// Batches gives the batches of an account that are still to be settled, in no order.
func (q *Queue) Batches(ctx context.Context, account string) ([]Batch, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	newest, err := q.newestBatch(ctx, account)
	known := err == nil // else what is listed counts
	if known && (newest == "" || q.noBatches.is(account, newest)) {
		return nil, nil
	}
	all, err := q.listBatches(ctx, account)
	if known && err == nil && len(all) == 0 {
		q.noBatches.put(account, newest)
	}
	return all, err
}

// settledBatches remembers by account what was written last of its batches when none of them was open. To list them takes a
// consumer, which costs nats-server as much as a few tickets, and an account in trouble is looked at every few seconds.
type settledBatches struct {
	mu   sync.Mutex
	last map[string]string // guarded by mu; as newestBatch gives it, by account
}

func (s *settledBatches) is(account, last string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last[account] == last
}

func (s *settledBatches) put(account, last string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last == nil {
		s.last = map[string]string{}
	}
	s.last[account] = last
}

// newestBatch names what was written last of an account's batches, be it that one is settled; "" when there is nothing. The
// sequence alone would not do, for a bucket may have been made anew, nor would the subject, for two may settle a batch. The
// client has no such call for all keys that begin alike:
// https://docs.nats.io/reference/reference-protocols/nats_api_reference
func (q *Queue) newestBatch(ctx context.Context, account string) (string, error) {
	body, err := json.Marshal(map[string]string{"last_by_subj": "$KV." + batchesBucket + "." + batchKey(account, "*")})
	if err != nil {
		return "", err
	}
	answer, err := q.nc.RequestWithContext(ctx, "$JS.API.DIRECT.GET."+bucketPrefix+batchesBucket, body)
	if err != nil {
		return "", err
	}
	switch subject, sequence := answer.Header.Get(jetstream.SubjectHeader), answer.Header.Get(jetstream.SequenceHeader); {
	case answer.Header.Get("Status") == noMessage:
		return "", nil
	case subject == "" || sequence == "":
		return "", errors.New("the answer names no message")
	default:
		return subject + " " + sequence, nil
	}
}

const noMessage = "404" // the status of an answer

func (q *Queue) listBatches(ctx context.Context, account string) ([]Batch, error) {
	keys, err := q.batches.ListKeysFiltered(ctx, batchKey(account, "*"))
	if err != nil {
		return nil, fmt.Errorf("read bulk jobs: %w", err)
	}
	defer func() { _ = keys.Stop() }()
	var all []Batch
	for key := range keys.Keys() {
		entry, err := q.batches.Get(ctx, key)
		if errors.Is(err, jetstream.ErrKeyNotFound) {
			continue // settled meanwhile
		}
		if err != nil {
			return nil, fmt.Errorf("read bulk jobs: %w", err)
		}
		b := Batch{revision: entry.Revision()}
		if err := json.Unmarshal(entry.Value(), &b); err != nil {
			return nil, fmt.Errorf("read bulk job %s: %w; delete the key from the bucket %s", key, err, batchesBucket)
		}
		all = append(all, b)
	}
	return all, ctx.Err()
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
