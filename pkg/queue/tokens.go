package queue

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"passerelle/pkg/ticket"
)

const (
	tokensBucket = "tokens"
	tokenLife    = 30 * 24 * time.Hour // bounds what is kept; the token says itself when it ends
)

func tokensConfig(replicas int) jetstream.KeyValueConfig {
	return jetstream.KeyValueConfig{
		Bucket: tokensBucket, Description: "sealed access tokens, and who renews them", TTL: tokenLife, History: 1,
		LimitMarkerTTL: time.Second, Storage: jetstream.FileStorage, Replicas: replicas,
	}
}

func tokenKey(kind, name string) string { return kind + "." + string(ticket.JobOf(name)) }

// LoadToken gives a sealed token, nil when there is none.
func (q *Queue) LoadToken(ctx context.Context, name string) ([]byte, error) {
	entry, err := q.tokens.Get(ctx, tokenKey("token", name))
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read token: %w", err)
	}
	return entry.Value(), nil
}

// SaveToken keeps a sealed token for all processes.
func (q *Queue) SaveToken(ctx context.Context, name string, sealed []byte) error {
	if _, err := q.tokens.Put(ctx, tokenKey("token", name), sealed); err != nil {
		return fmt.Errorf("store token: %w", err)
	}
	return nil
}

// leaseSlack is how much later than its end a lease is taken from who has it: the servers' clocks may differ by as much.
const leaseSlack = 5 * time.Second

// LeaseToken gives the right to renew a token to one process at a time. A process that dies loses it after life, in
// whole seconds.
func (q *Queue) LeaseToken(ctx context.Context, name string, life time.Duration) (release func(), ok bool, err error) {
	key := tokenKey("lease", name)
	revision, err := q.tokens.Create(ctx, key, nil, jetstream.KeyTTL(life))
	if overtaken(err) {
		if err := q.dropLease(ctx, key, life+leaseSlack); err != nil {
			return nil, false, err
		}
		revision, err = q.tokens.Create(ctx, key, nil, jetstream.KeyTTL(life))
	}
	if overtaken(err) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("lease token: %w", err)
	}
	return func() {
		// What cannot be deleted ends by itself.
		_ = q.tokens.Delete(context.WithoutCancel(ctx), key, jetstream.LastRevision(revision))
	}, true, nil
}

// dropLease takes away a lease that is older than that. The server forgets to end some when it is killed, and their
// jobs would wait for ever.
func (q *Queue) dropLease(ctx context.Context, key string, life time.Duration) error {
	entry, err := q.tokens.Get(ctx, key)
	switch {
	case errors.Is(err, jetstream.ErrKeyNotFound):
		return nil
	case err != nil:
		return fmt.Errorf("lease token: %w", err)
	}
	status, err := q.tokens.Status(ctx)
	if err != nil {
		return fmt.Errorf("lease token: %w", err)
	}
	// Both times are the server's: this process's clock may be ahead of it.
	if bucket, ok := status.(*jetstream.KeyValueBucketStatus); !ok || bucket.StreamInfo().TimeStamp.Sub(entry.Created()) < life {
		return nil
	}
	err = q.tokens.Delete(ctx, key, jetstream.LastRevision(entry.Revision()))
	if err != nil && !overtaken(err) {
		return fmt.Errorf("lease token: %w", err)
	}
	return nil
}

// The newest refresh token of a chain must outlive the refresh token itself, which Zendesk lets live 90 days at most.
const (
	chainsBucket = "chains"
	chainLife    = 100 * 24 * time.Hour
)

func chainsConfig(replicas int) jetstream.KeyValueConfig {
	return jetstream.KeyValueConfig{
		Bucket: chainsBucket, Description: "sealed refresh tokens, each the newest of its chain", TTL: chainLife, History: 1,
		Storage: jetstream.FileStorage, Replicas: replicas,
	}
}

// LoadChain gives a sealed refresh token with its revision; nil and 0 when there is none.
func (q *Queue) LoadChain(ctx context.Context, name string) (sealed []byte, revision uint64, err error) {
	entry, err := q.chains.Get(ctx, tokenKey("chain", name))
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("read refresh token: %w", err)
	}
	return entry.Value(), entry.Revision(), nil
}

// SaveChain replaces the sealed refresh token of that revision, for all processes. ok is false, and nothing is stored,
// when there is another one by now.
func (q *Queue) SaveChain(ctx context.Context, name string, sealed []byte, revision uint64) (stored uint64, ok bool, err error) {
	stored, err = replace(ctx, q.chains, tokenKey("chain", name), sealed, revision)
	switch {
	case errors.Is(err, errChanged):
		return 0, false, nil
	case err != nil:
		return 0, false, fmt.Errorf("store refresh token: %w", err)
	}
	return stored, true, nil
}

var errChanged = errors.New("another process changed it meanwhile")

// replace writes a key that has that revision; 0 means that there is none.
func replace(ctx context.Context, kv jetstream.KeyValue, key string, value []byte, revision uint64) (stored uint64, err error) {
	if revision == 0 {
		stored, err = kv.Create(ctx, key, value)
	} else {
		stored, err = kv.Update(ctx, key, value, revision)
	}
	if overtaken(err) {
		return 0, errChanged
	}
	return stored, err
}

// overtaken tells whether a write was refused because another one came first. Streams with replicas have a code of
// their own for it, which the client knows.
func overtaken(err error) bool {
	return errors.Is(err, jetstream.ErrKeyExists) || errors.Is(err, jetstream.ErrKeyRevisionMismatch)
}
