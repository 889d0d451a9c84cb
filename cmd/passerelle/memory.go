package main

import (
	"errors"
	"os"
	"runtime/debug"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"github.com/rs/zerolog"
)

// heapGrowth is by how much the heap may grow over what is in use before it is collected, in percent. While a worker of
// 5,000 accounts collects, for a second or two, its tickets take twice as long: it does so half as often as with Go's 100,
// and a ticket takes a tenth less of the processors. https://go.dev/doc/gc-guide
const heapGrowth = 200

// collectSeldom sets how often memory is collected: seldom, but as often as it takes to stay under nine tenths of the container's
// limit, if it has one. GOGC and GOMEMLIMIT go before it.
func collectSeldom(log zerolog.Logger) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(heapGrowth)
	}
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
