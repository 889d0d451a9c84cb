package queue

import (
	"context"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Compared gives the names of the streams that are compared at the start.
func Compared() []string {
	var names []string
	for _, s := range wantedStreams(1) {
		names = append(names, s.Name)
	}
	slices.Sort(names)
	return names
}

// Connected tells whether the client has a connection, as far as it has noticed.
func (q *Queue) Connected() bool { return q.nc.IsConnected() }

// Alarm tells when an account's alarm rings.
func (q *Queue) Alarm(ctx context.Context, account string) (time.Time, error) {
	at, _, err := q.alarm(ctx, account)
	return at, err
}

// EndAlarm takes an account's alarm away, as if it had rung and been seen to.
func (q *Queue) EndAlarm(ctx context.Context, account string) error {
	return q.hold.Purge(ctx, jetstream.WithPurgeSubject(wakeSubject(account)))
}

// LateAfter sets by how much an alarm may ring late, instead of LateAlarm.
func (q *Queue) LateAfter(d time.Duration) { q.lateAlarm = d }

// Sent tells how many messages the client has sent.
func (q *Queue) Sent() uint64 { return q.nc.Stats().OutMsgs }
