package queue

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
)

// Difference is a setting on the server that is not as the product makes it.
type Difference struct {
	Where   string `json:"where"`          // "stream EVENTS", "bucket ledger", "consumer workers"
	Setting string `json:"setting"`        // as NATS' own tools call it
	Have    string `json:"have"`           // on the server
	Want    string `json:"want"`           // as the product makes it
	Risk    string `json:"risk,omitempty"` // what it would break; empty when it is the operator's to choose
}

// String gives it in one line.
func (d Difference) String() string {
	text := fmt.Sprintf("%s: %s is %s, and %s as it is made", d.Where, d.Setting, d.Have, d.Want)
	if d.Risk != "" {
		text += ": " + d.Risk
	}
	return text
}

// ErrDrift says that somebody changed a setting on the server which a guarantee rests upon.
var ErrDrift = errors.New("streams were changed so that a guarantee is broken")

// wantedStreams gives every stream as it should be, those of the buckets included.
func wantedStreams(replicas int) []jetstream.StreamConfig {
	all := []jetstream.StreamConfig{eventsConfig(replicas), holdConfig(replicas), deadConfig(replicas), sweepConfig(replicas)}
	for _, bucket := range []jetstream.KeyValueConfig{ledgerConfig(replicas), tokensConfig(replicas), chainsConfig(replicas), configConfig(replicas), erasuresConfig(replicas), positionsConfig(replicas), batchesConfig(replicas), lanesConfig(replicas)} {
		all = append(all, bucketStream(bucket))
	}
	return all
}

const bucketPrefix = "KV_" // of the name of the stream that a bucket is

// bucketSubject gives the subject of a bucket's keys. https://docs.nats.io/nats-concepts/jetstream/key-value-store
func bucketSubject(bucket, keys string) string { return "$KV." + bucket + "." + keys }

// bucketStream gives the stream that a bucket is.
func bucketStream(b jetstream.KeyValueConfig) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: bucketPrefix + b.Bucket, Subjects: []string{bucketSubject(b.Bucket, ">")}, Storage: b.Storage, Replicas: b.Replicas,
		Discard: jetstream.DiscardNew, MaxMsgsPerSubject: int64(b.History), MaxAge: b.TTL, DenyDelete: true, AllowMsgTTL: b.LimitMarkerTTL > 0,
		AllowDirect: true,
	}
}

// wantedConsumers gives the consumers with their streams.
func (q *Queue) wantedConsumers() []struct {
	stream jetstream.Stream
	config jetstream.ConsumerConfig
} {
	return []struct {
		stream jetstream.Stream
		config jetstream.ConsumerConfig
	}{{q.events, workersConfig()}, {q.hold, runnersConfig()}, {q.sweep, sweepersConfig()}}
}

// Differences compares the streams, buckets and consumers on the server with what the product makes. A consumer that is
// missing is made.
func (q *Queue) Differences(ctx context.Context) ([]Difference, error) {
	all := []Difference{}
	for _, want := range wantedStreams(q.replicas) {
		_, differ, err := q.streamDiffers(ctx, want)
		if err != nil {
			return nil, err
		}
		for _, s := range differ {
			all = append(all, s.Difference)
		}
	}
	for _, c := range q.wantedConsumers() {
		_, differ, err := consumerDiffers(ctx, c.stream, c.config)
		if err != nil {
			return nil, err
		}
		for _, s := range differ {
			all = append(all, s.Difference)
		}
	}
	return all, nil
}

// Apply puts every difference right. Its error names what cannot be changed in place; the rest is put right then too.
func (q *Queue) Apply(ctx context.Context) error {
	var failed []error
	for _, want := range wantedStreams(q.replicas) {
		config, differ, err := q.streamDiffers(ctx, want)
		if err != nil {
			return err
		}
		// One by one, so that what cannot be changed does not keep the rest from it.
		for _, s := range differ {
			before := config
			s.put(&config, &want)
			if _, err := q.js.UpdateStream(ctx, config); err != nil {
				config = before
				failed = append(failed, unchangeable(s.Difference, want.Name, err))
			}
		}
	}
	for _, c := range q.wantedConsumers() {
		config, differ, err := consumerDiffers(ctx, c.stream, c.config)
		if err != nil {
			return err
		}
		for _, s := range differ {
			before := config
			s.put(&config, &c.config)
			if _, err := c.stream.UpdateConsumer(ctx, config); err != nil {
				config = before
				failed = append(failed, fmt.Errorf("%s: %s cannot be changed in place: %w; delete the consumer while nothing runs (nats consumer rm), and it is made anew", s.Where, s.Setting, err))
			}
		}
	}
	return errors.Join(failed...)
}

func unchangeable(d Difference, stream string, err error) error {
	return fmt.Errorf("%s: %s cannot be changed in place: %w; with everything stopped, back it up (nats stream backup %s DIR), delete it, let passerelle make it anew, and restore the messages",
		d.Where, d.Setting, err, stream)
}

// differing is a difference, with how to put it right.
type differing[C any] struct {
	Difference
	put func(into, from *C)
}

func (q *Queue) streamDiffers(ctx context.Context, want jetstream.StreamConfig) (have jetstream.StreamConfig, differ []differing[jetstream.StreamConfig], err error) {
	where := "stream " + want.Name
	if bucket, ok := strings.CutPrefix(want.Name, bucketPrefix); ok {
		where = "bucket " + bucket
	}
	stream, err := q.js.Stream(ctx, want.Name)
	if err != nil {
		return have, nil, fmt.Errorf("look at %s: %w", where, err)
	}
	have = stream.CachedInfo().Config
	return have, compare(where, streamSettings, &have, &want), nil
}

func consumerDiffers(ctx context.Context, stream jetstream.Stream, want jetstream.ConsumerConfig) (have jetstream.ConsumerConfig, differ []differing[jetstream.ConsumerConfig], err error) {
	consumer, err := stream.Consumer(ctx, want.Durable)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		consumer, err = stream.CreateOrUpdateConsumer(ctx, want)
	}
	if err != nil {
		return have, nil, fmt.Errorf("look at consumer %s: %w", want.Durable, err)
	}
	have = consumer.CachedInfo().Config
	return have, compare("consumer "+want.Durable, consumerSettings, &have, &want), nil
}

// settle compares at the start, and acts on what it finds as the options say.
func (q *Queue) settle(ctx context.Context, o Options) error {
	var applied error
	if o.Apply {
		applied = q.Apply(ctx)
	}
	all, err := q.Differences(ctx)
	if err != nil {
		return err
	}
	var broken []string
	for _, d := range all {
		if d.Risk != "" && !o.Lenient {
			broken = append(broken, d.String())
			continue
		}
		if o.OnDifference != nil {
			o.OnDifference(d)
		}
	}
	if len(broken) > 0 {
		return errors.Join(fmt.Errorf("%w:\n  %s\nserve --apply or streams check --apply puts it right", ErrDrift, strings.Join(broken, "\n  ")), applied)
	}
	return applied
}
