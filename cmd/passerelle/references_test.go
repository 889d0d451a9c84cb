package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// refused runs sites apply for one process that refuses the file, and gives what the command says of it.
func (w *town) refused(text string) string {
	w.t.Helper()
	out, errOut, status := command(w.t, w.env, "sites", "apply", write(w.t, "unset.yaml", text), "-o", "json")
	var done change
	if err := json.Unmarshal([]byte(out), &done); err != nil || status != exitFailed || len(done.Processes) != 1 || done.Processes[0].Refused != done.Revision {
		w.t.Fatalf("%d %s %s", status, out, errOut)
	}
	return errOut
}

func TestAConfigurationWhoseReferencesCannotBeResolvedIsRefused(t *testing.T) {
	w := newTown(t)
	late := filepath.Join(t.TempDir(), "late")
	p := start(t, w.env, "serve")
	url := p.address("ingest")
	until(t, "the process to answer", func() bool { return sources(t, w.env).Running == 1 })
	for _, tc := range []struct{ from, to, want string }{
		{`client_secret: "${TEST_PASSWORD}"`, `client_secret: "${NOPE}"`, "zendesk.demo-1.auth.oauth.client_secret: environment variable NOPE is not set"},
		{`password: "${TEST_PASSWORD}"`, `password: "${NOPE}"`, "iadvize.demo.password: environment variable NOPE is not set"},
		{`webhook_secrets: [`, `webhook_secrets: ["${NOPE}", `, "iadvize.demo.webhook_secrets: environment variable NOPE is not set"},
		{`password: "${TEST_PASSWORD}"`, `password: "${file:` + late + `}"`, "iadvize.demo.password: secret file: stat " + late},
	} {
		text := strings.Replace(w.tagged("unset"), tc.from, tc.to, 1)
		if errOut := w.refused(text); !strings.Contains(errOut, "refuses it and keeps the old one") || !strings.Contains(errOut, tc.want) || !strings.Contains(errOut, "sites unapply") || strings.Contains(errOut, demoPassword) {
			t.Errorf("%s says %s", tc.to, errOut)
		}
	}
	if out, errOut, status := command(t, w.env, "sites", "list"); status != 0 || !strings.Contains(out, "in 0 of 1 running processes; refused by 1,") {
		t.Errorf("%d %s %s", status, out, errOut)
	}
	if tags := w.tagsOf(url, 1); slices.Contains(tags, "unset") {
		t.Errorf("tags = %v", tags)
	}
	// The file of the last one comes at last.
	if err := os.WriteFile(late, []byte(demoPassword), 0o600); err != nil {
		t.Fatal(err)
	}
	p.await("applied configuration in force")
	if tags := w.tagsOf(url, 2); !slices.Contains(tags, "unset") {
		t.Errorf("tags = %v", tags)
	}
}

// A process that starts takes the newest configuration that it can use; when it can resolve none, the newest one, so
// that only what needs the secret waits.
func TestAProcessStartsOnWhatItCanResolve(t *testing.T) {
	w := newTown(t)
	unset := write(t, "unset.yaml", strings.Replace(w.tagged("unset"), `client_secret: "${TEST_PASSWORD}"`, `client_secret: "${NOPE}"`, 1))
	if err := os.MkdirAll(w.dataDir(), 0o700); err != nil {
		t.Fatal(err)
	}
	apply := func(file string) {
		t.Helper()
		if out, errOut, status := command(t, w.env, "sites", "apply", file); status != 0 || !strings.Contains(out, "No process runs") {
			t.Fatalf("%d %s %s", status, out, errOut)
		}
	}
	apply(unset)
	p := start(t, w.env, "serve")
	p.address("ingest")
	if line := p.await("a secret cannot be resolved; what needs it waits"); !strings.Contains(line, "NOPE") {
		t.Errorf("line = %s", line)
	}
	until(t, "revision 1 in force", func() bool { from := sources(t, w.env); return from.Processes == 1 && from.Applied == 1 })
	p.end()

	apply(write(t, "sound.yaml", w.tagged("sound")))
	apply(unset)
	p = start(t, w.env, "serve")
	if line := p.await("the applied configuration is refused"); !strings.Contains(line, "NOPE") || !strings.Contains(line, `"applied":3`) {
		t.Errorf("line = %s", line)
	}
	if tags := w.tagsOf(p.address("ingest"), 1); !slices.Contains(tags, "sound") {
		t.Errorf("tags = %v", tags)
	}
}

// A process needs the secrets of its own roles.
func TestAProcessNeedsTheSecretsOfItsRoles(t *testing.T) {
	w := newTown(t)
	p := start(t, w.env, "serve", "--roles", "console")
	p.address("console")
	until(t, "the process to answer", func() bool { return sources(t, w.env).Running == 1 })
	file := write(t, "unset.yaml", strings.ReplaceAll(w.text, "${TEST_PASSWORD}", "${NOPE}"))
	if out, errOut, status := command(t, w.env, "sites", "apply", file); status != 0 || !strings.Contains(out, "In force in 1 of 1") {
		t.Errorf("%d %s %s", status, out, errOut)
	}
}

// What a shell lacks says nothing of the processes that serve.
func TestALookWithoutTheSecretsIsAnError(t *testing.T) {
	w := newTown(t)
	w.conversation(closedID, nil)
	w.onlyApplied()
	env := slices.Concat(w.env, []string{"TEST_PASSWORD="})
	for _, args := range [][]string{
		{"deadletters", "replay", "--all", "--plan"},
		{"deadletters", "replay", "--all", "--dry-run"},
		{"deadletters", "replay", closedID, "--dry-run", "-o", "json"},
		{"backfill", "--site", "site-1", "--from", "7d", "--dry-run"},
		{"backfill", "--site", "site-1", "--from", "7d"},
	} {
		out, errOut, status := command(t, env, args...)
		if status != exitFailed || out != "" || !strings.Contains(errOut, "iadvize.demo.password: environment variable TEST_PASSWORD is not set") ||
			!strings.Contains(errOut, "in the environment of this command") || strings.Contains(errOut, "go on by themselves") {
			t.Errorf("%v: %d %s %s", args, status, out, errOut)
		}
		if told := strings.Contains(errOut, "zendesk.demo-1.auth.oauth.client_secret"); told != (args[0] == "deadletters") {
			t.Errorf("%v: %s", args, errOut)
		}
	}
	if out, errOut, status := command(t, env, "deadletters", "list"); status != 0 {
		t.Errorf("%d %s %s", status, out, errOut)
	}
}

// A dry run that fails tells no totals.
func TestADryBackfillThatFailsPrintsNoTotals(t *testing.T) {
	w := newTown(t)
	w.onlyApplied()
	out, errOut, status := command(t, append(w.env, "TEST_PASSWORD=wrong"), "backfill", "--site", "site-1", "--from", "7d", "--dry-run")
	if status != exitFailed || out != "" || !strings.Contains(errOut, "check iadvize.demo.username and password") || strings.Contains(errOut, "go on by themselves") ||
		strings.Contains(errOut, "goes on from there") {
		t.Errorf("%d %s %s", status, out, errOut)
	}
}
