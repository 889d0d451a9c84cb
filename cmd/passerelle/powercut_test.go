package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"passerelle/deploy/powercut"
	"passerelle/pkg/queue"
	"passerelle/pkg/sim/simiadvize"
	"passerelle/pkg/sim/simzendesk"
	"passerelle/pkg/ticket"
)

var (
	cuts    = flag.Int("cuts", 2, "power cuts of TestPowerCut")
	cutSeed = flag.Uint64("cut-seed", 1, "same seed, same moments")
)

// plug is a disk in use, mounted at a folder.
type plug struct {
	t       *testing.T
	folder  string
	disk    *powercut.Disk
	unmount func() error
}

// plugIn mounts an empty disk, or skips the test where that is not possible.
func plugIn(t *testing.T) *plug {
	t.Helper()
	p := &plug{t: t, folder: t.TempDir()}
	if err := p.use(powercut.NewDisk()); err != nil {
		t.Skipf("a power cut cannot be tried here: %v", err)
	}
	t.Cleanup(func() {
		if err := p.unmount(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func (p *plug) use(d *powercut.Disk) (err error) {
	p.disk = d
	p.unmount, err = d.Mount(p.folder)
	return err
}

// restore takes the dead machine's processes away, and mounts what is left of its disk.
func (p *plug) restore(left *powercut.Disk, dead ...*process) {
	p.t.Helper()
	for _, d := range dead {
		_ = d.cmd.Process.Kill() // its end waits for the disk
	}
	p.disk.Release()
	for _, d := range dead {
		<-d.done
	}
	if err := p.unmount(); err != nil {
		p.t.Fatal(err)
	}
	if err := p.use(left); err != nil {
		p.t.Fatal(err)
	}
}

// caller sends webhooks and remembers which were answered with 2xx. It may be used concurrently.
type caller struct {
	w      *town
	client *http.Client

	mu       sync.Mutex
	kinds    map[string]int  // guarded by mu; the conversations whose end was answered, and what they are to become
	surveyed map[string]bool // guarded by mu; those whose survey's answer was answered
}

// What the conversations of a caller become, in turn.
const (
	archivedOne = iota
	escalatedOne
	suspendedOne // a dead letter
	kindsOfConversation
)

const suspendedEmail = "suspended@example.com"

func newCaller(w *town) *caller {
	w.account.AddUser(simzendesk.User{Name: "Bob", Email: suspendedEmail, Suspended: true})
	return &caller{w: w, client: &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{}}, kinds: map[string]int{}, surveyed: map[string]bool{}}
}

// call sends the end of a conversation, and mostly the answer of its visitor.
func (c *caller) call(ctx context.Context, url string, kind int) {
	id := uuid.NewString()
	c.w.conversation(id, func(v *simiadvize.Conversation) {
		switch kind {
		case escalatedOne:
			v.ClosingForm = []simiadvize.FormValue{{FieldID: "create_escalation_ticket", Value: "true", Checkbox: true}, {FieldID: "private_note", Value: "Call back"}}
		case suspendedOne:
			v.Visitor.Email = suspendedEmail
		}
	})
	if !c.send(ctx, url, published(id)) {
		return
	}
	c.mu.Lock()
	c.kinds[id] = kind
	c.mu.Unlock()
	if kind != suspendedOne && c.send(ctx, url, surveyed(uuid.NewString(), id, `"customerSatisfaction":4`, time.Now())) {
		c.mu.Lock()
		c.surveyed[id] = true
		c.mu.Unlock()
	}
}

func (c *caller) send(ctx context.Context, url, body string) (accepted bool) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/webhooks/iadvize", strings.NewReader(body))
	if err != nil {
		return false
	}
	request.Header.Set("x-iadvize-signature", simiadvize.Sign(testSecret, []byte(body)))
	response, err := c.client.Do(request)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body) // the status is what counts
	return response.StatusCode/100 == 2
}

// flood sends webhooks, several at a time, until ctx ends.
func (c *caller) flood(ctx context.Context, url string) {
	var calls sync.WaitGroup
	for n := range 8 {
		calls.Go(func() {
			for kind := n; ctx.Err() == nil; kind++ {
				c.call(ctx, url, kind%kindsOfConversation)
			}
		})
	}
	calls.Wait()
	c.client.CloseIdleConnections()
}

// answered gives the conversations whose end was answered, by what they are to become.
func (c *caller) answered() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.kinds)
}

