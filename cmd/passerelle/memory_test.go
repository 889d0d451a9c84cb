package main

import (
	"bytes"
	"os"
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/rs/zerolog"
)

func TestMemoryIsCollectedSeldomUnlessTheEnvironmentSaysOtherwise(t *testing.T) {
	const set = 50
	for _, c := range []struct {
		gogc string
		want int
	}{{"", heapGrowth}, {"50", set}, {"off", set}} {
		t.Run(c.gogc, func(t *testing.T) {
			percent := debug.SetGCPercent(set) // Go has read GOGC when it started
			t.Cleanup(func() { debug.SetGCPercent(percent) })
			t.Setenv("GOGC", c.gogc)
			collectSeldom()
			if got := debug.SetGCPercent(set); got != c.want {
				t.Errorf("the heap may grow by %d %%, expected %d %%", got, c.want)
			}
		})
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
	collectSeldom()
	runtime.ReadMemStats(&after)
	if given := int64(after.HeapReleased) - int64(before.HeapReleased); given < garbage/2 {
		t.Errorf("%d MiB are given back, of %d MiB that are not used again", given>>20, garbage>>20)
	}
}

var began []byte // as a part of a configuration that is read
