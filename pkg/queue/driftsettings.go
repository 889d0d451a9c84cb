package queue

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// setting is one setting of a stream or consumer that is compared. What is not among them is the operator's alone:
// placement, compression, metadata.
type setting[C any] struct {
	name string
	show func(*C) string
	put  func(into, from *C)
	same func(have, want *C) bool
	risk func(have, want *C) string // of a difference; empty when none
}

func compare[C any](where string, settings []setting[C], have, want *C) []differing[C] {
	var all []differing[C]
	for _, s := range settings {
		if s.same(have, want) {
			continue
		}
		d := Difference{Where: where, Setting: s.name, Have: s.show(have), Want: s.show(want)}
		if s.risk != nil {
			d.Risk = s.risk(have, want)
		}
		all = append(all, differing[C]{d, s.put})
	}
	return all
}

// of makes a setting of a field.
func of[C, T any](name string, field func(*C) *T, risk func(have, want *C) string) setting[C] {
	return setting[C]{
		name: name, risk: risk,
		show: func(c *C) string { return shown(*field(c)) },
		put:  func(into, from *C) { *field(into) = *field(from) },
		same: func(have, want *C) bool { return shown(*field(have)) == shown(*field(want)) },
	}
}

// shown prints a value; all that means "none" is printed alike.
func shown(v any) string {
	value := reflect.ValueOf(v)
	switch {
	case value.Kind() == reflect.Pointer && value.IsNil(), value.Kind() == reflect.Slice && value.Len() == 0:
		return "none"
	case value.Kind() == reflect.Pointer:
		return "set"
	}
	switch x := v.(type) {
	case []string:
		return strings.Join(slices.Sorted(slices.Values(x)), ", ")
	case time.Duration:
		if x <= 0 {
			return "none"
		}
		return x.String()
	case limit:
		if x <= 0 {
			return "unlimited"
		}
		return fmt.Sprint(int64(x))
	case string:
		if x == "" {
			return "none"
		}
	}
	return strings.ToLower(fmt.Sprint(v))
}

// limit is a number of which 0 and -1 mean that there is none.
type limit int64

func numbered[C any, N ~int | ~int32 | ~int64](name string, field func(*C) *N, risk func(have, want *C) string) setting[C] {
	s := of(name, field, risk)
	s.show = func(c *C) string { return shown(limit(*field(c))) }
	s.same = func(have, want *C) bool { return s.show(have) == s.show(want) }
	return s
}

func always[C any](risk string) func(have, want *C) string {
	return func(*C, *C) string { return risk }
}

type streamConfig = jetstream.StreamConfig

const (
	riskDropped = "when it is full the oldest is dropped without a trace"
	riskTwice   = "an event that waits could be taken in twice, or one could push out another"
	shortWindow = time.Minute // iAdvize sends again after 10 s and 20 s
	shortLedger = 7 * 24 * time.Hour
)

// dropsOldest is a risk of a stream that is full.
func dropsOldest(have, _ *streamConfig) string {
	if have.Discard == jetstream.DiscardOld {
		return riskDropped
	}
	return ""
}

func isBucket(c *streamConfig) bool { return strings.HasPrefix(c.Name, bucketPrefix) }