// TestPowerCut floods the real process with webhooks, cuts the power at any change of its disk, starts it again on what
// was synced, and so on. Whatever was answered with 2xx must have become one ticket, with all that belongs into it, or one
// dead letter. Every second cut leaves some of what was not synced, too, as real disks do.
func TestPowerCut(t *testing.T) {
	t.Parallel()
	p, w := plugIn(t), newTown(t)
	c := newCaller(w)
	defer c.client.CloseIdleConnections()
	// A sweep would find again what was lost.
	if _, err := w.iadvize.Fault(simiadvize.Fault{Kind: simiadvize.Status, Contains: "closedConversations"}); err != nil {
		t.Fatal(err)
	}
	w.unlimited() // the account's budget would make the backlog last for minutes
	w.env = append(w.env, "PASSERELLE_DATA_DIR="+filepath.Join(p.folder, "data"), "PASSERELLE_SWEEP_EVERY=24h")
	moments := rand.New(rand.NewPCG(*cutSeed, 0))
	for n := range *cuts {
		var luck *rand.Rand
		if n%2 == 1 {
			luck = rand.New(rand.NewPCG(*cutSeed, uint64(n)))
		}
		changes := 1 + moments.IntN(4000)
		left := p.disk.CutAfter(changes, luck)
		process := start(t, w.env, "serve")
		ctx, stop := context.WithCancel(t.Context())
		flooded := make(chan struct{})
		go func() {
			defer close(flooded)
			if url, up := process.awaitAddress(ctx, "ingest"); up {
				c.flood(ctx, url)
			}
		}()
		var rest *powercut.Disk
		select {
		case rest = <-left:
		case <-process.done:
			t.Fatalf("cut %d: the process ended by itself:\n%s", n+1, strings.Join(process.logs.lines, "\n"))
		case <-time.After(3 * time.Minute):
			t.Fatalf("cut %d: %d of %d changes within three minutes", n+1, p.disk.Changes(), changes)
		}
		_ = process.cmd.Process.Kill()
		stop()
		<-flooded
		p.restore(rest, process)
		t.Logf("cut %d, at change %d (with luck: %v): %d conversations answered so far, %d tickets", n+1, changes, luck != nil, len(c.answered()), len(w.account.Tickets()))
	}
	process := start(t, w.env, "serve")
	url := process.address("ingest")
	c.call(t.Context(), url, archivedOne) // it works
	c.verdict(t)
	if status := process.end(); status != 0 {
		t.Errorf("status %d", status)
	}
}

// verdict waits until all is settled, and compares.
func (c *caller) verdict(t *testing.T) {
	t.Helper()
	answered := c.answered()
	letters := map[string]int{}
	left := func() (open []string) {
		made := map[string]int{}
		for _, tk := range c.w.account.Tickets() {
			made[tk.ExternalID]++
		}
		for id := range answered {
			if made["iadvize:"+id]+letters[id] == 0 {
				open = append(open, id)
			}
		}
		return open
	}
	// What was in work at the cut comes back after half a minute, and again after each cut.
	deadline := time.After(10 * time.Minute)
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for settled := false; !settled; {
		var list []ticket.DeadLetter
		out, errOut, _ := command(t, c.w.env, "deadletters", "list", "-o", "json")
		if err := json.Unmarshal([]byte(out), &list); err != nil {
			t.Fatalf("%v: %s", err, errOut)
		}
		clear(letters)
		for _, l := range list {
			letters[l.ConversationID]++
		}
		settled = len(left()) == 0 && c.surveysIn()
		select {
		case <-tick.C:
		case <-deadline:
			open := left()
			for _, id := range open[:min(3, len(open))] {
				out, _, _ := command(t, c.w.env, "trace", id)
				t.Logf("trace %s:\n%s", id, out)
			}
			t.Errorf("%d of %d conversations that were answered are neither a ticket nor a dead letter; all answers of visitors in the tickets: %v", len(open), len(answered), c.surveysIn())
			settled = true
		}
	}
	var wrong []string
	for id, kind := range answered {
		tickets := c.w.account.TicketByExternalID("iadvize:" + id)
		comments := 0
		for _, tk := range tickets {
			comments += len(tk.Comments)
		}
		want := map[int][3]int{archivedOne: {1, 1, 0}, escalatedOne: {1, 2, 0}, suspendedOne: {0, 0, 1}}[kind]
		if got := [3]int{len(tickets), comments, letters[id]}; got != want {
			wrong = append(wrong, fmt.Sprintf("%s: tickets, comments and dead letters %v, want %v", id, got, want))
		}
	}
	for _, tk := range c.w.account.Tickets() { // those whose answer was cut off, too
		id := strings.TrimPrefix(tk.ExternalID, "iadvize:")
		if n := len(c.w.account.TicketByExternalID(tk.ExternalID)) + letters[id]; n != 1 {
			wrong = append(wrong, fmt.Sprintf("%s: %d tickets and dead letters", id, n))
		}
	}
	if len(wrong) > 0 {
		t.Errorf("%d wrong, as:\n%s", len(wrong), strings.Join(wrong[:min(10, len(wrong))], "\n"))
	}
	t.Logf("%d conversations and %d answers of visitors were answered with 2xx: %d tickets, %d dead letters", len(answered), len(c.surveyed), len(c.w.account.Tickets()), len(letters))
}

