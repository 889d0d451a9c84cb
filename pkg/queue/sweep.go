package queue

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// The sweep has one alarm clock for all processes: a scheduled message. The message that it emits is the right to
// sweep. Whoever gets it sweeps, sets the next alarm, and only then gives the right up.
const (
	sweepStream   = "SWEEP"
	sweepConsumer = "sweepers"
	sweepAlarm    = "sweep.alarm"
	sweepRun      = "sweep.run"
	sweptKey      = "swept"
)

func sweepConfig(replicas int) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: sweepStream, Description: "the sweep's alarm clock, and the right to sweep", Subjects: []string{sweepAlarm, sweepRun},
		Retention: jetstream.WorkQueuePolicy, Storage: jetstream.FileStorage, Replicas: replicas, AllowMsgSchedules: true, AllowMsgTTL: true,
	}
}

// One message in hand at a time: the server itself sees to it that one process sweeps.
func sweepersConfig() jetstream.ConsumerConfig {
	return jetstream.ConsumerConfig{
		Durable: sweepConsumer, AckPolicy: jetstream.AckExplicitPolicy, AckWait: ackWait, MaxAckPending: 1, MaxDeliver: -1,
		FilterSubject: sweepRun,
	}
}

// SweepAlarm is the state of the alarm clock. Its times are the server's.
type SweepAlarm struct {
	Set   bool      // it will ring, unless nats-server has lost it, which shows when it is overdue
	Rang  bool      // it rang, and somebody sweeps or is about to
	Swept time.Time // when a sweep ended last; zero: never
}

// SweepAlarm reads the alarm clock.
func (q *Queue) SweepAlarm(ctx context.Context) (SweepAlarm, error) {
	seen, err := seenUpTo(ctx, q.sweep, sweepConsumer)
	if err != nil {
		return SweepAlarm{}, err
	}
	info, err := q.sweep.Info(ctx, jetstream.WithSubjectFilter(">"))
	if err != nil {
		return SweepAlarm{}, fmt.Errorf("read the sweep's alarm clock: %w", err)
	}
	alarm := SweepAlarm{Set: info.State.Subjects[sweepAlarm] > 0}
	if info.State.Subjects[sweepRun] > 0 {
		if alarm.Rang, err = unseen(ctx, q.sweep, sweepRun, seen); err != nil {
			return SweepAlarm{}, err
		}
	}
	swept, err := q.positions.Get(ctx, sweptKey)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return alarm, nil
	}
	if err != nil {
		return SweepAlarm{}, fmt.Errorf("read when a sweep ended last: %w", err)
	}
	alarm.Swept = swept.Created()
	return alarm, nil
}

// RingSweep sets the alarm clock, in place of when it was set to before. It rings within a second of that time.
func (q *Queue) RingSweep(ctx context.Context, at time.Time) error {
	if _, err := q.js.Publish(ctx, sweepAlarm, nil, jetstream.WithScheduleAt(at), jetstream.WithScheduleTarget(sweepRun)); err != nil {
		return fmt.Errorf("set the sweep's alarm clock: %w", err)
	}
	return nil
}

// SweepRun is the right to sweep.
type SweepRun struct {
	At  time.Time // when the alarm rang, by the server's clock
	msg jetstream.Msg
}

// Done notes that a sweep ended and gives the right up; the next alarm must be set before.
func (r SweepRun) Done(ctx context.Context, q *Queue) error {
	if _, err := q.positions.Put(ctx, sweptKey, nil); err != nil {
		return fmt.Errorf("note that the sweep ended: %w", err)
	}
	return r.Drop(ctx)
}

// Drop gives the right up without a sweep, when another one has ended since the alarm rang.
func (r SweepRun) Drop(ctx context.Context) error {
	if err := r.msg.DoubleAck(ctx); err != nil {
		return fmt.Errorf("end the sweep: %w", err)
	}
	return nil
}

// Working says that the sweep goes on; it must be called every WorkingEvery.
func (r SweepRun) Working() error { return r.msg.InProgress() }

// GiveBack lets another process sweep, after the delay.
func (r SweepRun) GiveBack(after time.Duration) error {
	if after <= 0 {
		return r.msg.Nak()
	}
	return r.msg.NakWithDelay(after)
}

// SweepRuns waits for the right to sweep. Next must not be called concurrently.
type SweepRuns struct{ from *puller }

// SweepRuns opens it.
func (q *Queue) SweepRuns(ctx context.Context) (*SweepRuns, error) {
	from, err := q.pull(ctx, q.sweep, sweepersConfig())
	if err != nil {
		return nil, err
	}
	return &SweepRuns{from: from}, nil
}

// Next waits until it is this process's turn, or ctx ends.
func (r *SweepRuns) Next(ctx context.Context) (SweepRun, error) {
	msg, err := r.from.next(ctx, 1)
	if err != nil {
		return SweepRun{}, err
	}
	run := SweepRun{msg: msg}
	if meta, err := msg.Metadata(); err == nil {
		run.At = meta.Timestamp
	}
	return run, nil
}

// Close ends it.
func (r *SweepRuns) Close() { r.from.close() }
