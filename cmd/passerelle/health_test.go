package main

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

func TestHealthAsksWhereTheProcessListens(t *testing.T) {
	for _, tc := range []struct{ name, url, health, console, want string }{
		{"console", "", "", "127.0.0.1:8081", "http://127.0.0.1:8081/readyz"},
		{"console at all addresses", "", "", ":8081", "http://127.0.0.1:8081/readyz"},
		{"health first", "", "0.0.0.0:8082", ":8081", "http://127.0.0.1:8082/readyz"},
		{"IPv6", "", "[::1]:8082", ":8081", "http://[::1]:8082/readyz"},
		{"given", "http://127.0.0.1:9001/_sim/summary", ":8082", ":8081", "http://127.0.0.1:9001/_sim/summary"},
		{"no port", "", "localhost", ":8081", ""},
		{"no scheme", "127.0.0.1:8081", "", ":8081", ""},
		{"no URL", "::", "", ":8081", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Setenv("PASSERELLE_HEALTH_ADDR", tc.health)
			t.Setenv("PASSERELLE_CONSOLE_ADDR", tc.console)
			got, err := healthCommand{URL: tc.url}.address()
			if got != tc.want || (err == nil) != (tc.want != "") {
				t.Errorf("%q, %v; want %q", got, err, tc.want)
			}
		})
	}
}

func TestHealthOfAWorkerAlone(t *testing.T) {
	w := newTown(t)
	p := start(t, slices.Concat(w.env, []string{"PASSERELLE_HEALTH_ADDR=127.0.0.1:0"}), "serve", "--roles", "worker")
	url := p.address("health")
	probe := slices.Concat(w.env, []string{"PASSERELLE_HEALTH_ADDR=" + strings.TrimPrefix(url, "http://")})
	if out, errOut, status := command(t, probe, "health"); status != 0 || out != url+"/readyz is up\n" {
		t.Errorf("ready: %d %s %s", status, out, errOut)
	}
	if out, errOut, status := command(t, probe, "health", "-o", "json", url+"/metrics"); status != 0 || !strings.Contains(out, `"status": "UP"`) {
		t.Errorf("metrics: %d %s %s", status, out, errOut)
	}
	if _, errOut, status := command(t, probe, "health", url+"/api/deadletters"); status != exitFailed || !strings.Contains(errOut, "404") {
		t.Errorf("what needs a password elsewhere: %d %s", status, errOut)
	}
	if status := p.end(); status != 0 {
		t.Errorf("exit status %d", status)
	}
	if _, errOut, status := command(t, probe, "health"); status != exitFailed || !strings.Contains(errOut, "refused") {
		t.Errorf("after its end: %d %s", status, errOut)
	}
}

func TestHealthOfAProcessThatIsNotReady(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, `{"status":"DOWN"}`, http.StatusServiceUnavailable)
	}))
	defer server.Close()
	if _, errOut, status := command(t, nil, "health", server.URL+"/readyz"); status != exitFailed || !strings.Contains(errOut, "503") || !strings.Contains(errOut, "DOWN") {
		t.Errorf("%d %s", status, errOut)
	}
	if _, errOut, status := command(t, nil, "health", "ftp://127.0.0.1/"); status != exitUsage {
		t.Errorf("wrong usage: %d %s", status, errOut)
	}
}

func TestAServerWithoutStoreIsNotReady(t *testing.T) {
	w := newTown(t)
	nats, server := startNATS(t)
	p := start(t, slices.Concat(w.env, []string{"PASSERELLE_NATS_URL=" + nats, "PASSERELLE_HEALTH_ADDR=127.0.0.1:0"}), "serve", "--roles", "ingest")
	url := p.address("health")
	server.kill()
	p.await("NATS out of reach")
	if _, errOut, status := command(t, nil, "health", url+"/readyz"); status != exitFailed || !strings.Contains(errOut, "503") {
		t.Errorf("%d %s", status, errOut)
	}
	if _, errOut, status := command(t, nil, "health", url+"/livez"); status != 0 {
		t.Errorf("alive: %d %s", status, errOut)
	}
}
