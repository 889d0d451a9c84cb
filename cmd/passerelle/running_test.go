package main

import (
	"os"
	"slices"
	"strings"
	"testing"

	"passerelle/pkg/queue"
)

// What runs can be steered while somebody edits the file, or has taken it away.
func TestWhatRunsIsSteeredWhileTheFileIsBad(t *testing.T) { //nolint:tparallel // its steps follow one another
	t.Parallel()
	w := newTown(t)
	account := w.site.Account
	p := start(t, w.env, "serve")
	p.address("ingest")
	until(t, "the process answers", func() bool { return sources(t, w.env).Running == 1 })
	good := sources(t, w.env)
	for _, tc := range []struct {
		name  string
		spoil func() error
		said  string // of the file
	}{
		{"broken", func() error {
			return os.WriteFile(w.config, []byte(strings.Replace(w.text, "project_id: 1", "projct_id: 1", 1)+"other: 1\n"), 0o600)
		}, "sites.site-1.projct_id: unknown key; did you mean project_id?"},
		{"gone", func() error { return os.Remove(w.config) }, "cannot be read (no such file or directory)"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if err := tc.spoil(); err != nil {
				t.Fatal(err)
			}
			run := func(status int, args ...string) (out, errOut string) {
				t.Helper()
				out, errOut, got := command(t, w.env, args...)
				if got != status || !strings.Contains(errOut, tc.said) {
					t.Errorf("%v: %d, %s%s", args, got, out, errOut)
				}
				return out, errOut
			}
			if out, errOut := run(0, "lanes", "list", "--all"); !strings.Contains(out, "│ "+account+" ") || strings.Count(errOut, "\n") != 1 {
				t.Errorf("the list:\n%s%s", out, errOut)
			}
			if out, _ := run(0, "lanes", "pause", account, "--why", "the file is edited"); !strings.Contains(out, account+" is paused.") {
				t.Errorf("pause: %s", out)
			}
			if out, _ := run(0, "lanes", "resume", account); !strings.Contains(out, account+" is resumed: 0 events") {
				t.Errorf("resume: %s", out)
			}
			if _, errOut := run(exitUsage, "lanes", "pause", account+"s"); !strings.Contains(errOut, "did you mean "+account+"?") {
				t.Errorf("an unknown account: %s", errOut)
			}
			out, errOut := run(0, "sites", "list")
			for _, text := range []string{"│ site-1 │", "In force: the file " + w.config + " as it was read last, content " + good.Content + "; in 1 of 1 running processes"} {
				if !strings.Contains(out, text) || strings.Count(errOut, "\n") != 1 {
					t.Errorf("the sites lack %q:\n%s%s", text, out, errOut)
				}
			}
			if from := sources(t, w.env); !from.Kept || from.Content != good.Content || from.File != w.config || from.Processes != 1 || from.Running != 1 {
				t.Errorf("source = %+v", from)
			}
			for _, args := range [][]string{{"sites", "check"}, {"sites", "provision", "site-1", "--dry-run"}} {
				if out, errOut := run(exitUsage, args...); out != "" || !strings.Contains(errOut, "what runs goes on with what it has in force: passerelle sites list shows it") {
					t.Errorf("%v: %s%s", args, out, errOut)
				}
			}
		})
	}
	p.end()
	// Nobody is left who could say which accounts there are. A pause does no harm, and may be urgent.
	if lane := w.lane("pause", account); !lane.Changed || lane.State != queue.LanePaused {
		t.Errorf("pause: %+v", lane)
	}
	if _, errOut, status := command(t, w.env, "lanes", "resume", account); status != 0 {
		t.Errorf("resume: %d %s", status, errOut)
	}
	if _, errOut, status := command(t, w.env, "lanes", "pause", "anything"); status != 0 || !strings.Contains(errOut, `whether there is an account "anything" is not known`) {
		t.Errorf("an account that nobody knows: %d %s", status, errOut)
	}
	if _, errOut, status := command(t, w.env, "sites", "list"); status != exitUsage || !strings.Contains(errOut, "cannot be read") {
		t.Errorf("sites while nothing runs: %d %s", status, errOut)
	}
}

// An account that only what runs knows, as where the command has another file, can be steered all the same.
func TestAnAccountOfTheRunningProcessesAlone(t *testing.T) {
	w := newTown(t)
	p := start(t, w.env, "serve")
	p.address("ingest")
	until(t, "the process answers", func() bool { return sources(t, w.env).Running == 1 })
	other := strings.ReplaceAll(w.text, w.site.Account, "elsewhere")
	w.env = slices.Concat(w.env, []string{"PASSERELLE_CONFIG=" + write(t, "other.yaml", other)})
	if lane := w.lane("pause", w.site.Account); !lane.Changed {
		t.Errorf("pause: %+v", lane)
	}
}
