package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"passerelle/pkg/queue"
	"passerelle/pkg/sim/simzendesk"
	"passerelle/pkg/ticket"
)

// lanes runs lanes list and gives its JSON.
func (w *town) lanes(args ...string) []queue.Lane {
	w.t.Helper()
	out, errOut, status := command(w.t, w.env, append([]string{"lanes", "list", "-o", "json"}, args...)...)
	var all []queue.Lane
	if err := json.Unmarshal([]byte(out), &all); err != nil || status != 0 {
		w.t.Fatalf("%d, %v: %s%s", status, err, out, errOut)
	}
	return all
}

// lane runs lanes pause or resume and gives its JSON.
func (w *town) lane(args ...string) changedLane {
	w.t.Helper()
	out, errOut, status := command(w.t, w.env, append(append([]string{"lanes"}, args...), "-o", "json")...)
	var lane changedLane
	if err := json.Unmarshal([]byte(out), &lane); err != nil || status != 0 {
		w.t.Fatalf("%d, %v: %s%s", status, err, out, errOut)
	}
	return lane
}

func TestAnAccountIsPausedAndResumed(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.conversation(closedID, nil)
	p := start(t, w.env, "serve")
	url := p.address("ingest")
	account := w.site.Account
	if all := w.lanes(); len(all) != 0 {
		t.Errorf("lanes = %+v", all)
	}
	if all := w.lanes("--all"); len(all) != 1 || all[0].Account != account || all[0].State != queue.LaneOpen || all[0].Budget == nil || all[0].Budget.Remaining != nil {
		t.Errorf("all lanes = %+v", all)
	}
	if out, _, _ := command(t, w.env, "lanes", "list", "--all"); !strings.Contains(out, "not told by the account; limit") || !strings.Contains(out, "400 from the configuration; 80") {
		t.Errorf("all lanes: %s", out)
	}
	if out, _, status := command(t, w.env, "lanes", "list"); status != 0 || !strings.Contains(out, "All accounts are open") {
		t.Errorf("%d %s", status, out)
	}
	if lane := w.lane("pause", account, "--why", "migration of the forms"); !lane.Changed || lane.State != queue.LanePaused || lane.Why != "migration of the forms" || lane.Since.IsZero() {
		t.Errorf("pause: %+v", lane)
	}
	p.await("account paused")
	post(t, url, published(closedID))
	until(t, "the event is held", func() bool { all := w.lanes(); return len(all) == 1 && all[0].Held == 1 })
	p.end()
	before := w.account.Requests()
	p = start(t, w.env, "serve") // the pause outlives the process
	p.address("ingest")
	if lane := w.lane("pause", account); lane.Changed || lane.Why != "migration of the forms" || lane.Held != 1 {
		t.Errorf("pause again: %+v", lane)
	}
	if out, _, _ := command(t, w.env, "lanes", "pause", account); !strings.Contains(out, account+" was paused already, since 20") || !strings.Contains(out, "1 of its events wait") {
		t.Errorf("pause again: %s", out)
	}
	if lane := w.lane("pause", account, "--why", "the forms again"); !lane.Changed || lane.Why != "the forms again" || lane.ReplacedWhy != "migration of the forms" {
		t.Errorf("pause with another reason: %+v", lane)
	}
	if out, _, _ := command(t, w.env, "lanes", "pause", account, "--why", "migration of the forms"); !strings.Contains(out, account+" was paused already, since 20") || !strings.Contains(out, `The reason is now "migration of the forms", and no longer "the forms again".`) {
		t.Errorf("pause with another reason: %s", out)
	}
	if out, errOut, status := command(t, w.env, "lanes", "pause", account, "--why", strings.Repeat("x", 501)); status != exitUsage || out != "" || !strings.Contains(errOut, "--why: expected at most 500 characters, not 501") {
		t.Errorf("a reason that is too long: %d %s %s", status, out, errOut)
	}
	out, _, _ := command(t, w.env, "lanes", "list")
	for _, text := range []string{"│ " + account, "│ paused │    1 │", "when resumed", "migration of the forms; passerelle lanes resume " + account} {
		if !strings.Contains(out, text) {
			t.Errorf("the list lacks %q:\n%s", text, out)
		}
	}
	if after := w.account.Requests(); fmt.Sprint(after) != fmt.Sprint(before) || len(w.account.TicketByExternalID("iadvize:"+closedID)) != 0 {
		t.Errorf("calls of a paused account: %v, before: %v", after, before)
	}
	body := w.get(p.address("console") + "/metrics")
	for _, line := range []string{fmt.Sprintf("passerelle_lane_state{account=%q,state=\"paused\"} 1", account), fmt.Sprintf("passerelle_lane_held{account=%q} 1", account),
		fmt.Sprintf("passerelle_calls_limit{account=%q} 400", account), fmt.Sprintf("passerelle_calls_reserve{account=%q} 80", account), fmt.Sprintf("passerelle_lane_oldest_seconds{account=%q} ", account)} {
		if !strings.Contains(body, line) {
			t.Errorf("metrics lack %s", line)
		}
	}
	if body := w.get(p.address("console") + "/"); !strings.Contains(body, "migration of the forms") {
		t.Errorf("page: %s", body)
	}
	if lane := w.lane("resume", account); !lane.Changed || lane.State != queue.LaneOpen {
		t.Errorf("resume: %+v", lane)
	}
	w.checkTicket(closedID)
	if lane := w.lane("resume", account); lane.Changed {
		t.Errorf("resume again: %+v", lane)
	}
	if out, _, _ := command(t, w.env, "lanes", "resume", account); !strings.Contains(out, account+" was not paused") {
		t.Errorf("resume again: %s", out)
	}
	for _, verb := range []string{"pause", "resume"} {
		if _, errOut, status := command(t, w.env, "lanes", verb, account+"s"); status != exitUsage || !strings.Contains(errOut, "did you mean "+account+"?") {
			t.Errorf("%s an unknown account: %d %s", verb, status, errOut)
		}
	}
	if _, errOut, status := command(t, w.env, "lanes", "pause", "something-else"); status != exitUsage || !strings.Contains(errOut, "expected one of "+account) {
		t.Errorf("an unknown account: %d %s", status, errOut)
	}
}

