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

// Batches gives the batches of an account that are still to be settled, in no order.
func (q *Queue) Batches(ctx context.Context, account string) ([]Batch, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	newest, known := q.newestBatch(ctx, account)
	if known && q.noBatches.is(account, newest) {
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
// With replicas nothing is remembered: the list may be that of a replica that lags behind the one that was asked before.
type settledBatches struct {
	mu   sync.Mutex
	last map[string]string // guarded by mu; as newestBatch gives it, by account
}

func (s *settledBatches) is(account, last string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	known, ok := s.last[account]
	return ok && known == last
}

func (s *settledBatches) put(account, last string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last == nil {
		s.last = map[string]string{}
	}
	s.last[account] = last
}

// newestTimeout is for an answer. Where none comes, perhaps because the user may not ask, there is time left to list.
const newestTimeout = 2 * time.Second

// newestBatch names what was written last of an account's batches, be it that one is settled; "" when there seems to be
// nothing. The sequence alone would not do, for a bucket may have been made anew, nor would the subject, for two may settle
// a batch. It gives false when that is not known: then what is listed counts. The client has no such call for all keys that
// begin alike: https://docs.nats.io/reference/reference-protocols/nats_api_reference
func (q *Queue) newestBatch(ctx context.Context, account string) (newest string, known bool) {
	if !q.batchesAlone {
		return "", false
	}
	ctx, cancel := context.WithTimeout(ctx, newestTimeout)
	defer cancel()
	body, err := json.Marshal(map[string]string{"last_by_subj": bucketSubject(batchesBucket, batchKey(account, "*"))})
	if err != nil {
		return "", false
	}
	answer, err := q.nc.RequestWithContext(ctx, "$JS.API.DIRECT.GET."+bucketPrefix+batchesBucket, body)
	if err != nil {
		return "", false
	}
	if answer.Header.Get("Status") == "404" { // no message
		return "", true
	}
	subject, sequence, at := answer.Header.Get(jetstream.SubjectHeader), answer.Header.Get(jetstream.SequenceHeader), answer.Header.Get(jetstream.TimeStampHeaer)
	return subject + " " + sequence + " " + at, subject != "" && sequence != ""
}

func (q *Queue) listBatches(ctx context.Context, account string) ([]Batch, error) {
	keys, err := q.batchKeys(ctx, account)
	if err != nil {
		return nil, fmt.Errorf("read bulk jobs: %w", err)
	}
	var all []Batch
	for _, key := range keys {
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
	return all, nil
}

// batchKeys gives the keys of an account's open batches. The client's own list ends without an error when it breaks off.
func (q *Queue) batchKeys(ctx context.Context, account string) (keys []string, err error) {
	list, err := q.batches.Watch(ctx, batchKey(account, "*"), jetstream.IgnoreDeletes(), jetstream.MetaOnly())
	if err != nil {
		return nil, err
	}
	defer func() { _ = list.Stop() }()
	for {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case entry, more := <-list.Updates():
			switch {
			case !more:
				return nil, errors.New("the list broke off")
			case entry == nil: // that was all
				return keys, nil
			}
			keys = append(keys, entry.Key())
		}
	}
}
