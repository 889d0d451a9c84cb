package queue_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"passerelle/pkg/queue"
)

// natsServer runs a server on ports of its own, with more in its configuration.
func natsServer(t *testing.T, config string) *server.Server {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "nats.conf")
	text := fmt.Sprintf("server_name: n1\nhost: 127.0.0.1\nport: -1\nhttp: \"127.0.0.1:-1\"\n%s\n", strings.ReplaceAll(config, "DIR", dir))
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	options, err := server.ProcessConfigFile(path)
	if err != nil {
		t.Fatal(err)
	}
	options.NoSigs = true
	s, err := server.NewServer(options)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(30 * time.Second) {
		t.Fatal("the server was not ready")
	}
	return s
}

func TestSyncs(t *testing.T) {
	const shared = `
accounts {
  SYS { users: [{user: sys, password: sys}], exports: [{service: "$SYS.REQ.SERVER.PING.VARZ", response: stream}] }
  APP { jetstream: enabled, users: [{user: app, password: app}], imports: [{service: {account: SYS, subject: "$SYS.REQ.SERVER.PING.VARZ"}}] }
}
system_account: SYS
`
	for _, tc := range []struct {
		name, config, user string
		monitor, always    bool
	}{
		{name: "by the monitoring port, always", config: "jetstream { store_dir: \"DIR\", sync_interval: always }", monitor: true, always: true},
		{name: "by the monitoring port, sometimes", config: "jetstream { store_dir: \"DIR\", sync_interval: 30s }", monitor: true},
		{name: "by the system account, always", config: shared + "jetstream { store_dir: \"DIR\", sync_interval: always }", user: "app:app@", always: true},
		{name: "by the system account, sometimes", config: shared + "jetstream { store_dir: \"DIR\", sync_interval: 30s }", user: "app:app@"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := natsServer(t, tc.config)
			q, err := queue.Open(t.Context(), queue.Options{URL: strings.Replace(s.ClientURL(), "nats://", "nats://"+tc.user, 1)})
			if err != nil {
				t.Fatal(err)
			}
			defer q.Close()
			var monitors []string
			if tc.monitor {
				monitors = []string{"http://" + s.MonitorAddr().String()}
			}
			got, err := q.Syncs(t.Context(), monitors)
			if err != nil || len(got) != 1 || got[0].Name != "n1" || got[0].Always != tc.always || !tc.always && got[0].Interval != 30*time.Second {
				t.Errorf("syncs = %+v, %v", got, err)
			}
		})
	}
}

func TestSyncsThatCannotBeKnown(t *testing.T) {
	q, _ := open(t)
	if got, err := q.Syncs(t.Context(), nil); len(got) != 0 || err != nil {
		t.Errorf("syncs = %+v, %v; an ordinary account is not told", got, err)
	}
	bad := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/teapot") {
			w.WriteHeader(418)
		}
		fmt.Fprint(w, "no report")
	}))
	defer bad.Close()
	for _, address := range []string{bad.URL, bad.URL + "/teapot", "http://user:hunter2@127.0.0.1:1", "nats://user:hunter2@x", "%"} {
		if got, err := q.Syncs(t.Context(), []string{address}); err == nil || len(got) != 0 || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %+v, %v", address, got, err)
		}
	}
}
