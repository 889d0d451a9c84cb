package queue

import (
	"context"
	"slices"

	"github.com/nats-io/nats.go/jetstream"
)

// outgrown are the subjects that streams were made with by earlier versions. Such a stream was changed by nobody: it is
// brought up to date without being asked, and an operator's changes are still left alone.
var outgrown = map[string][]string{
	holdStream: {"hold.>", "run.*", "wake.*"},
}

// outgrow gives a stream that an earlier version made the subjects that came since.
func outgrow(ctx context.Context, js jetstream.JetStream, stream *jetstream.Stream) error {
	config := (*stream).CachedInfo().Config
	former, known := outgrown[config.Name]
	if !known || !slices.Equal(slices.Sorted(slices.Values(config.Subjects)), former) {
		return nil
	}
	config.Subjects = holdConfig(config.Replicas).Subjects
	updated, err := js.UpdateStream(ctx, config)
	if err != nil {
		return err
	}
	*stream = updated
	return nil
}
