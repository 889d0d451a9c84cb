package powercut

import (
	"errors"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// mount mounts a disk, or skips the test where that is not possible.
func mount(t *testing.T, d *Disk) string {
	t.Helper()
	folder := t.TempDir()
	unmount, err := d.Mount(folder)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() {
		if err := unmount(); err != nil {
			t.Error(err)
		}
	})
	return folder
}

func open(t *testing.T, name string, flags int) *os.File {
	t.Helper()
	f, err := os.OpenFile(name, flags, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// writeTo writes, and syncs if it is wanted.
func writeTo(t *testing.T, name, text string, flags int, sync bool) {
	t.Helper()
	f := open(t, name, flags|os.O_WRONLY|os.O_CREATE)
	_, err := f.WriteString(text)
	if sync {
		err = errors.Join(err, f.Sync())
	}
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

func syncFolder(t *testing.T, name string) {
	t.Helper()
	f := open(t, name, os.O_RDONLY)
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		t.Fatal(err)
	}
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// contents gives all files by their path.
func contents(t *testing.T, folder string) map[string]string {
	t.Helper()
	found := map[string]string{}
	must(t, filepath.WalkDir(folder, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		found[strings.TrimPrefix(path, folder+"/")] = string(raw)
		return err
	}))
	return found
}

func TestWhatIsLeftAfterTheCut(t *testing.T) {
	for name, tc := range map[string]struct {
		do   func(t *testing.T, dir string)
		left map[string]string
	}{
		"nothing is synced":               {func(t *testing.T, dir string) { writeTo(t, dir+"/a", "x", 0, false) }, nil},
		"a synced file":                   {func(t *testing.T, dir string) { writeTo(t, dir+"/a", "x", 0, true) }, map[string]string{"a": "x"}},
		"a file opened for synced writes": {func(t *testing.T, dir string) { writeTo(t, dir+"/a", "x", os.O_SYNC, false) }, map[string]string{"a": "x"}},
		"a synced file in new folders": {func(t *testing.T, dir string) {
			must(t, os.MkdirAll(dir+"/b/c", 0o700))
			writeTo(t, dir+"/b/c/a", "x", 0, true)
			writeTo(t, dir+"/b/c/other", "x", 0, false)
		}, map[string]string{"b/c/a": "x"}},
		"what is appended after the sync": {func(t *testing.T, dir string) {
			writeTo(t, dir+"/a", "one", 0, true)
			writeTo(t, dir+"/a", " two", os.O_APPEND, false)
		}, map[string]string{"a": "one"}},
		"appended and synced": {func(t *testing.T, dir string) {
			writeTo(t, dir+"/a", "one", 0, true)
			writeTo(t, dir+"/a", " two", os.O_APPEND, true)
		}, map[string]string{"a": "one two"}},
		"a synced write after others": {func(t *testing.T, dir string) {
			writeTo(t, dir+"/a", "one", 0, false)
			writeTo(t, dir+"/a", "two", os.O_APPEND|os.O_SYNC, false)
		}, map[string]string{"a": "\x00\x00\x00two"}},
		"emptied and not synced": {func(t *testing.T, dir string) {
			writeTo(t, dir+"/a", "one", 0, true)
			writeTo(t, dir+"/a", "", os.O_TRUNC, false)
		}, map[string]string{"a": "one"}},
		"emptied, written and synced": {func(t *testing.T, dir string) {
			writeTo(t, dir+"/a", "a long text", 0, true)
			writeTo(t, dir+"/a", "one", os.O_TRUNC, true)
		}, map[string]string{"a": "one"}},
		"made smaller and larger": {func(t *testing.T, dir string) {
			writeTo(t, dir+"/a", "a long text", 0, true)
			must(t, os.Truncate(dir+"/a", 2), os.Truncate(dir+"/a", 4))
			writeTo(t, dir+"/a", "", 0, true)
		}, map[string]string{"a": "a \x00\x00"}},
		"renamed and not synced": {func(t *testing.T, dir string) {
			writeTo(t, dir+"/a", "old", 0, true)
			writeTo(t, dir+"/a.tmp", "new", 0, true)
			must(t, os.Rename(dir+"/a.tmp", dir+"/a"))
		}, map[string]string{"a": "old", "a.tmp": "new"}},
		"renamed, and the folder synced": {func(t *testing.T, dir string) {
			writeTo(t, dir+"/a", "old", 0, true)
			writeTo(t, dir+"/a.tmp", "new", 0, true)
			must(t, os.Rename(dir+"/a.tmp", dir+"/a"))
			syncFolder(t, dir)
		}, map[string]string{"a": "new"}},
		"a folder renamed, then a file in it synced": {func(t *testing.T, dir string) {
			must(t, os.Mkdir(dir+"/b", 0o700))
			writeTo(t, dir+"/b/a", "x", 0, true)
			must(t, os.Rename(dir+"/b", dir+"/c"))
			writeTo(t, dir+"/c/a", "y", 0, true)
		}, map[string]string{"c/a": "y"}},
		"deleted and not synced": {func(t *testing.T, dir string) {
			writeTo(t, dir+"/a", "x", 0, true)
			must(t, os.Remove(dir+"/a"))
		}, map[string]string{"a": "x"}},
		"deleted, and the folder synced": {func(t *testing.T, dir string) {
			writeTo(t, dir+"/a", "x", 0, true)
			must(t, os.Remove(dir+"/a"))
			syncFolder(t, dir)
		}, nil},
		"the folder synced and not the file": {func(t *testing.T, dir string) {
			writeTo(t, dir+"/a", "x", 0, false)
			syncFolder(t, dir)
		}, map[string]string{"a": ""}},
	} {
		t.Run(name, func(t *testing.T) {
			d := NewDisk()
			tc.do(t, mount(t, d))
			left := d.Cut(nil)
			d.Release()
			again := mount(t, left)
			if got := contents(t, again); !maps.Equal(got, tc.left) {
				t.Errorf("left: %q, want %q", got, tc.left)
			}
			// What is left is a disk like any other.
			writeTo(t, again+"/next", "z", 0, true)
			if got := contents(t, mount(t, left.Cut(nil))); got["next"] != "z" || len(got) != len(tc.left)+1 {
				t.Errorf("after a second cut: %q", got)
			}
			left.Release()
		})
	}
}

// With luck some of what was not synced is left, and nothing else ever is.
func TestLuck(t *testing.T) {
	const whole = "onetwotwo"
	seen := map[string]bool{}
	d := NewDisk()
	dir := mount(t, d)
	writeTo(t, dir+"/a", "one", 0, true)
	writeTo(t, dir+"/a", "twotwo", os.O_APPEND, false)
	writeTo(t, dir+"/b", "new", 0, false)
	for seed := range uint64(100) {
		left := d.Cut(rand.New(rand.NewPCG(seed, 0)))
		a, b := left.root.entries["a"], left.root.entries["b"]
		if text := string(a.data); !strings.HasPrefix(whole, text) || len(text) < len("one") {
			t.Fatalf("seed %d: a = %q", seed, text)
		}
		seen[string(a.data)] = true
		seen["b: "+map[bool]string{true: "there", false: "gone"}[b != nil]] = true
	}
	d.Release()
	for _, want := range []string{"one", "onetwo", whole, "b: there", "b: gone"} {
		if !seen[want] {
			t.Errorf("%q never happened; what did: %q", want, slices.Sorted(maps.Keys(seen)))
		}
	}
}

// What was synced is left whatever the luck, in whatever way it was synced, and what was written over it since.
func TestLuckTakesNothingThatWasSynced(t *testing.T) {
	d := NewDisk()
	dir := mount(t, d)
	writeTo(t, dir+"/opened", "whole", os.O_SYNC, false)
	writeTo(t, dir+"/old.tmp", "a longer text of before", 0, false)
	writeTo(t, dir+"/old.tmp", "whole", os.O_TRUNC|os.O_SYNC, false)
	must(t, os.Rename(dir+"/old.tmp", dir+"/renamed"))
	syncFolder(t, dir)
	writeTo(t, dir+"/over", "12345678", 0, true)
	writeTo(t, dir+"/over", "xx", 0, false)
	writeTo(t, dir+"/emptied", "12345678", 0, true)
	writeTo(t, dir+"/emptied", "", os.O_TRUNC, false)
	for seed := range uint64(200) {
		left := d.Cut(rand.New(rand.NewPCG(seed, 0))).root.entries
		for name, want := range map[string][]string{
			"opened": {"whole"}, "renamed": {"whole"}, "over": {"12345678", "x2345678", "xx345678"}, "emptied": {"12345678", ""},
		} {
			if left[name] == nil || !slices.Contains(want, string(left[name].data)) {
				t.Fatalf("seed %d: %s = %v, want one of %q", seed, name, left[name], want)
			}
		}
	}
	d.Release()
}

func TestNobodyWritesAfterTheCut(t *testing.T) {
	d := NewDisk()
	dir := mount(t, d)
	f := open(t, dir+"/a", os.O_CREATE|os.O_WRONLY)
	defer f.Close()
	left := d.Cut(nil)
	wrote := make(chan error, 1)
	go func() { _, err := f.WriteString("late"); wrote <- err }()
	select {
	case err := <-wrote:
		t.Errorf("after the cut: %v", err)
	default:
	}
	d.Release()
	if err := <-wrote; !errors.Is(err, syscall.EIO) {
		t.Errorf("after the release: %v", err)
	}
	if len(left.root.entries) != 0 {
		t.Errorf("left: %v", left.root.entries)
	}
}
