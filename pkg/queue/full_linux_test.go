package queue_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"passerelle/pkg/queue"
	"passerelle/pkg/queue/embed"
)

// smallDisk gives a folder with a file system of its own.
func smallDisk(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=16m"); err != nil {
		t.Skipf("a file system that can be filled needs root: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fill takes all the room that is left.
func fill(t *testing.T, path string) {
	t.Helper()
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, size := range []int{1 << 20, 4096, 1} {
		for err = nil; err == nil; {
			_, err = file.Write(make([]byte, size))
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
	}
}

func TestAFullDiskIsWrittenAgainOnceThereIsRoom(t *testing.T) {
	disk := smallDisk(t)
	server, err := embed.Start(embed.Options{Dir: filepath.Join(disk, "data")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	q := connect(t, server)
	r, err := q.Receive(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	publish(t, q, closed("before"), queue.Accepted)
	fill(t, filepath.Join(disk, "fill"))
	try := func(id string) error {
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := q.Publish(short, closed(id))
		return err
	}
	stored := map[string]bool{"before": true}
	full := false
	for i := 0; i < 2000 && !full; i++ { // the last block of the file has some room
		id := fmt.Sprint("c", i)
		err := try(id)
		stored[id], full = err == nil, err != nil
	}
	if !full || server.Healthy() == nil {
		t.Fatalf("the disk is not full: healthy: %v", server.Healthy())
	}
	if err := try("during"); err == nil {
		t.Error("an event is stored on a full disk")
	}
	if err := os.Remove(filepath.Join(disk, "fill")); err != nil {
		t.Fatal(err)
	}
	until(t, func() bool { return try("afterwards") == nil })
	if err := server.Healthy(); err != nil {
		t.Error(err)
	}
	stored["afterwards"] = true
	seen := map[string]bool{}
	until(t, func() bool { // the receiver is the one from before, as workers have one
		d, err := r.Next(t.Context(), 1)
		if err != nil {
			t.Logf("receiver: %v", err)
			if r, err = q.Receive(t.Context()); err != nil {
				t.Fatal(err)
			}
			return false
		}
		seen[d.Event.ConversationID] = true
		return d.Done(t.Context()) == nil && seen["afterwards"]
	})
	for id, is := range stored {
		if is && !seen[id] {
			t.Errorf("%s was stored and is lost", id)
		}
	}
	t.Logf("%d events came", len(seen))
}
