package main

import (
	"bytes"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"

	"github.com/rs/zerolog"
)

func TestMemoryIsCollectedSeldomUnlessTheEnvironmentSaysOtherwise(t *testing.T) {
	const set = 50
	for _, c := range []struct {
		gogc        string
		least, most int
	}{{"", 201, heapGrowth}, {"50", set, set}, {"off", set, set}} {
		t.Run(c.gogc, func(t *testing.T) {
			percent := debug.SetGCPercent(set) // Go has read GOGC when it started
			t.Cleanup(func() { debug.SetGCPercent(percent) })
			t.Setenv("GOGC", c.gogc)
			defer collectSeldom()()
			if got := debug.SetGCPercent(set); got < c.least || got > c.most {
				t.Errorf("the heap may grow by %d %%, expected %d to %d %%", got, c.least, c.most)
			}
		})
	}
}

func TestMemoryGrowsByABoundedPart(t *testing.T) {
	const mib = 1 << 20
	for _, c := range []struct{ inUse, want uint64 }{
		{0, 600}, {1, 600}, {4 * mib, 600}, {33 * mib, 600}, {40 * mib, 500}, {50 * mib, 400}, {100 * mib, 200}, {200 * mib, 100}, {1 << 40, 100}, {1<<64 - 1, 100},
	} {
		if got := growth(c.inUse); got != c.want {
			t.Errorf("with %d MiB in use memory may grow by %d %%, expected %d %%", c.inUse/mib, got, c.want)
		}
	}
}

func TestMemoryGrowsAsWhatIsInUseAfterEachCollection(t *testing.T) {
	const set = 50
	percent := debug.SetGCPercent(set)
	t.Cleanup(func() { debug.SetGCPercent(percent) })
	t.Setenv("GOGC", "")
	stop := collectSeldom()
	t.Cleanup(stop)
	awaitGrowth := func(what string, least, most uint64) {
		t.Helper()
		grows := []metrics.Sample{{Name: "/gc/gogc:percent"}}
		until(t, what, func() bool {
			runtime.GC()
			metrics.Read(grows)
			return least <= grows[0].Value.Uint64() && grows[0].Value.Uint64() <= most
		})
	}
	awaitGrowth("growth by more than 200 % at first", 201, heapGrowth)
	more := make([]byte, 100<<20)
	awaitGrowth("growth by 200 % at most with 100 MiB more in use", 100, 200)
	runtime.KeepAlive(more)
	awaitGrowth("growth by more than 200 % with less in use again", 201, heapGrowth)
	stop()
	debug.SetGCPercent(set)
	more = make([]byte, 100<<20)
	for range 3 {
		cleaned := make(chan struct{})
		runtime.AddCleanup(&struct{ _ *byte }{}, func(done chan struct{}) { close(done) }, cleaned)
		until(t, "what nobody holds is cleaned up", func() bool {
			runtime.GC()
			select {
			case <-cleaned:
				return true
			default:
				return false
			}
		})
	}
	runtime.KeepAlive(more)
	if got := debug.SetGCPercent(set); got != set {
		t.Errorf("after the end memory may grow by %d %%, expected %d %%", got, set)
	}
}

func TestAMemoryLimitThatIsSetToNothingIsNone(t *testing.T) {
	limit := debug.SetMemoryLimit(-1)
	t.Cleanup(func() { debug.SetMemoryLimit(limit) })
	t.Setenv("GOMEMLIMIT", "")
	t.Setenv("AUTOMEMLIMIT", "")
	var log bytes.Buffer
	limitMemory(zerolog.New(&log))
	if _, there := os.LookupEnv("GOMEMLIMIT"); there || log.Len() > 0 {
		t.Errorf("GOMEMLIMIT is still there: %t; log: %s", there, &log)
	}
}

func TestAMemoryLimitOfTheEnvironmentStays(t *testing.T) {
	const want = 1 << 40
	limit := debug.SetMemoryLimit(want) // Go has read GOMEMLIMIT when it started
	t.Cleanup(func() { debug.SetMemoryLimit(limit) })
	t.Setenv("GOMEMLIMIT", "1TiB")
	limitMemory(zerolog.Nop())
	if got := debug.SetMemoryLimit(-1); got != want {
		t.Errorf("the limit is %d, expected %d", got, want)
	}
}

func TestWhatItTookToBeginIsGivenBack(t *testing.T) {
	percent := debug.SetGCPercent(-1) // nobody else collects it
	t.Cleanup(func() { debug.SetGCPercent(percent) })
	const garbage = 64 << 20
	for range garbage >> 20 {
		began = make([]byte, 1<<20)
	}
	began = nil
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	defer collectSeldom()()
	runtime.ReadMemStats(&after)
	if given := int64(after.HeapReleased) - int64(before.HeapReleased); given < garbage/2 {
		t.Errorf("%d MiB are given back, of %d MiB that are not used again", given>>20, garbage>>20)
	}
}

var began []byte // as a part of a configuration that is read
