package main

import (
	"encoding/json"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestBackfill(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	const missed = 30
	for i := range missed {
		w.lost(i, time.Now().Add(-time.Duration(i+1)*2*time.Hour))
	}
	backfill := func(want int, args ...string) (b backfilled, errOut string) {
		t.Helper()
		out, errOut, status := command(t, w.env, append([]string{"backfill", "--site", w.site.Name, "-o", "json"}, args...)...)
		if err := json.Unmarshal([]byte(out), &b); status != want || want != exitUsage && err != nil {
			t.Fatalf("%v: %d %s %s", args, status, out, errOut)
		}
		return b, errOut
	}
	if err := os.MkdirAll(w.dataDir(), 0o700); err != nil {
		t.Fatal(err)
	}
	if out, errOut, status := command(t, w.env, "backfill", "--site", w.site.Name, "--from", "7d"); status != exitFailed || !strings.Contains(errOut, "start passerelle serve first") {
		t.Errorf("without a worker: %d %s %s", status, out, errOut)
	}
	for _, wrong := range [][]string{{"--from", "yesterday"}, {"--from", "1d", "--to", "2d"}, {"--from", "7d", "--pace", "-1"}, {"--from", "7d", "--site", "nowhere"}} {
		if _, errOut := backfill(exitUsage, wrong...); !strings.Contains(errOut, "expected") {
			t.Errorf("%v: %s", wrong, errOut)
		}
	}
	p := start(t, w.env, "serve")
	p.address("ingest")
	if b, _ := backfill(0, "--from", "7d", "--dry-run"); b.Found != missed || b.Queued != missed || !b.DryRun || !b.Complete {
		t.Errorf("dry run: %+v", b)
	}
	if n := len(w.account.Tickets()); n != 0 {
		t.Fatalf("a dry run made %d tickets", n)
	}
	slow := start(t, w.env, "backfill", "--site", w.site.Name, "--from", "7d", "--to", "now", "--pace", "120")
	until(t, "some tickets", func() bool { return len(w.account.Tickets()) >= 3 })
	slow.signal(syscall.SIGTERM)
	slow.await("stopped half-way")
	if <-slow.done; slow.cmd.ProcessState.ExitCode() != exitFailed || len(w.account.Tickets()) >= missed {
		t.Fatalf("exit status %d, %d tickets", slow.cmd.ProcessState.ExitCode(), len(w.account.Tickets()))
	}
	b, _ := backfill(0, "--from", "7d", "--to", "now", "--pace", "60000")
	if !b.Resumed || !b.Complete || b.Found != missed || b.Queued != missed || len(b.Skipped) != 0 {
		t.Errorf("resumed: %+v", b)
	}
	w.wantTickets(missed)
	if b, _ := backfill(0, "--from", "7d", "--pace", "60000"); b.Resumed || b.Queued != 0 || b.Skipped["created"] != missed {
		t.Errorf("again: %+v", b)
	}
	w.wantTickets(missed)
	out, _, status := command(t, w.env, "backfill", "--site", w.site.Name, "--from", "7d", "--dry-run")
	if status != 0 || !strings.Contains(out, "Skipped: have their ticket") {
		t.Errorf("as text: %d %s", status, out)
	}
}