func (w *town) get(url string) string {
	w.t.Helper()
	request, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, url, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	http.DefaultClient.CloseIdleConnections()
	return string(body)
}

func TestTheLanesOfAnAccountInTrouble(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.conversation(closedID, nil)
	w.account.Fault(simzendesk.Fault{Kind: simzendesk.Unauthorized})
	p := start(t, w.env, "serve")
	post(t, p.address("ingest"), published(closedID))
	p.await("account in trouble")
	var lane queue.Lane
	until(t, "the account holds the event", func() bool {
		all := w.lanes()
		if len(all) == 1 {
			lane = all[0]
		}
		return lane.Held == 1 && lane.State == queue.LaneDown
	})
	if lane.Account != w.site.Account || lane.Reason != ticket.ReasonCredentialsRefused || lane.Failure == "" || lane.Hint == "" || lane.Since.IsZero() || time.Since(lane.OldestAt) > time.Hour {
		t.Errorf("lane = %+v", lane)
	}
	w.account.ClearFaults()
	w.checkTicket(closedID)
	until(t, "the account is open again", func() bool { return len(w.lanes()) == 0 })
}

func TestLanesWhileNothingRuns(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	dir := t.TempDir()
	w.env = slices.Concat(w.env, []string{"PASSERELLE_DATA_DIR=" + dir})
	store(t, dir, func(q *queue.Queue) {
		for i := range 3 {
			e := ticket.Event{ID: fmt.Sprint(i), Kind: ticket.KindClosed, Platform: "ha", ProjectID: 99, ConversationID: numbered(i), Account: "former", ReceivedAt: time.Now().Add(-5 * time.Hour), Escalated: i == 0, HeldFor: "no answer in time"}
			if err := q.Hold(t.Context(), e, time.Now().Add(time.Hour)); err != nil {
				t.Fatal(err)
			}
		}
	})
	all := w.lanes()
	if len(all) != 2 || all[0].Account != "former" || all[0].Held != 3 || all[0].Escalated != 1 || all[0].State != queue.LaneUnknown || all[0].Failure != "no answer in time" {
		t.Fatalf("lanes = %+v", all)
	}
	if all[1].Account != w.site.Account || all[1].State != queue.LaneUnknown {
		t.Errorf("an account of which nobody tells: %+v", all[1])
	}
	out, _, _ := command(t, w.env, "lanes", "list")
	for _, text := range []string{"│ unknown │", "│ 5 h ", "in 5", "No worker process answers"} {
		if !strings.Contains(out, text) {
			t.Errorf("the list lacks %q:\n%s", text, out)
		}
	}
	// An account that left the configuration can be seen to as long as something is held for it.
	if lane := w.lane("pause", "former"); !lane.Changed || lane.Held != 3 {
		t.Errorf("pause: %+v", lane)
	}
	if lane := w.lane("resume", "former"); !lane.Changed || lane.Held != 3 || lane.State != queue.LaneUnknown {
		t.Errorf("resume: %+v", lane)
	}
	if _, _, status := command(t, w.env, "lanes", "pause", "former"); status != 0 {
		t.Errorf("pause: %d", status)
	}
	if out, _, _ := command(t, w.env, "lanes", "resume", "former"); !strings.Contains(out, "former is resumed: 3 of its events wait until a worker process runs; none answers.") {
		t.Errorf("resume: %s", out)
	}
	// Nor is a configuration needed for that.
	w.env = slices.Concat(w.env, []string{"PASSERELLE_CONFIG=" + dir + "/none.yaml"})
	if _, errOut, status := command(t, w.env, "lanes", "list"); status != 0 || !strings.Contains(errOut, "the configuration cannot be read") {
		t.Errorf("%d %s", status, errOut)
	}
}

func TestHuman(t *testing.T) {
	for d, want := range map[time.Duration]string{-time.Second: "0 s", 90 * time.Second: "90 s", 3 * time.Minute: "3 min", 119 * time.Minute: "119 min", 30 * time.Hour: "30 h", 72 * time.Hour: "3 d"} {
		if got := human(d); got != want {
			t.Errorf("%s: %q, want %q", d, got, want)
		}
	}
}
