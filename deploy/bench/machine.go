package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"

	"passerelle/deploy/stand"
)

// effort is what was spent up to a moment.
type effort struct {
	machine  processors
	spent    map[string]float64 // seconds, by kind of process
	messages float64            // that clients sent to nats-server
	stored   map[string]float64 // messages, by stream
}

func (r *rig) effort(ctx context.Context) effort {
	e := effort{machine: readProcessors(), spent: map[string]float64{"simulators and load": cpuSeconds(os.Getpid())}, stored: map[string]float64{}}
	for _, p := range r.workers {
		e.spent["workers"] += cpuSeconds(p.PID())
	}
	if r.ingestProcess != nil {
		e.spent["ingest"] = cpuSeconds(r.ingestProcess.PID())
	}
	e.spent["nats-server"] = cpuSeconds(r.nats.PID())
	if r.redisServer != nil {
		e.spent["redis-server"] = cpuSeconds(r.redisServer.PID())
	}
	var varz struct {
		InMsgs float64 `json:"in_msgs"`
	}
	if ask(ctx, r.nats, "/varz", &varz) == nil {
		e.messages = varz.InMsgs
	}
	var jsz struct {
		Accounts []struct {
			Streams []struct {
				Name  string `json:"name"`
				State struct {
					LastSeq float64 `json:"last_seq"`
				} `json:"state"`
			} `json:"stream_detail"`
		} `json:"account_details"`
	}
	if ask(ctx, r.nats, "/jsz?streams=true", &jsz) == nil {
		for _, a := range jsz.Accounts {
			for _, s := range a.Streams {
				e.stored[s.Name] += s.State.LastSeq
			}
		}
	}
	return e
}

const askTime = 10 * time.Second

func ask(ctx context.Context, n *stand.NATS, path string, into any) error {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, n.Monitor+path, nil)
	if err != nil {
		return fmt.Errorf("ask nats-server: %w", err)
	}
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	if err != nil {
		return fmt.Errorf("ask nats-server: %w", err)
	}
	defer response.Body.Close()
	return json.NewDecoder(response.Body).Decode(into)
}

// whole is what the machine and this program's processes worked up to a moment.
type whole struct {
	machine processors
	ours    float64 // seconds
}

// wholeMachine counts children that have ended.
func wholeMachine() whole {
	w := whole{machine: readProcessors()}
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var used syscall.Rusage
		if syscall.Getrusage(who, &used) == nil {
			w.ours += time.Duration(used.Utime.Nano() + used.Stime.Nano()).Seconds()
		}
	}
	return w
}

// others gives the share of the processors that other programs had since, 0 when that is not known.
func (w whole) others(since whole) float64 {
	others := w.machine.busy() - since.machine.busy() - (w.ours - since.ours)
	return max(0, others) / max(w.machine.secondsSince(since.machine), 0.001)
}

// cpuSeconds is what a process worked, 0 when that is not known.
func cpuSeconds(pid int) float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	words := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(words) < 13 {
		return 0
	}
	user, _ := strconv.ParseFloat(words[11], 64)
	system, _ := strconv.ParseFloat(words[12], 64)
	return (user + system) / ticksPerSecond
}

// quieten collects this program's garbage now, and not again until half of the free memory is full of it. The simulators
// share the processors with what is measured: during each collection the product is slow, for seconds when there are
// many tickets. It takes what so many conversations need at once, too: to fetch it page by page meanwhile costs the system
// as much time as the simulators need for their work.
func quieten(conversations int) {
	var now runtime.MemStats
	runtime.ReadMemStats(&now)
	have := now.HeapIdle - now.HeapReleased
	room := (kibOf("/proc/meminfo", "MemAvailable:")<<10 + have) / 2
	need := min(room, uint64(max(conversations, 0))*perConversation)
	if have < need {
		debug.SetGCPercent(-1)
		touch(need - have)
	}
	// The runtime gives memory back to the system that it does not expect to need, going by how much more the heap may grow
	// now than before: so it must not have been allowed to grow at all.
	debug.SetGCPercent(1)
	runtime.GC()
	runtime.ReadMemStats(&now)
	debug.SetGCPercent(max(usualGC, int(100*room/max(now.HeapAlloc, 1<<20)))) //nolint:gosec // a small number
}

// collections is how often this program's garbage was collected so far.
func collections() uint32 {
	var now runtime.MemStats
	runtime.ReadMemStats(&now)
	return now.NumGC
}

// perConversation is about what the simulators and the load allocate for a conversation, in bytes.
const perConversation = 120 << 10

// touch takes fresh memory from the system, and leaves it to the heap.
func touch(bytes uint64) {
	const chunk = 64 << 20
	var all [][]byte
	for ; bytes >= chunk; bytes -= chunk {
		c := make([]byte, chunk)
		for i := 0; i < chunk; i += os.Getpagesize() {
			c[i] = 1
		}
		all = append(all, c)
	}
	runtime.KeepAlive(all)
}

// usualGC is the collector's percentage until something is measured: memory is cheaper here than time.
const usualGC = 400

// residentMiB is the memory of a process, 0 when that is not known.
func residentMiB(pid int) float64 {
	return float64(kibOf(fmt.Sprintf("/proc/%d/status", pid), "VmRSS:")) / 1024
}

// kibOf is what a file of the system says of a name, in KiB; 0 when that is not known.
func kibOf(file, name string) uint64 {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			kib, _ := strconv.ParseUint(strings.Fields(rest)[0], 10, 64)
			return kib
		}
	}
	return 0
}

// loadAverage is that of the last minute, as the system says it.
func loadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	one, _, _ := strings.Cut(string(text), " ")
	return one
}
