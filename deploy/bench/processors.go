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
// do not see, but for their slowness; 0 when that is not known.
//
// Not every kernel is told what is stolen. Where it is not, that time is missing: a processor that neither worked nor was
// idle was not there.
func (p processors) takenSince(from processors) float64 {
	there := p.secondsSince(from)
	if len(from.did) < guestTime || len(p.did) < guestTime || p.count != from.count || there <= 0 {
		return 0
	}
	accounted := 0.0
	for i := range guestTime {
		accounted += p.did[i] - from.did[i] // that for the disk may go down: https://man7.org/linux/man-pages/man5/proc_stat.5.html
	}
	if !(accounted > 0 && accounted < 2*there) { // this program worked, and not more than it could
		return 0
	}
	stolen := p.did[stolenTime] - from.did[stolenTime]
	return max(0, stolen, stolen+there-accounted) / there
}
