package queue_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"passerelle/pkg/queue"
	"passerelle/pkg/queue/embed"
)

// told is what a follower was told, in order.
type told struct {
	config queue.AppliedConfig
	err    error
}

func followConfig(t *testing.T, q *queue.Queue) <-chan told {
	t.Helper()
	changes := make(chan told, 100)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		q.FollowConfig(ctx, func(c queue.AppliedConfig, err error) { changes <- told{c, err} })
	}()
	t.Cleanup(func() { cancel(); <-done })
	return changes
}

func apply(t *testing.T, q *queue.Queue, old queue.AppliedConfig, content string) queue.AppliedConfig {
	t.Helper()
	applied, err := q.ApplyConfig(t.Context(), old, "acme.yaml", []byte(content))
	if err != nil {
		t.Fatal(err)
	}
	return applied
}

func TestAnAppliedConfigurationReachesEveryProcess(t *testing.T) {
	q, server := open(t)
	other := connect(t, server)
	mine, theirs := followConfig(t, q), followConfig(t, other)
	for _, changes := range []<-chan told{mine, theirs} {
		if first := <-changes; first.err != nil || first.config.Content != nil || first.config.Revision != 0 {
			t.Errorf("first = %+v, want none", first)
		}
	}
	if all, err := q.AppliedConfigs(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("applied = %v, %v", all, err)
	}
	one := apply(t, q, queue.AppliedConfig{}, "one")
	two := apply(t, other, one, strings.Repeat("two", 1<<20)) // more than a message may be long, before it is packed
	for _, changes := range []<-chan told{mine, theirs} {
		for _, want := range []queue.AppliedConfig{one, two} {
			got := <-changes
			if got.err != nil || got.config.Revision != want.Revision || string(got.config.Content) != string(want.Content) || got.config.Name != "acme.yaml" {
				t.Errorf("told of %d %q, %v", got.config.Revision, got.config.Name, got.err)
			}
		}
	}
	all, err := other.AppliedConfigs(t.Context())
	if err != nil || len(all) != 2 || all[0].Revision != two.Revision || string(all[1].Content) != "one" {
		t.Errorf("applied = %d, %v", len(all), err)
	}
	// Who comes second replaces nothing.
	if _, err := q.ApplyConfig(t.Context(), one, "x", []byte("late")); !errors.Is(err, queue.ErrConfigMoved) {
		t.Errorf("error = %v", err)
	}
	if _, err := q.ApplyConfig(t.Context(), queue.AppliedConfig{}, "x", []byte("late")); !errors.Is(err, queue.ErrConfigMoved) {
		t.Errorf("error = %v", err)
	}
	if err := q.ClearConfig(t.Context(), one); !errors.Is(err, queue.ErrConfigMoved) {
		t.Errorf("error = %v", err)
	}
	if err := q.ClearConfig(t.Context(), two); err != nil {
		t.Fatal(err)
	}
	if got := <-theirs; got.err != nil || got.config.Content != nil {
		t.Errorf("told = %+v, want that it was taken back", got)
	}
	if all, err := q.AppliedConfigs(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("applied = %v, %v", all, err)
	}
	three := apply(t, q, queue.AppliedConfig{}, "three")
	if got := <-theirs; got.config.Revision != three.Revision || three.Revision <= two.Revision {
		t.Errorf("told = %+v", got)
	}
	late := followConfig(t, connect(t, server))
	if got := <-late; string(got.config.Content) != "three" {
		t.Errorf("a process that starts is told %+v", got)
	}
}

func TestOfManyThatApplyAtOnceOneDoes(t *testing.T) {
	q, _ := open(t)
	var wait sync.WaitGroup
	var won atomic.Int32
	for i := range 8 {
		wait.Go(func() {
			_, err := q.ApplyConfig(t.Context(), queue.AppliedConfig{}, "x", fmt.Appendf(nil, "content %d", i))
			switch {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, queue.ErrConfigMoved):
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if won.Load() != 1 {
		t.Errorf("%d won", won.Load())
	}
}

func TestAConfigurationThatCannotBeUnpacked(t *testing.T) {
	q, server := open(t)
	nc, err := nats.Connect("", nats.InProcessServer(server))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	kv, err := js.KeyValue(t.Context(), "config")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kv.Put(t.Context(), "current", []byte("not packed")); err != nil {
		t.Fatal(err)
	}
	if got := <-followConfig(t, q); got.err == nil || got.config.Revision == 0 || got.config.Content != nil {
		t.Errorf("told = %+v", got)
	}
	if _, err := q.AppliedConfigs(t.Context()); err == nil {
		t.Error("no error")
	}
	if _, err := q.ApplyConfig(t.Context(), queue.AppliedConfig{}, "x", make([]byte, 17<<20)); err == nil {
		t.Error("a configuration of 17 MiB was stored")
	}
}

func TestAFollowerOutlivesALostServer(t *testing.T) {
	dir := t.TempDir()
	server, err := embed.Start(embed.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	var current atomic.Pointer[embed.Server]
	current.Store(server)
	q, err := queue.Open(t.Context(), queue.Options{Server: moving{&current}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { q.Close(); current.Load().Close() })
	changes := followConfig(t, q)
	<-changes
	one := apply(t, q, queue.AppliedConfig{}, "one")
	<-changes
	server.Close()
	if server, err = embed.Start(embed.Options{Dir: dir}); err != nil {
		t.Fatal(err)
	}
	current.Store(server)
	apply(t, connect(t, server), one, "two")
	if got := <-changes; string(got.config.Content) != "two" {
		t.Errorf("told = %+v", got)
	}
}

func TestWhoRunsAnswers(t *testing.T) {
	q, server := open(t)
	if all, err := q.Standings(t.Context(), time.Minute); err != nil || len(all) != 0 { // at once, though a minute is allowed
		t.Errorf("standings = %v, %v", all, err)
	}
	for i := range 3 {
		other := connect(t, server)
		stop, err := other.AnswerStanding(func() queue.Standing {
			return queue.Standing{Process: "host/1", ID: fmt.Sprint(i), Roles: []string{"worker"}, Revision: 7, Content: "ab", Refused: 8, Why: "unknown key"}
		})
		if err != nil {
			t.Fatal(err)
		}
		defer stop()
		if err := other.Healthy(t.Context()); err != nil { // the server knows of it
			t.Fatal(err)
		}
	}
	all, err := q.Standings(t.Context(), time.Second)
	if err != nil || len(all) != 3 || all[0].Revision != 7 || all[0].Why != "unknown key" {
		t.Errorf("standings = %+v, %v", all, err)
	}
}
