package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"passerelle/pkg/freeport"
	"passerelle/pkg/sim/simiadvize"
)

func TestTrafficSaysWhatIsNotAcceptedAndEnds(t *testing.T) {
	server, err := simiadvize.New(simiadvize.Config{}) // which tries a webhook for half a minute, as iAdvize does
	if err != nil {
		t.Fatal(err)
	}
	platform := httptest.NewServer(server)
	t.Cleanup(func() { _ = server.Close(); platform.Close() })
	hook := func(h http.HandlerFunc) string {
		s := httptest.NewServer(h)
		t.Cleanup(s.Close)
		return s.URL
	}
	refuses := hook(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, `{"error":"wrong"}`, http.StatusUnauthorized)
	})
	takes := hook(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) })
	nobody := fmt.Sprintf("http://127.0.0.1:%d", freeport.Of(t))
	for _, tc := range []struct {
		name, iadvize, webhook string
		status                 int
		says                   []string
	}{
		{"accepted", platform.URL, takes, 0, nil},
		{"wrong secret", platform.URL, refuses, exitFailed, []string{"no webhook was accepted", `answered 401: {"error":"wrong"}`, "--secret"}},
		{"nobody takes webhooks", platform.URL, nobody, exitFailed, []string{"no webhook was accepted", "connection refused", "--webhook"}},
		{"no simulator", nobody, takes, exitFailed, []string{"no webhook was accepted", "connection refused", "--iadvize"}},
		{"another server", takes, takes, exitFailed, []string{"no webhook was accepted", "answered 202", "--iadvize"}},
	} {
		began := time.Now()
		out, errOut, status := command(t, nil, "simulate", "traffic", "--for", "300ms", "--rate", "20", "--iadvize", tc.iadvize, "--webhook", tc.webhook)
		if took := time.Since(began); took > 8*time.Second {
			t.Errorf("%s: it ended after %s", tc.name, took)
		}
		if status != tc.status || !strings.Contains(out, " not accepted\n") || strings.Contains(out, " 0 not accepted") != (tc.status == 0) || strings.HasPrefix(out, "0 ") {
			t.Errorf("%s: %d, %s%s", tc.name, status, out, errOut)
		}
		for _, text := range tc.says {
			if !strings.Contains(errOut, text) {
				t.Errorf("%s: the error lacks %q: %s", tc.name, text, errOut)
			}
		}
	}
}
