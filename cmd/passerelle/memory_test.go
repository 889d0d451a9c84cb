package main

import (
	"bytes"
	"os"
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
			percent, limit := debug.SetGCPercent(set), debug.SetMemoryLimit(-1) // Go has read GOGC when it started
			t.Cleanup(func() { debug.SetGCPercent(percent); debug.SetMemoryLimit(limit) })
			t.Setenv("GOGC", c.gogc)
			collectSeldom(zerolog.Nop())
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
	collectSeldom(zerolog.New(&log))
	if _, there := os.LookupEnv("GOMEMLIMIT"); there || log.Len() > 0 {
		t.Errorf("GOMEMLIMIT is still there: %t; log: %s", there, &log)
	}
}

func TestAMemoryLimitOfTheEnvironmentStays(t *testing.T) {
	const want = 1 << 40
	limit := debug.SetMemoryLimit(want) // Go has read GOMEMLIMIT when it started
	t.Cleanup(func() { debug.SetMemoryLimit(limit) })
	t.Setenv("GOMEMLIMIT", "1TiB")
	collectSeldom(zerolog.Nop())
	if got := debug.SetMemoryLimit(-1); got != want {
		t.Errorf("the limit is %d, expected %d", got, want)
	}
}
