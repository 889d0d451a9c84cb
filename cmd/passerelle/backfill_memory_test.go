package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"passerelle/pkg/queue"
	"passerelle/pkg/sim/simiadvize"
)

// TestTheMemoryOfABackfill measures, and is run by hand:
//
//	PASSERELLE_MEASURE=200000 go test -run TestTheMemoryOfABackfill -v -timeout 60m ./cmd/passerelle
//
// It runs the command as a process, against a NATS server of its own from which every event is taken at once.
func TestTheMemoryOfABackfill(t *testing.T) {
	n, err := strconv.Atoi(os.Getenv("PASSERELLE_MEASURE"))
	if err != nil {
		t.Skip("run by hand")
	}
	w := newTown(t)
	to := time.Now().Add(-time.Hour)
	for i := range n {
		at := to.Add(-time.Duration(n-i) * (30 * 24 * time.Hour / time.Duration(n)))
		if err := w.iadvize.Add(simiadvize.Conversation{ID: numbered(i), ProjectID: 1, Channel: "CHAT", ClosedAt: at}); err != nil {
			t.Fatal(err)
		}
	}
	nats, _ := startNATS(t)
	q, err := queue.Open(t.Context(), queue.Options{URL: nats})
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	taken := 0
	drained := make(chan struct{})
	receiving, stop := context.WithCancel(t.Context())
	defer stop()
	r, err := q.Receive(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(drained)
		defer r.Close()
		for {
			d, err := r.Next(receiving, 1)
			if err != nil || d.Done(t.Context()) != nil {
				return
			}
			taken++
		}
	}()
	env := slices.Concat(w.env, []string{"PASSERELLE_NATS_URL=" + nats})
	for _, mode := range [][]string{{"--dry-run"}, {"--pace", "60000"}} {
		begun := time.Now()
		p := start(t, env, slices.Concat([]string{"backfill", "--site", w.site.Name, "--from", "60d"}, mode)...)
		var resident []int
		tick := time.NewTicker(time.Second)
		for running := true; running; {
			select {
			case <-p.done:
				running = false
			case <-tick.C:
				if kB := residentOf(p.cmd.Process.Pid); kB > 0 {
					resident = append(resident, kB)
				}
			}
		}
		tick.Stop()
		t.Logf("%v: %d conversations in %s, exit status %d; resident memory %s", mode, n, time.Since(begun).Round(time.Second), p.cmd.ProcessState.ExitCode(), tenths(resident))
		for _, line := range p.logs.lines {
			t.Log(line)
		}
	}
	until(t, "an empty queue", func() bool {
		backlog, err := q.Backlog(t.Context(), w.site.Account)
		return err == nil && backlog.Pending == 0
	})
	stop()
	<-drained
	if taken != n {
		t.Errorf("%d events were taken of %d", taken, n)
	}
}

// residentOf is a process's memory in KiB; 0 when it has ended.
func residentOf(pid int) int {
	raw, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range bytes.Lines(raw) {
		if fields := strings.Fields(string(line)); len(fields) > 1 && fields[0] == "VmRSS:" {
			kB, _ := strconv.Atoi(fields[1])
			return kB
		}
	}
	return 0
}

// tenths shows ten of the measurements and the largest.
func tenths(all []int) string {
	if len(all) == 0 {
		return "not measured"
	}
	var out strings.Builder
	for i := range 10 {
		fmt.Fprintf(&out, "%.1f ", float64(all[i*(len(all)-1)/9])/1024)
	}
	return fmt.Sprintf("%s(ten moments, MiB), largest %.1f MiB", out.String(), float64(slices.Max(all))/1024)
}
