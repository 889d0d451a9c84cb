package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"passerelle/pkg/cache/redistest"
	"passerelle/pkg/sim/simiadvize"
	"passerelle/pkg/sim/simzendesk"
	"passerelle/pkg/ticket"
)

// checkTicket compares the ticket of the published conversation, item by item.
func (w *town) checkTicket(id string) {
	w.t.Helper()
	external := "iadvize:" + id
	until(w.t, "the ticket", func() bool { return len(w.account.TicketByExternalID(external)) > 0 })
	until(w.t, "the agent's name in it, or its comments", func() bool { return len(w.account.TicketByExternalID(external)[0].Comments) > 0 })
	all := w.account.TicketByExternalID(external)
	if len(all) != 1 {
		w.t.Fatalf("%d tickets", len(all))
	}
	got := all[0]
	if got.Status != "solved" || got.FormID != w.site.FormID || got.IsPublic {
		w.t.Errorf("ticket = %+v", got)
	}
	first := got.Comments[0]
	if first.Public || first.Truncated {
		w.t.Errorf("first comment = %+v", first)
	}
	for _, text := range []string{"Bonjour, je suis un robot", "Où est &lt;b&gt;ma commande&lt;/b&gt; ?", "&#123;&#123;ticket.id}} 📦", "Elle part demain.", "Chloé Durand"} {
		if !strings.Contains(first.HTMLBody, text) {
			w.t.Errorf("the transcript lacks %q: %s", text, first.HTMLBody)
		}
	}
	users := map[int64]simzendesk.User{}
	for _, u := range w.account.Users() {
		users[u.ID] = u
	}
	if email := users[got.AssigneeID].Email; email != w.site.Agents[0] {
		w.t.Errorf("assignee = %s, want %s", email, w.site.Agents[0])
	}
	if requester := users[got.RequesterID]; requester.Email != "ada@example.com" || requester.Name != "Ada Martin" {
		w.t.Errorf("requester = %+v", requester)
	}
	if got.Fields[w.site.ConversationID] != id || got.Fields[w.site.Tags] != "Retour produit" {
		w.t.Errorf("fields = %v", got.Fields)
	}
	for _, tag := range []string{"iadvize", "retour_produit"} {
		if !slices.Contains(got.Tags, tag) {
			w.t.Errorf("tags = %v, want %s among them", got.Tags, tag)
		}
	}
	if mails := w.account.Notifications(); len(mails) != 0 {
		w.t.Errorf("the customer was mailed: %+v", mails)
	}
}

func TestAPublishedWebhookBecomesATicket(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.conversation(closedID, nil)
	p := start(t, w.env, "serve")
	url := p.address("ingest")
	if status, answer := post(t, url, published(closedID)); status != 202 || answer != `{"status":"accepted"}` {
		t.Fatalf("%d %s", status, answer)
	}
	w.checkTicket(closedID)
	p.await("conversation created")
	if status, answer := post(t, url, published(closedID)); status != 202 || answer != `{"status":"duplicate"}` {
		t.Errorf("again: %d %s", status, answer)
	}
	console := p.address("console")
	for _, path := range []string{"/livez", "/readyz", "/metrics", "/", "/api/deadletters", "/api/lanes"} {
		response, err := http.Get(console + path)
		if err != nil {
			t.Fatal(err)
		}
		if response.Body.Close(); response.StatusCode != 200 {
			t.Errorf("%s: %d", path, response.StatusCode)
		}
	}
	http.DefaultClient.CloseIdleConnections()
	if _, errOut, status := command(t, w.env, "serve"); status != exitFailed || !strings.Contains(errOut, "in use by another passerelle process") {
		t.Errorf("a second process: %d %s", status, errOut)
	}
	if status := p.end(); status != 0 {
		t.Errorf("exit status %d", status)
	}
	for _, line := range p.logs.lines {
		for _, personal := range []string{"Ada", "ada@", "commande", "Chlo", demoPassword, testSecret} {
			if strings.Contains(line, personal) {
				t.Errorf("the log holds %q: %s", personal, line)
			}
		}
	}
}

