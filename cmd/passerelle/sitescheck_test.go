package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"passerelle/pkg/check"
	"passerelle/pkg/sim/simzendesk"
)

// checked runs sites check -o json.
func (w *town) checked(args ...string) (findings []check.Finding, errOut string, status int) {
	w.t.Helper()
	out, errOut, status := command(w.t, w.env, append([]string{"sites", "check", "-o", "json"}, args...)...)
	if status != exitUsage {
		if err := json.Unmarshal([]byte(out), &findings); err != nil {
			w.t.Fatalf("%v in %s", err, out)
		}
	}
	return findings, errOut, status
}

func TestSitesCheckOfASoundSite(t *testing.T) {
	w := newTown(t)
	w.conversation(closedID, nil)
	findings, errOut, status := w.checked()
	if status != 0 || errOut != "" || len(findings) < 20 {
		t.Errorf("exit %d, %s, %+v", status, errOut, findings)
	}
	out, errOut, status := command(t, w.env, "sites", "check", "site-1")
	if status != 0 || errOut != "" || !strings.HasPrefix(out, "site-1: no errors, no warnings   (Zendesk demo-1, iAdvize demo, project ha-1)\n  ok       purpose, zendesk_access,") {
		t.Errorf("exit %d, %s\n%s", status, errOut, out)
	}
	out, _, _ = command(t, w.env, "sites", "check", "--all")
	if !strings.Contains(out, "  ok       zendesk_role               the API user is an administrator\n") {
		t.Errorf("says\n%s", out)
	}
	if _, errOut, status := w.checked("other"); status != exitUsage || !strings.Contains(errOut, `no site "other"`) {
		t.Errorf("exit %d, %s", status, errOut)
	}
}

// A process that serves has the store open, and the check works beside it.
func TestSitesCheckBesideAProcessThatServes(t *testing.T) {
	w := newTown(t)
	p := start(t, w.env, "serve")
	p.address("ingest")
	if findings, errOut, status := w.checked(); status != 0 || errOut != "" || check.Failed(findings) {
		t.Errorf("exit %d, %s, %+v", status, errOut, findings)
	}
}

func TestSitesCheckNamesWhatIsWrong(t *testing.T) {
	w := newTown(t)
	w.account.AddTrigger(simzendesk.Trigger{
		Title: "Tell the customer", All: []simzendesk.TriggerCondition{{Field: "status", Operator: "is", Value: "solved"}},
		Actions: []simzendesk.Action{{Field: "notification_user", Value: []any{"requester_id", "S", "B"}}},
	})
	for _, f := range w.account.Fields() {
		if f.ID == w.site.Comment {
			f.EditableInPortal = true
			w.account.AddField(f)
		}
	}
	out, errOut, status := command(t, w.env, "sites", "check")
	if status != exitFailed || errOut != "passerelle: 1 of 1 checked sites would fail: site-1\n" {
		t.Errorf("exit %d, %s", status, errOut)
	}
	for _, line := range []string{
		"site-1: 1 error, 1 warning ", "  warning  field_flag                 the ticket field \"iAdvize comment\"", "  ERROR    trigger_mails_requester    the active trigger \"Tell the customer\"",
		"then: the customer gets a mail", "mend: add to the rule's ALL conditions in Zendesk",
	} {
		if !strings.Contains(out, line) {
			t.Errorf("the report lacks %q:\n%s", line, out)
		}
	}
	for line := range strings.Lines(out) {
		if len(line) > 160 {
			t.Errorf("a long line: %s", line)
		}
	}
}

func TestSitesProvisionThenCheck(t *testing.T) {
	w := newTown(t)
	w.text = regexp.MustCompile(`(?m)^ {8}\w+: \d+\n`).ReplaceAllString(strings.Replace(w.text, "      fields:\n", "", 1), "")
	w.text = regexp.MustCompile(`form_id: \d+`).ReplaceAllString(w.text, fmt.Sprintf("form_id: %d", w.account.AddForm(simzendesk.Form{Name: "Empty"}).ID))
	w.env = append(w.env, "PASSERELLE_CONFIG="+write(t, "passerelle.yaml", w.text))
	before := len(w.account.Fields())

	out, errOut, status := command(t, w.env, "sites", "provision", "site-1", "--dry-run")
	if status != 0 || errOut != "" || strings.Count(out, "would be created") != 5 || strings.Count(out, "would be put on it") != 5 || len(w.account.Fields()) != before {
		t.Errorf("exit %d, %s\n%s", status, errOut, out)
	}
	out, errOut, status = command(t, w.env, "sites", "provision", "site-1")
	_, snippet, printed := strings.Cut(out, "\nsites:\n")
	if status != 0 || errOut != "" || !printed || len(w.account.Fields()) != before+5 {
		t.Fatalf("exit %d, %s\n%s", status, errOut, out)
	}
	out, _, status = command(t, w.env, "sites", "provision", "site-1", "-o", "json")
	var again check.Provision
	if err := json.Unmarshal([]byte(out), &again); err != nil || status != 0 || len(again.Fields) != 5 || len(w.account.Fields()) != before+5 ||
		slices.ContainsFunc(again.Fields, func(f check.Provided) bool { return f.State != check.Found }) {
		t.Errorf("a second run: exit %d, %v\n%s", status, err, out)
	}

	_, ids, _ := strings.Cut(snippet, "    tickets:\n")
	w.env = append(w.env, "PASSERELLE_CONFIG="+write(t, "passerelle.yaml", strings.TrimRight(w.text, "\n")+"\n"+ids))
	if findings, errOut, status := w.checked(); status != 0 {
		t.Errorf("exit %d, %s, %+v", status, errOut, findings)
	}
	if _, errOut, status := command(t, w.env, "sites", "provision", "other"); status != exitUsage || !strings.Contains(errOut, `no site "other"`) {
		t.Errorf("exit %d, %s", status, errOut)
	}
}

func TestSitesProvisionThatIsRefused(t *testing.T) {
	w := newTown(t)
	w.env = append(w.env, "PASSERELLE_CONFIG="+write(t, "passerelle.yaml", regexp.MustCompile(`satisfaction_comment: \d+`).ReplaceAllString(w.text, "satisfaction_comment: 0")))
	w.account.Fault(simzendesk.Fault{Kind: simzendesk.Forbidden, Method: "POST", Path: "/api/v2/ticket_fields"})
	out, errOut, status := command(t, w.env, "sites", "provision", "site-1")
	if status != exitFailed || !strings.Contains(errOut, "satisfaction_comment") || !strings.Contains(errOut, "HTTP 403") || !strings.Contains(out, "configured, left alone") {
		t.Errorf("exit %d, %s\n%s", status, errOut, out)
	}
}