var streamSettings = []setting[streamConfig]{
	of("subjects", func(c *streamConfig) *[]string { return &c.Subjects }, func(have, want *streamConfig) string {
		for _, subject := range want.Subjects {
			if !slices.Contains(have.Subjects, subject) {
				return "what is sent to " + subject + " would be refused"
			}
		}
		return ""
	}),
	of("retention", func(c *streamConfig) *jetstream.RetentionPolicy { return &c.Retention }, always[streamConfig]("what is done would stay, or what waits would go")),
	of("storage", func(c *streamConfig) *jetstream.StorageType { return &c.Storage }, always[streamConfig]("what iAdvize was told is stored is lost when the server restarts")),
	of("persist_mode", func(c *streamConfig) *jetstream.PersistModeType { return &c.PersistMode }, always[streamConfig]("an event is acknowledged before it is on the disk")),
	of("discard", func(c *streamConfig) *jetstream.DiscardPolicy { return &c.Discard }, func(have, want *streamConfig) string {
		if want.Discard == jetstream.DiscardNew && (want.MaxBytes > 0 || have.MaxBytes > 0 || have.MaxMsgs > 0) {
			return dropsOldest(have, want)
		}
		return ""
	}),
	of("discard_new_per_subject", func(c *streamConfig) *bool { return &c.DiscardNewPerSubject }, always[streamConfig](riskTwice)),
	numbered("max_msgs_per_subject", func(c *streamConfig) *int64 { return &c.MaxMsgsPerSubject }, func(_, want *streamConfig) string {
		if isBucket(want) {
			return ""
		}
		return riskTwice
	}),
	numbered("max_msgs", func(c *streamConfig) *int64 { return &c.MaxMsgs }, dropsOldest),
	numbered("max_bytes", func(c *streamConfig) *int64 { return &c.MaxBytes }, dropsOldest),
	numbered("max_msg_size", func(c *streamConfig) *int32 { return &c.MaxMsgSize }, nil),
	numbered("max_consumers", func(c *streamConfig) *int { return &c.MaxConsumers }, nil),
	of("max_age", func(c *streamConfig) *time.Duration { return &c.MaxAge }, func(have, want *streamConfig) string {
		switch {
		case want.MaxAge == 0:
			return "what waits longer is dropped without a trace"
		case want.Name == bucketPrefix+ledgerBucket && have.MaxAge > 0 && have.MaxAge < shortLedger:
			return "a conversation that comes again is not known any more, and could get a second ticket"
		}
		return ""
	}),
	{
		name: "duplicate_window",
		show: func(c *streamConfig) string { return shown(c.Duplicates) },
		put:  func(into, from *streamConfig) { into.Duplicates = from.Duplicates },
		same: func(have, want *streamConfig) bool { return want.Duplicates == 0 || have.Duplicates == want.Duplicates },
		risk: func(have, _ *streamConfig) string {
			if have.Duplicates < shortWindow {
				return "a webhook that iAdvize sends again could be taken in twice"
			}
			return ""
		},
	},
	of("num_replicas", func(c *streamConfig) *int { return &c.Replicas }, nil),
	of("no_ack", func(c *streamConfig) *bool { return &c.NoAck }, always[streamConfig]("nobody knows whether an event was stored")),
	of("sealed", func(c *streamConfig) *bool { return &c.Sealed }, always[streamConfig]("nothing can be stored or taken away")),
	of("deny_delete", func(c *streamConfig) *bool { return &c.DenyDelete }, func(have, _ *streamConfig) string {
		if have.DenyDelete {
			return "what is dealt with cannot be taken away, and would be done again"
		}
		return ""
	}),
	of("deny_purge", func(c *streamConfig) *bool { return &c.DenyPurge }, func(have, _ *streamConfig) string {
		if have.DenyPurge {
			return "what is dealt with cannot be taken away, and would be done again"
		}
		return ""
	}),
	of("allow_msg_schedules", func(c *streamConfig) *bool { return &c.AllowMsgSchedules }, func(have, want *streamConfig) string {
		if want.AllowMsgSchedules && !have.AllowMsgSchedules {
			return "what is held would never be tried again"
		}
		return ""
	}),
	of("allow_msg_ttl", func(c *streamConfig) *bool { return &c.AllowMsgTTL }, func(have, want *streamConfig) string {
		if want.AllowMsgTTL && !have.AllowMsgTTL {
			return "the lease of a process that died would never end"
		}
		return ""
	}),
	of("mirror", func(c *streamConfig) **jetstream.StreamSource { return &c.Mirror }, always[streamConfig]("a mirror takes nothing in")),
	of("sources", func(c *streamConfig) *[]*jetstream.StreamSource { return &c.Sources }, nil),
	of("subject_transform", func(c *streamConfig) **jetstream.SubjectTransformConfig { return &c.SubjectTransform }, always[streamConfig]("events are stored where nobody looks for them")),
}

type consumerConfig = jetstream.ConsumerConfig

var consumerSettings = []setting[consumerConfig]{
	of("ack_policy", func(c *consumerConfig) *jetstream.AckPolicy { return &c.AckPolicy }, always[consumerConfig]("an event would be gone before its ticket is made")),
	of("deliver_policy", func(c *consumerConfig) *jetstream.DeliverPolicy { return &c.DeliverPolicy }, always[consumerConfig]("some events would never be handed out")),
	of("filter_subject", func(c *consumerConfig) *string { return &c.FilterSubject }, always[consumerConfig]("some events would never be handed out")),
	of("filter_subjects", func(c *consumerConfig) *[]string { return &c.FilterSubjects }, always[consumerConfig]("some events would never be handed out")),
	numbered("max_deliver", func(c *consumerConfig) *int { return &c.MaxDeliver }, always[consumerConfig]("an event that was tried so often would lie there and never be handed out again")),
	of("ack_wait", func(c *consumerConfig) *time.Duration { return &c.AckWait }, func(have, _ *consumerConfig) string {
		if have.AckWait < 2*WorkingEvery {
			return "an event in work would be handed to a second worker"
		}
		return ""
	}),
	numbered("max_ack_pending", func(c *consumerConfig) *int { return &c.MaxAckPending }, nil),
	of("backoff", func(c *consumerConfig) *[]time.Duration { return &c.BackOff }, nil),
	of("headers_only", func(c *consumerConfig) *bool { return &c.HeadersOnly }, always[consumerConfig]("events would come without their content, and become dead letters")),
	of("inactive_threshold", func(c *consumerConfig) *time.Duration { return &c.InactiveThreshold }, nil),
	of("replay_policy", func(c *consumerConfig) *jetstream.ReplayPolicy { return &c.ReplayPolicy }, nil),
	of("mem_storage", func(c *consumerConfig) *bool { return &c.MemoryStorage }, nil),
}
