package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"passerelle/pkg/queue"
)

// tagged gives the town's configuration with another tag on its tickets.
func (w *town) tagged(tag string) string {
	return strings.Replace(w.text, "tags: [iadvize]", "tags: [iadvize, "+tag+"]", 1)
}

// tagOf makes a conversation end, and gives the tags of its ticket.
func (w *town) tagsOf(url string, n int) []string {
	w.t.Helper()
	id := fmt.Sprintf("00000000-0000-4000-8000-%012d", n)
	w.conversation(id, nil)
	post(w.t, url, published(id))
	until(w.t, "the ticket", func() bool { return len(w.account.TicketByExternalID("iadvize:"+id)) > 0 })
	return w.account.TicketByExternalID("iadvize:" + id)[0].Tags
}

// sources reads where the sites' settings come from.
func sources(t *testing.T, env []string) source {
	t.Helper()
	out, errOut, status := command(t, env, "sites", "list", "-o", "json")
	var sites []struct {
		Name   string
		Source source
	}
	if err := json.Unmarshal([]byte(out), &sites); err != nil || status != 0 || len(sites) != 1 {
		t.Fatalf("%d %s %s (%v)", status, out, errOut, err)
	}
	return sites[0].Source
}

func TestAnAppliedConfigurationIsUsedByEveryWorker(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	nats, _ := startNATS(t)
	env := slices.Concat(w.env, []string{"PASSERELLE_NATS_URL=" + nats})
	in := start(t, env, "serve", "--roles", "ingest")
	url := in.address("ingest")
	workers := []*process{start(t, env, "serve", "--roles", "worker"), start(t, env, "serve", "--roles", "worker")}
	if tags := w.tagsOf(url, 1); slices.Contains(tags, "first") {
		t.Errorf("tags = %v", tags)
	}
	until(t, "three processes that answer", func() bool { return sources(t, env).Running == 3 })

	first := write(t, "first.yaml", w.tagged("first")+"# hunter2 stood here\n")
	begun := time.Now()
	out, errOut, status := command(t, env, "sites", "apply", first, "-o", "json")
	took := time.Since(begun)
	var done change
	if err := json.Unmarshal([]byte(out), &done); err != nil || status != 0 || len(done.Processes) != 3 || done.Revision == 0 {
		t.Fatalf("%d %s %s", status, out, errOut)
	}
	for _, p := range done.Processes {
		if p.Revision != done.Revision || p.Content != done.Content {
			t.Errorf("process %+v, want revision %d", p, done.Revision)
		}
	}
	for _, p := range append(workers, in) {
		p.await("applied configuration in force")
	}
	t.Logf("in force in 3 processes %v after the command began, its own start included", took)
	for n := 2; n < 12; n++ { // whichever worker takes it
		if tags := w.tagsOf(url, n); !slices.Contains(tags, "first") {
			t.Fatalf("tags = %v", tags)
		}
	}

	// A bad file is refused whole, and nothing changes.
	for text, want := range map[string]string{
		strings.Replace(w.tagged("bad"), "archive: true", "archve: true", 1):                                 "tickets.archve: unknown key; did you mean archive?",
		strings.Replace(w.tagged("bad"), "locale: fr", "locale: xx", 1):                                      "sites.site-1.locale: expected one of",
		strings.Replace(w.tagged("bad"), "${TEST_PASSWORD}", "hunter2", 1):                                   "iadvize.demo.password: expected a reference",
		strings.ReplaceAll(w.tagged("bad"), "client_secret: \"${TEST_PASSWORD}\"", "client_secret: hunter2"): "zendesk.demo-1.auth.oauth.client_secret: expected a reference",
	} {
		bad := write(t, "bad.yaml", text)
		out, errOut, status := command(t, env, "sites", "apply", bad)
		if status != exitUsage || out != "" || !strings.Contains(errOut, bad+":") || !strings.Contains(errOut, want) || strings.Contains(errOut, "hunter2") {
			t.Errorf("%d %s %s, want %s", status, out, errOut, want)
		}
	}
	if from := sources(t, env); from.Applied != done.Revision || from.Running != 3 || from.Processes != 3 || from.File != "first.yaml" {
		t.Errorf("source = %+v", from)
	}

	// A configuration of a newer version is refused by those who cannot use it.
	q, err := queue.Open(t.Context(), queue.Options{URL: nats})
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	begun = time.Now()
	newer, err := q.ApplyConfig(t.Context(), queue.AppliedConfig{Revision: done.Revision}, "newer.yaml", []byte("future: true\n"+w.tagged("newer")))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range workers {
		if line := p.await("the applied configuration is refused"); !strings.Contains(line, "newer.yaml:1: future: unknown key") {
			t.Errorf("line = %s", line)
		}
	}
	t.Logf("both workers had dealt with a change %v after it began to be stored", time.Since(begun))
	if tags := w.tagsOf(url, 12); !slices.Contains(tags, "first") {
		t.Errorf("tags = %v", tags)
	}
	// One that starts now uses what the others use, and needs no file.
	started := start(t, append(env, "PASSERELLE_CONFIG="+w.config+".none"), "serve", "--roles", "worker")
	started.await("the applied configuration is refused")
	until(t, "a fourth process", func() bool {
		from := sources(t, env)
		return from.Running == 4 && from.Processes == 4 && from.Applied == done.Revision
	})

	// The file of a process is not in force, and is again when the applied one is taken back.
	if err := os.WriteFile(w.config, []byte(w.tagged("file")), 0o600); err != nil {
		t.Fatal(err)
	}
	if line := workers[0].await("is not in force"); !strings.Contains(line, "sites unapply") {
		t.Errorf("line = %s", line)
	}
	out, errOut, status = command(t, env, "sites", "unapply")
	if status != 0 || !strings.Contains(out, fmt.Sprintf("Revision %d is taken back", newer.Revision)) || !strings.Contains(out, "in 4 of 4 running") {
		t.Errorf("%d %s %s", status, out, errOut)
	}
	started.end()
	until(t, "the file's settings", func() bool { from := sources(t, env); return from.Applied == 0 && from.Processes == 3 })
	if tags := w.tagsOf(url, 13); !slices.Contains(tags, "file") {
		t.Errorf("tags = %v", tags)
	}
}