func TestTheSameWithServersAndProcessesOfTheirOwn(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	nats, _ := startNATS(t)
	redis, _ := redistest.Start(t)
	env := slices.Concat(w.env, []string{"PASSERELLE_NATS_URL=" + nats, "PASSERELLE_REDIS_URL=" + redis})
	in := start(t, env, "serve", "--roles", "ingest")
	start(t, env, "serve", "--roles", "worker")
	start(t, env, "serve", "--roles", "worker")
	w.conversation(closedID, nil)
	url := in.address("ingest")
	if status, answer := post(t, url, published(closedID)); status != 202 || answer != `{"status":"accepted"}` {
		t.Fatalf("%d %s", status, answer)
	}
	w.checkTicket(closedID)
	for i := range 40 {
		id := fmt.Sprintf("00000000-0000-4000-8000-%012d", i)
		w.conversation(id, nil)
		post(t, url, published(id))
	}
	until(t, "41 tickets", func() bool { return len(w.account.Tickets()) >= 41 })
	if sum := w.zendesk.Summary(); sum.Doubled != 0 || sum.Tickets != 41 {
		t.Errorf("summary = %+v", sum)
	}
	if got := w.iadvize.Requests().Tokens; got != 1 {
		t.Errorf("%d log-ins at iAdvize, want one for all workers", got)
	}
}

func TestARequiredFieldIsADeadLetterUntilItHasADefault(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	field := w.account.AddField(simzendesk.Field{Type: "tagger", Title: "Service", Required: true, OffForm: true, Options: []simzendesk.Option{{Name: "SAV", Value: "sav"}}})
	form := w.account.Forms()[len(w.account.Forms())-1]
	form.FieldIDs = append(form.FieldIDs, field.ID)
	w.account.AddForm(form)
	w.conversation(closedID, nil)
	p := start(t, w.env, "serve")
	post(t, p.address("ingest"), published(closedID))
	p.await("conversation dead")
	var letters []ticket.DeadLetter
	list := func() []ticket.DeadLetter {
		out, errOut, status := command(t, w.env, "deadletters", "list", "-o", "json")
		letters = nil
		if err := json.Unmarshal([]byte(out), &letters); err != nil || status != 0 {
			t.Fatalf("list: %d %s %s", status, out, errOut)
		}
		return letters
	}
	until(t, "the dead letter", func() bool { return len(list()) == 1 })
	if d := letters[0]; d.Reason != ticket.ReasonRequiredFieldMissing || d.ID != closedID || d.Site != w.site.Name || len(d.Detail.Fields) != 1 ||
		d.Detail.Fields[0] != (ticket.FieldRef{ID: field.ID, Title: "Service"}) {
		t.Errorf("letter = %+v", d)
	}
	if n := w.account.Requests()["POST /api/v2/tickets"]; n != 0 {
		t.Errorf("%d requests to create it", n)
	}
	dry, errOut, status := command(t, w.env, "deadletters", "replay", "--all", "--dry-run")
	if status != 0 || !strings.Contains(dry, "would be dead again") || !strings.Contains(dry, "Service") {
		t.Errorf("dry run: %d %s %s", status, dry, errOut)
	}
	mended := strings.Replace(w.text, "      tags: [iadvize]", fmt.Sprintf("      tags: [iadvize]\n      defaults: {%d: sav}", field.ID), 1)
	if err := os.WriteFile(w.config, []byte(mended), 0o600); err != nil {
		t.Fatal(err)
	}
	if dry, errOut, status = command(t, w.env, "deadletters", "replay", closedID, "--dry-run", "-o", "json"); status != 0 || !strings.Contains(dry, `"created"`) {
		t.Errorf("dry run after mending: %d %s %s", status, dry, errOut)
	}
	if out, errOut, status := command(t, w.env, "deadletters", "replay", "--all"); status != 0 || !strings.Contains(out, "replayed") {
		t.Fatalf("replay: %d %s %s", status, out, errOut)
	}
	until(t, "the ticket", func() bool { return len(w.account.TicketByExternalID("iadvize:"+closedID)) == 1 })
	if got := w.account.TicketByExternalID("iadvize:" + closedID)[0].Fields[field.ID]; got != "sav" {
		t.Errorf("field = %v", got)
	}
	until(t, "an empty list", func() bool { return len(list()) == 0 })
	if len(w.account.Tickets()) != 1 {
		t.Errorf("%d tickets", len(w.account.Tickets()))
	}
}

