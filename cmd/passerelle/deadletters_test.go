package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"passerelle/pkg/queue"
	"passerelle/pkg/ticket"
)

// says runs a command in this process.
func says(in string, args ...string) (out, errOut string, status int) {
	var o, e bytes.Buffer
	status = run(args, streams{in: strings.NewReader(in), out: &o, err: &e})
	return o.String(), e.String(), status
}

func TestTheListTakesDaysAndNoticesAMisspeltSite(t *testing.T) {
	w := newTown(t)
	dir := w.enter()
	now := time.Now()
	store(t, dir, func(q *queue.Queue) {
		for i, before := range []time.Duration{time.Hour, 30 * time.Hour} {
			e := ticket.Event{ID: numbered(i), Kind: ticket.KindClosed, ConversationID: numbered(i), Site: "gone", ReceivedAt: now}
			if err := q.Bury(t.Context(), ticket.Bury(e, &ticket.Failure{Reason: ticket.ReasonRejected}, now.Add(-before))); err != nil {
				t.Fatal(err)
			}
		}
	})
	for _, tc := range []struct {
		args    string
		letters int
		status  int
		hint    string // on standard error; empty: nothing is said
	}{
		{"", 2, 0, ""},
		{"--since 1d", 1, 0, ""},
		{"--since 1d12h", 2, 0, ""},
		{"--since 36h", 2, 0, ""},
		{"--since 1x", 0, exitUsage, "such as 7d"},
		{"--since=-1h", 0, exitUsage, "such as 7d"},
		{"--site gone --since 1m", 0, 0, ""}, // it has left the configuration, and its letters have not
		{"--site " + w.site.Name, 0, 0, ""},
		{"--site " + w.site.Name + "x", 0, 0, "did you mean " + w.site.Name + "?"},
		{"--site something-else", 0, 0, "passerelle sites list"},
	} {
		out, errOut, status := says("", append([]string{"deadletters", "list", "-o", "json"}, strings.Fields(tc.args)...)...)
		var letters []ticket.DeadLetter
		if status == 0 {
			if err := json.Unmarshal([]byte(out), &letters); err != nil {
				t.Fatalf("%s: %v: %s", tc.args, err, out)
			}
		}
		if len(letters) != tc.letters || status != tc.status || (errOut == "") != (tc.hint == "") || !strings.Contains(errOut, tc.hint) {
			t.Errorf("%s: %d letters, status %d, %q; want %+v", tc.args, len(letters), status, errOut, tc)
		}
	}
}
