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

// LeaseToken gives the right to renew a token to one process at a time. A process that dies loses it after life, in
// whole seconds.
func (q *Queue) LeaseToken(ctx context.Context, name string, life time.Duration) (release func(), ok bool, err error) {
	key := tokenKey("lease", name)
	revision, err := q.tokens.Create(ctx, key, nil, jetstream.KeyTTL(life))
	if errors.Is(err, jetstream.ErrKeyExists) {
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