func TestAKilledProcessLosesAndDoublesNothing(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.account.Fault(simzendesk.Fault{Kind: simzendesk.Slow, Delay: 200e6})
	const events = 200
	p := start(t, append(w.env, "PASSERELLE_WORKER_SLOTS=4"), "serve")
	url := p.address("ingest")
	var posts sync.WaitGroup
	for i := range events {
		id := fmt.Sprintf("00000000-0000-4000-8000-%012d", i)
		w.conversation(id, nil)
		posts.Go(func() {
			if status, answer := post(t, url, published(id)); status != 202 {
				t.Errorf("%d %s", status, answer)
			}
		})
	}
	posts.Wait()
	p.kill()
	made := len(w.account.Tickets())
	if made >= events {
		t.Fatal("nothing was left to do when the process was killed")
	}
	w.account.ClearFaults()
	start(t, w.env, "serve")
	until(t, "all tickets", func() bool { return w.zendesk.Summary().ExternalIDs == events })
	if sum := w.zendesk.Summary(); sum.Doubled != 0 || sum.Tickets != events {
		t.Errorf("summary = %+v (%d tickets before the kill)", sum, made)
	}
}

func TestAnEscalationGetsItsOpenTicketOnly(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.conversation(closedID, func(c *simiadvize.Conversation) {
		c.ClosingForm = []simiadvize.FormValue{{FieldID: "create_escalation_ticket", Value: "true", Checkbox: true}, {FieldID: "private_note", Value: "Rappeler demain"}}
	})
	p := start(t, w.env, "serve")
	post(t, p.address("ingest"), published(closedID))
	until(t, "the ticket with its note", func() bool {
		all := w.account.TicketByExternalID("iadvize:" + closedID)
		return len(all) == 1 && len(all[0].Comments) == 2
	})
	got := w.account.Tickets()
	if len(got) != 1 || got[0].Status != "open" || got[0].Comments[1].Public || !strings.Contains(got[0].Comments[1].HTMLBody, "Rappeler demain") {
		t.Errorf("tickets = %+v", got)
	}
}

func TestRefusedCredentialsMakeTheJobsWait(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.conversation(closedID, nil)
	remove := w.account.Fault(simzendesk.Fault{Kind: simzendesk.Unauthorized})
	p := start(t, w.env, "serve")
	post(t, p.address("ingest"), published(closedID))
	if line := p.await("account in trouble"); !strings.Contains(line, "credentials_refused") || !strings.Contains(line, "hint") {
		t.Errorf("line = %s", line)
	}
	remove()
	w.checkTicket(closedID)
	p.await("account well again")
}

func TestASiteThatIsConfiguredLaterGetsItsTicket(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.conversation(closedID, nil)
	if err := os.WriteFile(w.config, []byte(strings.Replace(w.text, "project_id: 1\n", "project_id: 2\n", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, w.env, "serve")
	if status, answer := post(t, p.address("ingest"), published(closedID)); status != 202 || answer != `{"status":"accepted"}` {
		t.Fatalf("%d %s", status, answer)
	}
	if line := p.await("conversation dead"); !strings.Contains(line, "site_unknown") {
		t.Errorf("line = %s", line)
	}
	if err := os.WriteFile(w.config, []byte(w.text), 0o600); err != nil {
		t.Fatal(err)
	}
	until(t, "a replay", func() bool {
		out, _, _ := command(t, w.env, "deadletters", "replay", "--reason", "site_unknown")
		return strings.Contains(out, "replayed")
	})
	w.checkTicket(closedID)
}

func TestASecondSignalEndsTheProcessAtOnce(t *testing.T) {
	w := newTown(t)
	w.conversation(closedID, nil)
	w.account.Fault(simzendesk.Fault{Kind: simzendesk.Hang})
	p := start(t, w.env, "serve")
	post(t, p.address("ingest"), published(closedID))
	until(t, "a request that hangs", func() bool { return len(w.account.Requests()) > 0 || w.iadvize.Requests().GraphQL > 0 })
	p.signal(syscall.SIGTERM)
	p.await("ending")
	p.signal(syscall.SIGTERM)
	<-p.done
	if status := p.cmd.ProcessState.ExitCode(); status != exitFailed {
		t.Errorf("exit status %d", status)
	}
}
