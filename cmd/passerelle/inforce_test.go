package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"passerelle/pkg/queue"
	"passerelle/pkg/ticket"
)

// onlyApplied makes a configuration the applied one of a store that nobody serves, and names a file that is not there.
func (w *town) onlyApplied() {
	w.t.Helper()
	w.env = append(w.env, "PASSERELLE_CONFIG="+w.config+".none")
	store(w.t, w.dataDir(), func(q *queue.Queue) {
		letter := ticket.Bury(ticket.Event{
			ID: "1", Kind: ticket.KindClosed, Platform: "ha", ProjectID: 1, ConversationID: closedID, Account: w.site.Account, Site: w.site.Name, ReceivedAt: time.Now(),
		}, &ticket.Failure{Reason: ticket.ReasonRejected}, time.Now())
		if err := q.Bury(w.t.Context(), letter); err != nil {
			w.t.Fatal(err)
		}
	})
	if out, errOut, status := command(w.t, w.env, "sites", "apply", write(w.t, "applied.yaml", w.text)); status != 0 {
		w.t.Fatalf("%d %s %s", status, out, errOut)
	}
}

func TestCommandsUseWhatIsApplied(t *testing.T) {
	w := newTown(t)
	w.conversation(closedID, nil)
	w.onlyApplied()
	for _, tc := range []struct {
		want string
		args []string
	}{
		{"site-1: no errors", []string{"sites", "check"}},
		{"site-1: no errors", []string{"sites", "check", "site-1"}},
		{"configured, left alone", []string{"sites", "provision", "site-1", "--dry-run"}},
		{"Would erase what is held of 1 conversation;", []string{"erase", "--visitor", "ada@example.com", "--dry-run"}},
	} {
		out, errOut, status := command(t, w.env, tc.args...)
		if status != 0 || !strings.Contains(out, tc.want) {
			t.Errorf("%v: %d %s %s", tc.args, status, out, errOut)
		}
		if said := strings.Contains(errOut, "revision 1, applied from applied.yaml"); said != (tc.args[0] == "sites") {
			t.Errorf("%v says %s", tc.args, errOut)
		}
	}
}

// A file that is to be applied is looked at by its name, whatever is in force.
func TestANamedFileIsChecked(t *testing.T) {
	w := newTown(t)
	w.onlyApplied()
	file := write(t, "next.yaml", strings.ReplaceAll(w.text, "site-1", "site-next"))
	for _, args := range [][]string{{"sites", "check"}, {"sites", "provision", "site-next", "--dry-run"}} {
		if _, errOut, status := command(t, w.env, slices.Concat(args, []string{"--file", file})...); status != 0 || errOut != "" {
			t.Errorf("%v: %d %s", args, status, errOut)
		}
		if _, errOut, status := command(t, w.env, slices.Concat(args, []string{"--file", file + ".none"})...); status != exitUsage || !strings.Contains(errOut, "cannot be read") {
			t.Errorf("%v: %d %s", args, status, errOut)
		}
	}
}

func TestTheFileIsCheckedWhereTheStoreCannotBeReached(t *testing.T) {
	w := newTown(t)
	env := slices.Concat(w.env, []string{"PASSERELLE_NATS_URL=nats://127.0.0.1:1"})
	if out, errOut, status := command(t, env, "sites", "check"); status != 0 || !strings.Contains(out, "site-1: no errors") || !strings.Contains(errOut, "cannot tell whether a configuration is applied") {
		t.Errorf("%d %s %s", status, out, errOut)
	}
}
