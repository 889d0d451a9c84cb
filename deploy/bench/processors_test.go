package main

import (
	"math"
	"strings"
	"testing"
	"time"
)

func TestWhatTheHostTook(t *testing.T) {
	const before = "cpu  100 0 50 800 50 0 10 5 7 0\ncpu0 50 0 25 400 25 0 5 3 4 0\ncpu1 50 0 25 400 25 0 5 2 3 0\nintr 1 2 3\n"
	const two = "\ncpu0\ncpu1\nctxt 7\n"
	start := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name, after string
		want        float64
	}{
		{"nothing", "cpu  1100 0 50 1800 50 0 10 5 7 0" + two, 0},
		{"told as stolen", "cpu  1000 0 50 1800 50 0 10 105 7 0" + two, 0.05},
		{"less work than was not idle, as when a timer begins it", "cpu  1000 0 50 1800 50 0 10 5 7 0" + two, 0},
		{"stolen, and less work than was not idle", "cpu  1000 0 50 1800 50 0 10 55 7 0" + two, 0.025},
		{"all of it", "cpu  100 0 50 800 50 0 10 2005 7 0" + two, 1},
		{"a guest of its own", "cpu  1100 0 50 1800 50 0 10 5 907 0" + two, 0},
		{"more than there was, by rounding", "cpu  1104 0 50 1800 50 0 10 5 7 0" + two, 0},
		{"waiting for the disk", "cpu  600 0 50 1800 550 0 10 5 7 0" + two, 0},
		{"the disk's time went back, as it may", "cpu  1150 0 50 1800 0 0 10 5 7 0" + two, 0},
		{"nothing at all: the kernel keeps no account", before, 0},
		{"less than before", "cpu  1100 0 50 1800 50 0 10 4 7 0" + two, 0},
		{"a number wrapped", "cpu  1100 0 50 1800 50 0 10 18446744073709551610 7 0" + two, 0},
		{"more than a number holds", "cpu  1" + strings.Repeat("0", 400) + " 0 50 1800 50 0 10 5 7 0" + two, 0},
		{"a processor came", "cpu  1100 0 50 1800 50 0 10 5 7 0\ncpu0\ncpu1\ncpu2\n", 0},
		{"not known", "", 0},
		{"half a line", "cpu  1000 0 50" + two, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			// Two processors for ten seconds are 2,000 ticks.
			got := processorsIn(c.after, start.Add(10*time.Second)).takenSince(processorsIn(before, start))
			if math.Abs(got-c.want) > 1e-9 {
				t.Errorf("takenSince() = %v, want %v", got, c.want)
			}
		})
	}
	now := processorsIn(before, start)
	if got := now.takenSince(now); got != 0 {
		t.Errorf("in no time: takenSince() = %v, want 0", got)
	}
	if got := now.busy(); math.Abs(got-1.6) > 1e-9 {
		t.Errorf("busy() = %v s, want 1.6", got)
	}
}
