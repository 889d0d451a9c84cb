package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"passerelle/pkg/queue"
	"passerelle/pkg/queue/embed"
	"passerelle/pkg/ticket"
)

// store opens a data folder, lets fill work on it, and closes it again.
func store(t *testing.T, dir string, do func(q *queue.Queue)) {
	t.Helper()
	server, err := embed.Start(embed.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	q, err := queue.Open(t.Context(), queue.Options{Server: server})
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	do(q)
}

func numbered(i int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", i) }

// bury stores n dead letters.
func bury(t *testing.T, q *queue.Queue, n int, reason ticket.Reason) {
	t.Helper()
	for i := range n {
		e := ticket.Event{ID: fmt.Sprint(i), Kind: ticket.KindClosed, Platform: "ha", ProjectID: 99, ConversationID: numbered(i), Account: "acme", Site: "acme-fr", ReceivedAt: time.Now()}
		letter := ticket.Bury(e, &ticket.Failure{Reason: reason, Detail: ticket.Detail{Message: "told so"}, Hint: "do this"}, time.Now())
		if err := q.Bury(t.Context(), letter); err != nil {
			t.Fatal(err)
		}
	}
}

// left counts the dead letters, and takes the events that are in the queue.
func left(t *testing.T, dir string, events int) (letters int, taken map[string]int) {
	t.Helper()
	taken = map[string]int{}
	store(t, dir, func(q *queue.Queue) {
		if err := q.DeadLetters(t.Context(), queue.Filter{}, func(queue.Buried) error { letters++; return nil }); err != nil {
			t.Fatal(err)
		}
		r, err := q.Receive(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		for range events {
			d, err := r.Next(t.Context(), 1)
			if err != nil {
				t.Fatal(err)
			}
			if d.Event.Replays != 1 {
				t.Errorf("%s has %d replays", d.Event.ConversationID, d.Event.Replays)
			}
			taken[d.Event.ConversationID]++
			if err := d.Done(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	})
	return letters, taken
}

func TestAnInterruptedReplayGoesOnWhenCalledAgain(t *testing.T) {
	dir := t.TempDir()
	const n = 6
	store(t, dir, func(q *queue.Queue) { bury(t, q, n, ticket.ReasonRejected) })
	env := []string{"PASSERELLE_DATA_DIR=" + dir, "PASSERELLE_NATS_URL="}
	p := start(t, env, "deadletters", "replay", "--all", "--pace", "30")
	p.await("6 dead letters to replay")
	p.signal(syscall.SIGINT)
	<-p.done
	if status := p.cmd.ProcessState.ExitCode(); status != exitFailed {
		t.Errorf("exit status %d", status)
	}
	line := p.await("interrupted: ")
	var seen int
	if _, err := fmt.Sscanf(line, "passerelle: interrupted: %d of 6", &seen); err != nil || seen >= n || !strings.Contains(line, "call it again") {
		t.Fatalf("summary = %q, %v", line, err)
	}
	out, errOut, status := command(t, env, "deadletters", "replay", "--all", "--pace", "0", "-o", "json")
	var results []replayed
	if err := json.Unmarshal([]byte(out), &results); err != nil || status != 0 || len(results) != n-seen {
		t.Fatalf("again: %d, %v, %d results\n%s%s", status, err, len(results), out, errOut)
	}
	letters, taken := left(t, dir, n)
	if letters != 0 || len(taken) != n {
		t.Errorf("%d letters left, events %v", letters, taken)
	}
}

func TestAReplayOfWhatBecameATicketMakesNone(t *testing.T) {
	dir := t.TempDir()
	store(t, dir, func(q *queue.Queue) {
		bury(t, q, 2, ticket.ReasonExpired)
		entry := queue.Entry{State: queue.StateCreated, Ref: ticket.Ref{ID: 42, URL: "https://acme.example/agent/tickets/42"}}
		if _, err := q.Write(t.Context(), ticket.JobOf(numbered(0)), queue.Entry{}, entry); err != nil {
			t.Fatal(err)
		}
	})
	env := []string{"PASSERELLE_DATA_DIR=" + dir, "PASSERELLE_NATS_URL="}
	for _, want := range []string{"it has its ticket meanwhile, so no other is made", "it has its ticket, so no other is made"} {
		out, errOut, status := command(t, env, "deadletters", "replay", numbered(0))
		if status != 0 || !strings.Contains(out, "created, ticket 42: "+want) || !strings.Contains(out, "1 had their ticket already") {
			t.Errorf("%d %s %s, want %q", status, out, errOut, want)
		}
	}
	if letters, _ := left(t, dir, 0); letters != 1 {
		t.Errorf("%d letters left, want the other one", letters)
	}
	out, errOut, status := command(t, env, "deadletters", "replay", numbered(1), numbered(7), "-o", "json")
	if status != exitFailed || !strings.Contains(errOut, "1 of the ids are of no dead letter") || !strings.Contains(out, `"replayed"`) || !strings.Contains(out, `"unknown"`) {
		t.Errorf("an unknown id among others: %d %s %s", status, out, errOut)
	}
	if letters, taken := left(t, dir, 1); letters != 0 || taken[numbered(1)] != 1 {
		t.Errorf("%d letters left, events %v", letters, taken)
	}
}

func TestThePlanAsksOfTheOldestOfEachKind(t *testing.T) {
	w := newTown(t)
	dir := t.TempDir()
	store(t, dir, func(q *queue.Queue) {
		bury(t, q, 3, ticket.ReasonSiteUnknown)
		e := ticket.Event{ID: "x", Kind: ticket.KindClosed, Platform: "ha", ProjectID: 1, ConversationID: closedID, Account: w.site.Account, Site: w.site.Name, ReceivedAt: time.Now()}
		if err := q.Bury(t.Context(), ticket.Bury(e, &ticket.Failure{Reason: ticket.ReasonRejected}, time.Now())); err != nil {
			t.Fatal(err)
		}
	})
	w.conversation(closedID, nil)
	env := slices.Concat(w.env, []string{"PASSERELLE_DATA_DIR=" + dir})
	out, errOut, status := command(t, env, "deadletters", "replay", "--all", "--plan", "--pace", "2", "-o", "json")
	var plan replayPlan
	if err := json.Unmarshal([]byte(out), &plan); err != nil || status != 0 {
		t.Fatalf("%d %s %s", status, out, errOut)
	}
	if plan.Total != 4 || plan.Minutes != 2 || len(plan.Kinds) != 2 {
		t.Fatalf("plan = %+v", plan)
	}
	if k := plan.Kinds[0]; k.Count != 3 || k.Reason != ticket.ReasonSiteUnknown || k.Oldest.Result != "dead" || k.Oldest.Reason != ticket.ReasonSiteUnknown || k.Oldest.ID != numbered(0) {
		t.Errorf("first kind = %+v", k)
	}
	if k := plan.Kinds[1]; k.Count != 1 || k.Oldest.Result != "created" {
		t.Errorf("second kind = %+v", k)
	}
	out, errOut, status = command(t, env, "deadletters", "replay", "--all", "--plan", "--pace", "120")
	if status != 0 || !strings.Contains(out, "would be dead again: site_unknown") || !strings.Contains(out, "4 in all, about 2s at 120 a minute") {
		t.Errorf("%d %s %s", status, out, errOut)
	}
	out, errOut, status = command(t, env, "deadletters", "replay", "--all", "--dry-run")
	if status != 0 || strings.Count(out, "would be dead again: site_unknown") != 3 || !strings.Contains(out, "3 would be dead again, 1 would be created") {
		t.Errorf("%d %s %s", status, out, errOut)
	}
	if letters, _ := left(t, dir, 0); letters != 4 || len(w.account.Tickets()) != 0 {
		t.Errorf("a plan changed something: %d letters, %d tickets", letters, len(w.account.Tickets()))
	}
}

// TestAReplayOfMany takes PASSERELLE_TEST_LETTERS dead letters, 500 by default.
func TestAReplayOfMany(t *testing.T) {
	n := 500
	if text := os.Getenv("PASSERELLE_TEST_LETTERS"); text != "" {
		if _, err := fmt.Sscan(text, &n); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	var p *process
	var began time.Time
	store(t, dir, func(q *queue.Queue) {
		bury(t, q, n, ticket.ReasonRejected)
		began = time.Now()
		p = start(t, []string{"PASSERELLE_DATA_DIR=" + dir, "PASSERELLE_NATS_URL="}, "deadletters", "replay", "--all", "--pace", "0")
		<-p.done
	})
	usage, _ := p.cmd.ProcessState.SysUsage().(*syscall.Rusage) // without the store, which is in this process
	t.Logf("%d dead letters in %s, peak RSS %d MiB", n, time.Since(began).Round(time.Millisecond), usage.Maxrss>>10)
	letters, taken := left(t, dir, n)
	if p.cmd.ProcessState.ExitCode() != 0 || letters != 0 || len(taken) != n {
		t.Errorf("exit status %d, %d letters left, %d events", p.cmd.ProcessState.ExitCode(), letters, len(taken))
	}
}

func TestReplayUsage(t *testing.T) {
	t.Setenv("PASSERELLE_DATA_DIR", t.TempDir())
	for _, args := range [][]string{
		{"deadletters", "replay"},
		{"deadletters", "replay", "x", "--all"},
		{"deadletters", "replay", "--all", "--pace", "-1"},
		{"deadletters", "replay", "--all", "--pace", "60001"},
		{"deadletters", "replay", "--all", "--plan", "--dry-run"},
	} {
		if status := run(args, streams{in: strings.NewReader(""), out: io.Discard, err: io.Discard}); status != exitUsage {
			t.Errorf("%v: exit status %d", args, status)
		}
	}
}

func TestTheBarIsForTerminalsOnly(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, out := range []io.Writer{file, io.Discard} {
		bar := newProgress(streams{err: out}, 2, "Replaying")
		bar.step()
		bar.end()
		if bar.shown() {
			t.Errorf("a bar for %T", out)
		}
	}
	var drawn bytes.Buffer
	bar := drawProgress(&drawn, 2, "Replaying")
	bar.step()
	bar.step()
	bar.end()
	if !bar.shown() || !strings.Contains(drawn.String(), "Replaying") || !strings.Contains(drawn.String(), "(1/2)") {
		t.Errorf("drawn: %q", drawn.String())
	}
}

func TestAnArrayIsWholeWheneverItEnds(t *testing.T) {
	for n := range 3 {
		var out bytes.Buffer
		array := jsonArray{out: &out}
		for i := range n {
			if err := array.print(replayed{ID: fmt.Sprint(i), Why: "<b>"}); err != nil {
				t.Fatal(err)
			}
		}
		var back []replayed
		if err := errors.Join(array.end(), json.Unmarshal(out.Bytes(), &back)); err != nil || len(back) != n {
			t.Errorf("%d elements: %v, %s", n, err, out.String())
		}
	}
}