// surveysIn tells whether the visitors' answers are in the tickets.
func (c *caller) surveysIn() bool {
	for id := range c.surveyed {
		tickets := c.w.account.TicketByExternalID("iadvize:" + id)
		if len(tickets) == 0 || tickets[0].Fields[c.w.site.Score] != "4" {
			return false
		}
	}
	return true
}

// awaitAddress is address for a process that may die before.
func (p *process) awaitAddress(ctx context.Context, name string) (url string, up bool) {
	seen := 0
	for {
		p.logs.mu.Lock()
		arrived, lines := p.logs.arrived, slices.Clone(p.logs.lines[seen:])
		p.logs.mu.Unlock()
		seen += len(lines)
		for _, text := range lines {
			var line struct{ Address, Message string }
			if json.Unmarshal([]byte(text), &line) == nil && line.Message == name+" listens" {
				return "http://" + line.Address, true
			}
		}
		select {
		case <-arrived:
		case <-p.done:
			return "", false
		case <-ctx.Done():
			return "", false
		}
	}
}

// The same disk under a NATS server of its own, with and without sync_interval: always. Without it events are lost that
// were answered: the proof can fail.
func TestPowerCutUnderAServerThatSyncsLater(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		sync string
		lost bool
	}{{"always", false}, {"2m", true}} {
		t.Run(tc.sync, func(t *testing.T) {
			t.Parallel()
			p, w := plugIn(t), newTown(t)
			c := newCaller(w)
			url, nats := startNATSIn(t, p.folder, tc.sync)
			w.env = append(w.env, "PASSERELLE_NATS_URL="+url)
			process := start(t, w.env, "serve", "--roles", "ingest")
			address := process.address("ingest")
			p.disk.SyncAll() // the streams themselves are there
			ctx, stop := context.WithCancel(t.Context())
			flooded := make(chan struct{})
			go func() { defer close(flooded); c.flood(ctx, address) }()
			until(t, "some webhooks answered", func() bool { return len(c.answered()) > 50 })
			left := p.disk.Cut(nil)
			_ = process.cmd.Process.Kill()
			stop()
			<-flooded
			p.restore(left, nats, process)
			url, _ = startNATSIn(t, p.folder, tc.sync)
			q, err := queue.Open(t.Context(), queue.Options{URL: url})
			if err != nil {
				t.Fatal(err)
			}
			defer q.Close()
			lost := 0
			for id := range c.answered() {
				trace, err := q.Trace(t.Context(), id)
				if err != nil {
					t.Fatal(err)
				}
				if trace.Empty() {
					lost++
				}
			}
			t.Logf("sync_interval %s: %d of %d answered events lost", tc.sync, lost, len(c.answered()))
			if (lost > 0) != tc.lost {
				t.Errorf("%d of %d answered events lost", lost, len(c.answered()))
			}
		})
	}
}
