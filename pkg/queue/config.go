package queue

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	configBucket   = "config"
	configKey      = "current"
	configHistory  = 16
	maxConfig      = 16 << 20 // unpacked, in bytes
	configOverhead = 8 << 10  // of a message, beside its content
)

// The content is packed by gzip, which also keeps the file's name, so that any NATS tool shows it:
// nats kv get config current --raw | gunzip.
func configConfig(replicas int) jetstream.KeyValueConfig {
	return jetstream.KeyValueConfig{
		Bucket: configBucket, Description: "the configuration that is applied to all processes", History: configHistory,
		Storage: jetstream.FileStorage, Replicas: replicas,
	}
}

// AppliedConfig is a configuration that is meant for all processes. It holds references to secrets and no secrets.
type AppliedConfig struct {
	Revision uint64 // grows with each change; 0: none was ever applied
	Name     string // of the file
	At       time.Time
	Content  []byte // nil: none is applied
}

// ErrConfigMoved says that another configuration was applied, or taken back, meanwhile.
var ErrConfigMoved = errors.New("another configuration was applied meanwhile; look at it with passerelle sites list, then try again")

// AppliedConfigs gives the configuration that is applied and its predecessors, newest first, back to when none was
// applied. It gives none when none is.
func (q *Queue) AppliedConfigs(ctx context.Context) ([]AppliedConfig, error) {
	limited, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	history, err := q.config.History(limited, configKey)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return nil, nil
	}
	if err = errors.Join(err, limited.Err()); err != nil { // what is read when the time is over is a part of it
		return nil, fmt.Errorf("read the applied configuration: %w", err)
	}
	var all []AppliedConfig
	for _, entry := range slices.Backward(history) {
		if entry.Operation() != jetstream.KeyValuePut {
			break
		}
		config, err := unpack(entry)
		if err != nil && len(all) == 0 {
			return nil, err
		}
		if err == nil {
			all = append(all, config)
		}
	}
	return all, nil
}

// ApplyConfig puts a content of 16 MiB at most in force for all processes, in the place of old; the zero AppliedConfig
// is none. Of two that replace the same one, the second gets ErrConfigMoved.
func (q *Queue) ApplyConfig(ctx context.Context, old AppliedConfig, name string, content []byte) (AppliedConfig, error) {
	packed, err := pack(name, content)
	if err != nil {
		return AppliedConfig{}, err
	}
	if most := q.nc.MaxPayload() - configOverhead; int64(len(packed)) > most {
		return AppliedConfig{}, fmt.Errorf("store the configuration: it is %d bytes long when packed, and the NATS server takes %d; raise its max_payload", len(packed), most)
	}
	revision, err := replace(ctx, q.config, configKey, packed, old.Revision)
	switch {
	case errors.Is(err, errChanged):
		return AppliedConfig{}, ErrConfigMoved
	case err != nil:
		return AppliedConfig{}, fmt.Errorf("store the configuration: %w", err)
	}
	return AppliedConfig{Revision: revision, Name: name, At: time.Now(), Content: content}, nil
}

// ClearConfig takes an applied configuration back, so that each process uses its file again.
func (q *Queue) ClearConfig(ctx context.Context, old AppliedConfig) error {
	err := q.config.Delete(ctx, configKey, jetstream.LastRevision(old.Revision))
	switch {
	case overtaken(err):
		return ErrConfigMoved
	case err != nil:
		return fmt.Errorf("take the configuration back: %w", err)
	}
	return nil
}

// FollowConfig tells of the configuration that is applied, at the start and whenever it changes, until ctx ends: one
// without content says that none is. It outlives lost connections. told must not block for long.
func (q *Queue) FollowConfig(ctx context.Context, told func(AppliedConfig, error)) {
	f := &follower{told: told}
	keepWatching(ctx, q.nc, bucketWatch{
		open: func(ctx context.Context) (jetstream.KeyWatcher, error) { return q.config.Watch(ctx, configKey) },
		look: func(ctx context.Context) error {
			// What is not found is left to the watch: a replica that lags behind may not have it yet.
			if entry, err := q.config.Get(ctx, configKey); err == nil {
				f.tell(entry)
			}
			return nil
		},
		see: f.see,
	})
}

// follower passes each revision on once.
type follower struct {
	told  func(AppliedConfig, error)
	seen  uint64
	begun bool
}

func (f *follower) see(entry jetstream.KeyValueEntry) {
	switch {
	case entry != nil:
		f.tell(entry)
	case !f.begun: // all there is was told: there is none
		f.begun = true
		f.told(AppliedConfig{}, nil)
	}
}

func (f *follower) tell(entry jetstream.KeyValueEntry) {
	if f.begun && entry.Revision() <= f.seen {
		return
	}
	f.begun, f.seen = true, entry.Revision()
	if entry.Operation() != jetstream.KeyValuePut {
		f.told(AppliedConfig{Revision: entry.Revision(), At: entry.Created()}, nil)
		return
	}
	f.told(unpack(entry))
}

func pack(name string, content []byte) ([]byte, error) {
	if len(content) > maxConfig {
		return nil, fmt.Errorf("store the configuration: it has %d bytes, more than %d", len(content), maxConfig)
	}
	var packed bytes.Buffer
	w, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return nil, fmt.Errorf("pack the configuration: %w", err)
	}
	w.Name = name
	if _, err = w.Write(content); err == nil {
		err = w.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("pack the configuration: %w", err)
	}
	return packed.Bytes(), nil
}

// unpack reads what pack wrote. Its error comes with the revision.
func unpack(entry jetstream.KeyValueEntry) (AppliedConfig, error) {
	config := AppliedConfig{Revision: entry.Revision(), At: entry.Created()}
	r, err := gzip.NewReader(bytes.NewReader(entry.Value()))
	if err == nil {
		config.Name = r.Name
		config.Content, err = io.ReadAll(io.LimitReader(r, maxConfig+1))
	}
	if err == nil && len(config.Content) > maxConfig {
		err = fmt.Errorf("more than %d bytes", maxConfig)
	}
	if err != nil {
		config.Content = nil
		return config, fmt.Errorf("unpack the applied configuration of revision %d: %w", config.Revision, err)
	}
	return config, nil
}
