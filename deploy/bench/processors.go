package main

import (
	"os"
	"strconv"
	"strings"
	"time"
)

// ticksPerSecond is what /proc counts in on every Linux that Go runs on.
const ticksPerSecond = 100

// processors is what the machine's processors did together from its start to a moment.
type processors struct {
	at    time.Time
	count int
	did   []float64 // seconds, in the order of https://docs.kernel.org/filesystems/proc.html
}

// What processors.did has where.
const (
	idleTime   = 3
	diskTime   = 4 // idle too
	stolenTime = 7 // by the machine's host
	guestTime  = 8 // and what follows, which counts as user time already
)

// readProcessors gives none when the system does not tell.
func readProcessors() processors {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return processors{}
	}
	return processorsIn(string(text), time.Now())
}

func processorsIn(text string, at time.Time) processors {
	p := processors{at: at}
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		switch {
		case len(words) == 0 || !strings.HasPrefix(words[0], "cpu"):
		case words[0] != "cpu":
			p.count++
		default:
			for _, word := range words[1:] {
				n, _ := strconv.ParseFloat(word, 64)
				p.did = append(p.did, n/ticksPerSecond)
			}
		}
	}
	return p
}

// busy is what they worked, in seconds; 0 when that is not known.
func (p processors) busy() (all float64) {
	for i, seconds := range p.did {
		if i != idleTime && i != diskTime && i < stolenTime {
			all += seconds
		}
	}
	return all
}

// secondsSince is how much they could have worked since, in seconds.
func (p processors) secondsSince(from processors) float64 {
	return p.at.Sub(from.at).Seconds() * float64(p.count)
}

// takenSince gives the share of the processors that the machine's host gave to other machines since, which programs here
// do not see, but for their slowness; 0 when that is not known, as where the kernel is not told.
//
// Time that counts neither as work nor as idle was not taken. Most kernels look at each tick, 250 times a second, what a
// processor does, and count the whole tick for it, but idle time exactly: so work that a timer begins counts too little or
// too much. Programs that wait for each other were seen to miss 6 % of the processors so, and to have 5 % too many, where all
// processes together had worked for what was not idle.
func (p processors) takenSince(from processors) float64 {
	there := p.secondsSince(from)
	if len(from.did) < guestTime || len(p.did) < guestTime || p.count != from.count || there <= 0 {
		return 0
	}
	share := (p.did[stolenTime] - from.did[stolenTime]) / there
	if !(share > 0 && share <= 1) { // numbers that wrapped, or are none
		return 0
	}
	return share
}
