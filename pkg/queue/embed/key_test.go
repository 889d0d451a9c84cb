package embed

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	marker     = "marker-of-a-visitor"
	goodKey    = "0123456789abcdef0123456789abcdef"
	anotherKey = "fedcba9876543210fedcba9876543210"
)

// use starts the server, puts what do wants into it, and ends it.
func use(t *testing.T, dir, key string, do func(js jetstream.JetStream)) {
	t.Helper()
	s, err := Start(Options{Dir: dir, Key: key})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	nc, err := nats.Connect("", nats.InProcessServer(s))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	do(js)
}

func fill(t *testing.T, js jetstream.JetStream) {
	t.Helper()
	stream, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "S", Subjects: []string{"s.>"}, Description: marker})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		msg := nats.NewMsg("s." + marker)
		msg.Data = []byte("text with " + marker)
		msg.Header.Set("Marker", marker)
		if _, err := js.PublishMsg(t.Context(), msg); err != nil {
			t.Fatal(err)
		}
	}
	consumer, err := stream.CreateConsumer(t.Context(), jetstream.ConsumerConfig{Durable: "C", Description: marker, AckPolicy: jetstream.AckExplicitPolicy})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := consumer.Next(); err != nil {
		t.Fatal(err)
	}
}

func count(t *testing.T, js jetstream.JetStream) uint64 {
	t.Helper()
	stream, err := js.Stream(t.Context(), "S")
	if err != nil {
		t.Fatal(err)
	}
	if msg, err := stream.GetMsg(t.Context(), 2); err != nil || !bytes.Contains(msg.Data, []byte(marker)) {
		t.Errorf("message = %v, %v", msg, err)
	}
	return stream.CachedInfo().State.Msgs
}

// tree gives the sum of each file, and the files that hold the marker.
func tree(t *testing.T, dir string) (sums map[string][32]byte, marked []string) {
	t.Helper()
	sums = map[string][32]byte{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		sums[path] = sha256.Sum256(content)
		if bytes.Contains(content, []byte(marker)) {
			marked = append(marked, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return sums, marked
}

func TestAnEncryptedStoreShowsNothing(t *testing.T) {
	plain, sealed := t.TempDir(), t.TempDir()
	use(t, plain, "", func(js jetstream.JetStream) { fill(t, js) })
	if _, marked := tree(t, plain); len(marked) == 0 {
		t.Fatal("the marker is not seen in a store without a key, so this test proves nothing")
	}
	use(t, sealed, goodKey, func(js jetstream.JetStream) { fill(t, js) })
	if _, marked := tree(t, sealed); len(marked) > 0 {
		t.Errorf("the marker is in %v", marked)
	}
	use(t, sealed, goodKey, func(js jetstream.JetStream) {
		if n := count(t, js); n != 3 {
			t.Errorf("%d messages", n)
		}
	})
	// A store that was not encrypted until now is, from the first start with a key.
	use(t, plain, goodKey, func(js jetstream.JetStream) {
		if n := count(t, js); n != 3 {
			t.Errorf("%d messages after the change to a key", n)
		}
	})
	if _, marked := tree(t, plain); len(marked) > 0 {
		t.Errorf("after the change to a key the marker is in %v", marked)
	}
	use(t, plain, goodKey, func(js jetstream.JetStream) { count(t, js) })
}

func TestAKeyThatDoesNotFitDamagesNothing(t *testing.T) {
	dir := t.TempDir()
	use(t, dir, goodKey, func(js jetstream.JetStream) { fill(t, js) })
	before, _ := tree(t, filepath.Join(dir, storeName))
	check, err := os.ReadFile(filepath.Join(dir, keyFile))
	if err != nil {
		t.Fatal(err)
	}
	refused := func(name, key string, want error) {
		t.Helper()
		if s, err := Start(Options{Dir: dir, Key: key}); !errors.Is(err, want) {
			if err == nil {
				s.Close()
			}
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
	refused("another key", anotherKey, ErrKey)
	refused("no key", "", ErrKey)
	refused("a short key", "short", ErrKey)
	if err := os.WriteFile(filepath.Join(dir, keyFile), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	refused("a damaged check", goodKey, ErrKey)
	if err := os.Remove(filepath.Join(dir, keyFile)); err != nil {
		t.Fatal(err)
	}
	refused("no key, and no check", "", ErrKey)
	refused("another key, and no check", anotherKey, ErrUnreadable)
	after, _ := tree(t, filepath.Join(dir, storeName))
	for path, sum := range before {
		if after[path] != sum {
			t.Errorf("%s has changed", path)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, keyFile), check, 0o600); err != nil {
		t.Fatal(err)
	}
	use(t, dir, goodKey, func(js jetstream.JetStream) {
		if n := count(t, js); n != 3 {
			t.Errorf("%d messages", n)
		}
	})
}
