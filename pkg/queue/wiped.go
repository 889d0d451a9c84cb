package queue

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// lasting is a bucket that somebody may delete while processes use it: it is made anew, empty, by whoever finds out.
// Otherwise every job would wait until each process is started again.
type lasting struct {
	jetstream.KeyValue

	js     jetstream.JetStream
	config jetstream.KeyValueConfig
}

// mended tells whether the bucket was gone, and is there again. Answers that never come are no proof: a cluster without a
// leader gives none either. Only the server's own word is.
func (l lasting) mended(ctx context.Context, err error) bool {
	if !errors.Is(err, nats.ErrNoResponders) && !errors.Is(err, jetstream.ErrNoStreamResponse) && !errors.Is(err, jetstream.ErrStreamNotFound) {
		return false
	}
	if _, err := l.js.KeyValue(ctx, l.config.Bucket); !errors.Is(err, jetstream.ErrBucketNotFound) {
		return err == nil // another process was quicker
	}
	_, err = ensureBucket(ctx, l.js, l.config)
	return err == nil
}

// Get reads a key.
func (l lasting) Get(ctx context.Context, key string) (jetstream.KeyValueEntry, error) {
	entry, err := l.KeyValue.Get(ctx, key)
	if l.mended(ctx, err) {
		return l.KeyValue.Get(ctx, key)
	}
	return entry, err
}

// Create writes a key that is not there.
func (l lasting) Create(ctx context.Context, key string, value []byte, o ...jetstream.KVCreateOpt) (uint64, error) {
	revision, err := l.KeyValue.Create(ctx, key, value, o...)
	if l.mended(ctx, err) {
		return l.KeyValue.Create(ctx, key, value, o...)
	}
	return revision, err
}

// Update writes a key that has that revision.
func (l lasting) Update(ctx context.Context, key string, value []byte, revision uint64) (uint64, error) {
	stored, err := l.KeyValue.Update(ctx, key, value, revision)
	if l.mended(ctx, err) {
		return l.KeyValue.Update(ctx, key, value, revision)
	}
	return stored, err
}

// Delete deletes a key.
func (l lasting) Delete(ctx context.Context, key string, o ...jetstream.KVDeleteOpt) error {
	err := l.KeyValue.Delete(ctx, key, o...)
	if l.mended(ctx, err) {
		return l.KeyValue.Delete(ctx, key, o...)
	}
	return err
}