func TestApplyReachesTheEmbeddedServer(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	path := write(t, "applied.yaml", w.tagged("applied"))
	if out, errOut, status := command(t, w.env, "sites", "list"); status != 0 || !strings.Contains(out, "In force: the file "+w.config) || errOut != "" {
		t.Errorf("%d %s %s", status, out, errOut)
	}
	p := start(t, w.env, "serve")
	url := p.address("ingest")
	until(t, "the process to answer", func() bool { return sources(t, w.env).Running == 1 })
	if out, errOut, status := command(t, w.env, "sites", "apply", path); status != 0 || !strings.Contains(out, "In force in 1 of 1 running processes.") {
		t.Errorf("%d %s %s", status, out, errOut)
	}
	if tags := w.tagsOf(url, 1); !slices.Contains(tags, "applied") {
		t.Errorf("tags = %v", tags)
	}
	p.end()
	// Nobody runs: what is applied waits for who starts, even when their file is bad.
	if err := os.WriteFile(w.config, []byte("sites: ["), 0o600); err != nil {
		t.Fatal(err)
	}
	path = write(t, "later.yaml", w.tagged("later"))
	if out, errOut, status := command(t, w.env, "sites", "apply", path); status != 0 || !strings.Contains(out, "No process runs") {
		t.Errorf("%d %s %s", status, out, errOut)
	}
	out, errOut, status := command(t, w.env, "sites", "list")
	if status != 0 || !strings.Contains(out, "applied from later.yaml") {
		t.Errorf("%d %s %s", status, out, errOut)
	}
	p = start(t, w.env, "serve")
	if tags := w.tagsOf(p.address("ingest"), 2); !slices.Contains(tags, "later") {
		t.Errorf("tags = %v", tags)
	}
	p.end()
	for range 2 {
		if out, errOut, status := command(t, w.env, "sites", "unapply"); status != 0 {
			t.Errorf("%d %s %s", status, out, errOut)
		}
	}
	if _, errOut, status := command(t, w.env, "serve"); status != exitUsage || !strings.Contains(errOut, w.config+":1") {
		t.Errorf("%d %s", status, errOut)
	}
}
