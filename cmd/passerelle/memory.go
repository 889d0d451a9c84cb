package main

import (
	"errors"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"github.com/rs/zerolog"
)

// heapGrowth is by how much the heap may grow over what is in use before it is collected, in percent. A worker of 5,000
// accounts has 35 to 50 MB in use and collects for 0.1 to 0.4 s, in which its tickets, and on a busy machine those of its
// neighbours, take half as long again: with 200 that is every nine seconds, and decides how long the slowest hundredth of all
// tickets takes. With 600 it is every half minute, for 200 MB more. https://go.dev/doc/gc-guide
const heapGrowth = 600

// mostGrowth bounds that, in bytes. While 50 of 5,000 accounts hang, what is in use grows from 35 to 47 MB, and by 600 % the heap
// would grow from 250 to 390: a virtual machine was seen to take half as much time for handing that memory out as the worker took
// for its tickets, for the 13 s until the next collection. It is not bounded to less than what is in use.
const mostGrowth = 200 << 20

// giveBack gives back to the system what it took to read a configuration: half a gigabyte where it has 5,000 sites.
func giveBack() { debug.FreeOSMemory() }

// collectSeldom lets memory be collected seldom, unless GOGC says how often. It is for what runs for long, once it has begun.
// What is in use decides, after each collection anew, until stop is called.
func collectSeldom() (stop func()) {
	giveBack()
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	p := &collecting{}
	p.set()
	return p.stop
}

// collecting is how seldom memory is collected.
type collecting struct {
	mu      sync.Mutex
	stopped bool // guarded by mu
}

func (p *collecting) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stopped = true
}

// set lets the heap grow by as much as suits what is in use now, and is called again after the next collection.
func (p *collecting) set() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		return
	}
	use := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/stack:bytes"}}
	metrics.Read(use)
	debug.SetGCPercent(int(growth(use[0].Value.Uint64() + use[1].Value.Uint64()))) //nolint:gosec // 600 at most
	// Go has no word for the end of a collection; what nobody holds is cleaned up once all has been swept, on busy processors as the
	// next one begins. This holds a pointer, because what holds none may share its memory with something that is in use.
	runtime.AddCleanup(&struct{ _ *byte }{}, (*collecting).set, p)
}

// growth gives by how much the heap may grow before it is collected, in percent of what is in use, which is given in bytes.
func growth(inUse uint64) (percent uint64) {
	const whole = 100
	return min(heapGrowth, max(mostGrowth*whole/max(inUse, 1), whole))
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
