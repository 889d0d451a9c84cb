package main

import (
	"errors"
	"os"
	"runtime/debug"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"github.com/rs/zerolog"
)

// heapGrowth is by how much the heap may grow over what is in use before it is collected, in percent. A worker of 5,000
// accounts has 35 to 50 MB in use and collects for 0.1 to 0.4 s, in which its tickets, and on a busy machine those of its
// neighbours, take half as long again: with 200 that is every nine seconds, and decides how long the slowest hundredth of all
// tickets takes. With 600 it is every half minute, for 200 MB more. https://go.dev/doc/gc-guide
const heapGrowth = 600

// giveBack gives back to the system what it took to read a configuration: half a gigabyte where it has 5,000 sites.
func giveBack() { debug.FreeOSMemory() }

// collectSeldom lets memory be collected seldom, unless GOGC says how often. It is for what runs for long, once it has begun.
func collectSeldom() {
	giveBack()
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(heapGrowth)
	}
}

// limitMemory lets memory be collected as often as it takes to stay under nine tenths of the container's limit, if it has one.
// GOMEMLIMIT goes before it.
func limitMemory(log zerolog.Logger) {
	for _, name := range []string{"GOMEMLIMIT", "AUTOMEMLIMIT"} {
		if os.Getenv(name) == "" {
			_ = os.Unsetenv(name) // set to nothing, as by ${GOMEMLIMIT:-} in a docker-compose.yml, it would keep memlimit from its work
		}
	}
	_, err := memlimit.Set()
	if err == nil || errors.Is(err, memlimit.ErrNoCgroup) || errors.Is(err, memlimit.ErrCgroupsNotSupported) {
		return
	}
	log.Warn().Err(err).Str("hint", "set GOMEMLIMIT to nine tenths of the container's limit").
		Msg("cannot find out how much memory this process may have; a container with a limit may end it")
}
