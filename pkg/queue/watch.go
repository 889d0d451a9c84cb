package queue

import (
	"context"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	watchLook  = 30 * time.Second
	watchAgain = 250 * time.Millisecond
)

// bucketWatch is how entries of a bucket are followed. Its functions are not called concurrently.
type bucketWatch struct {
	open func(context.Context) (jetstream.KeyWatcher, error)
	look func(context.Context) error         // from time to time, in case the watch has gone silent; an error opens it anew
	see  func(entry jetstream.KeyValueEntry) // nil: all that there was has been seen
}

// keepWatching watches until ctx ends. It outlives lost connections; what was seen before is seen again then.
func keepWatching(ctx context.Context, nc *nats.Conn, w bucketWatch) {
	for ctx.Err() == nil {
		w.once(ctx, nc)
		select {
		case <-ctx.Done():
		case <-time.After(watchAgain):
		}
	}
}

// once watches until the watch ends, or the connection is there again: the watch would take ten seconds to notice that
// it lost something.
func (w bucketWatch) once(ctx context.Context, nc *nats.Conn) {
	again := nc.StatusChanged(nats.CONNECTED)
	defer nc.RemoveStatusListener(again)
	watch, err := w.open(ctx)
	if err != nil {
		return
	}
	defer func() { _ = watch.Stop() }()
	tick := time.NewTicker(watchLook)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-again:
			return
		case <-tick.C:
			if err := w.look(ctx); err != nil {
				return
			}
		case entry, open := <-watch.Updates():
			if !open {
				return
			}
			w.see(entry)
		}
	}
}
