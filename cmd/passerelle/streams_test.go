package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"passerelle/pkg/freeport"
	"passerelle/pkg/queue"
	"passerelle/pkg/queue/embed"
)

// operate lets do work on the store of a folder as an operator would.
func operate(t *testing.T, dir string, do func(js jetstream.JetStream) error) {
	t.Helper()
	server, err := embed.Start(embed.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	nc, err := nats.Connect("", nats.InProcessServer(server))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err == nil {
		err = do(js)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestDriftIsShownRefusedAndPutRight(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	dir := t.TempDir()
	env := slices.Concat(w.env, []string{"PASSERELLE_DATA_DIR=" + dir})
	check := func(args ...string) (all []queue.Difference, errOut string, status int) {
		t.Helper()
		out, errOut, status := command(t, env, append([]string{"streams", "check", "-o", "json"}, args...)...)
		if err := json.Unmarshal([]byte(out), &all); err != nil {
			t.Fatalf("%v: %s%s", err, out, errOut)
		}
		return all, errOut, status
	}
	if all, errOut, status := check(); status != 0 || len(all) != 0 {
		t.Errorf("a new store: %d %s %v", status, errOut, all)
	}
	change := func(stream string, how func(*jetstream.StreamConfig)) {
		operate(t, dir, func(js jetstream.JetStream) error {
			s, err := js.Stream(t.Context(), stream)
			if err != nil {
				return err
			}
			config := s.CachedInfo().Config
			how(&config)
			_, err = js.UpdateStream(t.Context(), config)
			return err
		})
	}
	change("EVENTS", func(c *jetstream.StreamConfig) { c.MaxBytes = 1 << 30 })
	if all, errOut, status := check(); status != 0 || len(all) != 1 || all[0].Have != "1073741824" || all[0].Risk != "" {
		t.Errorf("a choice of the operator: %d %s %v", status, errOut, all)
	}
	p := start(t, env, "serve")
	if line := p.await("somebody changed a setting"); !strings.Contains(line, "max_bytes") {
		t.Errorf("line = %s", line)
	}
	p.address("ingest")
	p.end()
	change("DEAD", func(c *jetstream.StreamConfig) { c.MaxMsgs = 10 })
	if all, errOut, status := check(); status != exitFailed || len(all) != 2 || !strings.Contains(errOut, "1 of 2 differences break a guarantee") {
		t.Errorf("a broken guarantee: %d %s %v", status, errOut, all)
	}
	if out, _, _ := command(t, env, "streams", "check"); !strings.Contains(out, "stream DEAD") || !strings.Contains(out, "without a trace") {
		t.Errorf("table: %s", out)
	}
	if _, errOut, status := command(t, env, "serve"); status != exitFailed || !strings.Contains(errOut, "stream DEAD: max_msgs is 10, and unlimited as it is made") {
		t.Errorf("serve: %d %s", status, errOut)
	}
	if out, errOut, status := command(t, env, "deadletters", "list"); status != 0 {
		t.Errorf("a command that looks: %d %s %s", status, out, errOut)
	}
	p = start(t, env, "serve", "--apply")
	p.address("ingest")
	p.end()
	if all, errOut, status := check(); status != 0 || len(all) != 0 {
		t.Errorf("after serve --apply: %d %s %v", status, errOut, all)
	}
	change("HOLD", func(c *jetstream.StreamConfig) { c.NoAck = true })
	if all, errOut, status := check("--apply"); status != 0 || len(all) != 0 {
		t.Errorf("check --apply: %d %s %v", status, errOut, all)
	}
}

func TestAServerThatSyncsLaterIsNamed(t *testing.T) {
	w := newTown(t)
	dir := t.TempDir()
	port, monitor := freeport.Of(t), freeport.Of(t)
	config := write(t, "nats.conf", fmt.Sprintf("server_name: lazy\nhost: 127.0.0.1\nport: %d\nhttp: \"127.0.0.1:%d\"\njetstream { store_dir: %q }\n", port, monitor, dir))
	startProgram(t, natsServer.path(t), nil, "-c", config).await("Server is ready")
	env := slices.Concat(w.env, []string{fmt.Sprintf("PASSERELLE_NATS_URL=nats://127.0.0.1:%d", port)})
	p := start(t, env, "serve")
	p.await("whether the NATS servers sync each message to disk is only told at their monitoring port")
	p.address("ingest")
	p.end()
	p = start(t, append(env, fmt.Sprintf("PASSERELLE_NATS_MONITOR_URL=http://127.0.0.1:%d", monitor)), "serve")
	if line := p.await("answers before its disk has the message"); !strings.Contains(line, `"server":"lazy"`) || !strings.Contains(line, `"sync_interval":"2m0s"`) || !strings.Contains(line, `"warn"`) {
		t.Errorf("line = %s", line)
	}
}
