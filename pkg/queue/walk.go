package queue

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go/jetstream"
)

// errStop ends a walk early.
var errStop = errors.New("stop")

// walk hands the messages of a subject to see, oldest first, one request each: its memory does not grow with their
// number, and nothing is consumed. What arrives meanwhile is not part of it.
func walk(ctx context.Context, stream jetstream.Stream, subject string, see func(*jetstream.RawStreamMsg) error) error {
	info, err := stream.Info(ctx)
	if err != nil {
		return err
	}
	last := info.State.LastSeq
	for seq := uint64(1); seq <= last; {
		msg, err := stream.GetMsg(ctx, seq, jetstream.WithGetMsgSubject(subject))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if msg.Sequence > last {
			return nil
		}
		seq = msg.Sequence + 1
		if err := see(msg); errors.Is(err, errStop) {
			return nil
		} else if err != nil {
			return err
		}
	}
	return nil
}
