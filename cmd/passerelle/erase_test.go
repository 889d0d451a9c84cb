package main

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"passerelle/pkg/queue"
	"passerelle/pkg/sim/simiadvize"
	"passerelle/pkg/ticket"
)

// erase runs the command in this process.
func erase(t *testing.T, in string, args ...string) (e erasure, errOut string, status int) {
	t.Helper()
	var out, errs bytes.Buffer
	status = run(append([]string{"erase", "-o", "json"}, args...), streams{in: strings.NewReader(in), out: &out, err: &errs})
	if out.Len() > 0 {
		if err := json.Unmarshal(out.Bytes(), &e); err != nil {
			t.Fatalf("%v: %s", err, out.String())
		}
	}
	return e, errs.String(), status
}

func ids(all []queue.Erased) (ids []string) {
	for _, c := range all {
		ids = append(ids, c.ConversationID)
	}
	return ids
}

func TestEraseFindsAVisitorsConversations(t *testing.T) {
	w := newTown(t)
	dir := w.enter()
	for i := range 3 {
		w.conversation(numbered(i), func(c *simiadvize.Conversation) {
			if i == 1 {
				c.Visitor = &simiadvize.Visitor{FirstName: "Berthe", Email: "berthe@example.com", ExternalUserID: "customer-7"}
			}
		})
	}
	event := func(id string, project int64) ticket.Event {
		return ticket.Event{ID: id, Kind: ticket.KindClosed, Platform: "ha", ProjectID: project, ConversationID: id, Account: w.site.Account, Site: w.site.Name, ReceivedAt: time.Now()}
	}
	fillStore := func() {
		store(t, dir, func(q *queue.Queue) {
			for i := range 5 { // 3 is unknown to iAdvize, 4 is of a project without a site
				project := int64(1)
				if i == 4 {
					project = 99
				}
				if err := q.Bury(t.Context(), ticket.Bury(event(numbered(i), project), &ticket.Failure{Reason: ticket.ReasonRejected}, time.Now())); err != nil {
					t.Fatal(err)
				}
			}
			answer := event(numbered(0), 1)
			answer.Kind, answer.Satisfaction = ticket.KindSatisfaction, &ticket.Satisfaction{Comment: secretComment}
			if _, err := q.Publish(t.Context(), answer); err != nil {
				t.Fatal(err)
			}
			if _, err := q.Publish(t.Context(), event(numbered(2), 1)); err != nil {
				t.Fatal(err)
			}
		})
	}
	fillStore()
	want := []string{numbered(0), numbered(2)}
	e, errOut, status := erase(t, "", "--visitor", "ADA@example.com", "--dry-run")
	if status != exitFailed || !e.DryRun || e.ID != "" || !slices.Equal(ids(e.Conversations), want) || e.LookedAt != 5 || len(e.Unread) != 2 || !strings.Contains(errOut, "2 conversations could not be found out") {
		t.Errorf("dry run: %d %s %+v", status, errOut, e)
	}
	for _, c := range e.Conversations {
		if c.DeadLetters != 1 || c.Events != 1 || !c.Known {
			t.Errorf("a dry run would erase %+v", c)
		}
	}
	e, errOut, status = erase(t, "ADA@example.com\n", "--visitor", "-", "--conversation", numbered(3), "--conversation", numbered(4))
	if status != 0 || e.ID == "" || len(e.Conversations) != 4 || !e.Conversations[0].Known || len(e.Unread) != 0 {
		t.Fatalf("%d %s %+v", status, errOut, e)
	}
	for _, c := range e.Conversations {
		if two := c.ConversationID == numbered(0) || c.ConversationID == numbered(2); c.DeadLetters != 1 || (c.Events == 1) != two {
			t.Errorf("erased %+v", c)
		}
	}
	if letters, _ := left(t, dir, 0); letters != 1 {
		t.Errorf("%d letters left, want the other visitor's", letters)
	}
	if e, errOut, status = erase(t, "", "--visitor", "customer-7"); status != 0 || !slices.Equal(ids(e.Conversations), []string{numbered(1)}) {
		t.Errorf("by external id: %d %s %+v", status, errOut, e)
	}
	if e, errOut, status = erase(t, "", "--visitor", "nobody@example.com"); status != 0 || len(e.Conversations) != 0 || e.ID == "" {
		t.Errorf("nobody: %d %s %+v", status, errOut, e)
	}
	var text bytes.Buffer
	if status := run([]string{"erase", "--records"}, streams{in: strings.NewReader(""), out: &text, err: &text}); status != 0 || strings.Count(text.String(), "\n") != 3 || !strings.Contains(text.String(), "4 conversations: events 2, held 0, dead letters 4") {
		t.Errorf("records: %d %s", status, text.String())
	}
	if s, status := trace(t, numbered(0)); status != 0 || s.Outcome != outcomeSkipped || !strings.Contains(s.Steps[len(s.Steps)-1].Text, "erased") {
		t.Errorf("trace: %d %+v", status, s)
	}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		if lower := bytes.ToLower(content); bytes.Contains(lower, []byte("example.com")) || bytes.Contains(lower, []byte("berthe")) || bytes.Contains(lower, []byte("customer-7")) {
			t.Errorf("%s holds something of a visitor", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	// What comes again makes no ticket.
	w.conversation(numbered(0), nil)
	p := start(t, append(w.env, "PASSERELLE_DATA_DIR="+dir), "serve")
	if status, answer := post(t, p.address("ingest"), published(numbered(0))); status != 202 || answer != `{"status":"duplicate"}` {
		t.Errorf("the webhook again: %d %s", status, answer)
	}
	p.end()
	if n := len(w.account.Tickets()); n != 0 {
		t.Errorf("%d tickets", n)
	}
}

func TestEraseOfAMisspeltConversationSaysSo(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PASSERELLE_DATA_DIR", dir)
	t.Setenv("PASSERELLE_NATS_URL", "")
	store(t, dir, func(q *queue.Queue) { bury(t, q, 1, ticket.ReasonRejected) })
	for _, tc := range []struct {
		args, says string
	}{
		{"--conversation typo --dry-run", "Nothing is held of typo.\n"},
		{"--conversation typo", "Nothing was held of typo.\n"},
		{"--conversation typo", "Nothing was held of typo.\n"}, // what the first one left is nothing known
		{"--conversation " + numbered(0) + " --dry-run", "Would erase what is held of 1 conversation; something is held of 1 conversation in all.\n"},
		{"--conversation typo --conversation " + numbered(0), "Erased what was held of 1 conversation; something was held of 1 conversation in all.\n"},
		{"--conversation " + numbered(0), "Nothing was held of " + numbered(0) + ".\n"},
	} {
		out, errOut, status := says("", append([]string{"erase"}, strings.Fields(tc.args)...)...)
		if status != 0 || !strings.HasPrefix(out, tc.says) || strings.Contains(tc.args, "typo") != strings.Contains(out, "  typo  nothing ") {
			t.Errorf("%s: status %d %s\n%s", tc.args, status, errOut, out)
		}
	}
	if out, _, status := says("", "erase", "--records"); status != 0 || strings.Count(out, "  1 conversation: ") != 3 {
		t.Errorf("records: %d\n%s", status, out)
	}
}

func TestEraseUsage(t *testing.T) {
	for _, args := range [][]string{nil, {"--visitor", " "}, {"--records", "--visitor", "x"}, {"--visitor", "-"}} {
		if _, _, status := erase(t, "", args...); status != exitUsage {
			t.Errorf("%v: exit status %d", args, status)
		}
	}
}
