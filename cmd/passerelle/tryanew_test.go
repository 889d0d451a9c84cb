package main

import (
	"bytes"
	"context"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/rs/zerolog"

	"passerelle/pkg/sim/simzendesk"
	"passerelle/pkg/site"
)

// An operator mends the credentials, and does not wait for the next trial.
func TestWhatIsInTroubleIsTriedAtOnceWhenASecretChanges(t *testing.T) {
	w := newTown(t)
	w.enter()
	w.conversation(closedID, nil)
	secret := write(t, "client-secret", "an old one")
	text := strings.Replace(w.text, `client_secret: "${TEST_PASSWORD}"`, `client_secret: "${file:`+secret+`}"`, 1)
	if text == w.text {
		t.Fatal("the town's configuration has another form")
	}
	if err := os.WriteFile(w.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	mended := w.account.Fault(simzendesk.Fault{Kind: simzendesk.Unauthorized})
	e, err := readEnvironment()
	if err != nil {
		t.Fatal(err)
	}
	var log lockedText
	s, err := openService(t.Context(), e, loadFile(w.config), zerolog.New(&log), []string{"ingest", "worker"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	ctx, end := context.WithCancel(t.Context())
	var run sync.WaitGroup
	run.Go(func() {
		if err := s.run(ctx); err != nil {
			t.Error(err)
		}
	})
	defer run.Wait()
	defer end()

	post(t, "http://"+s.address("ingest"), published(closedID))
	until(t, "trouble", func() bool { accounts, _ := s.worker.InTrouble(); return len(accounts) == 1 })
	const line = "it is tried at once"
	ways := s.tryChanged(t.Context(), map[trouble]site.Way{})
	if ways = s.tryChanged(t.Context(), ways); len(ways) != 1 || strings.Contains(log.String(), line) {
		t.Fatalf("%d in trouble; though nothing has changed: %s", len(ways), log.String())
	}
	if err := os.Remove(secret); err != nil {
		t.Fatal(err)
	}
	if ways = s.tryChanged(t.Context(), ways); strings.Contains(log.String(), line) {
		t.Errorf("while the secret is away: %s", log.String())
	}
	before, _ := s.works.clients.zendeskClient(w.site.Account)
	if err := os.WriteFile(secret, []byte(demoPassword), 0o600); err != nil {
		t.Fatal(err)
	}
	s.tryChanged(t.Context(), ways)
	if after, ok := s.works.clients.zendeskClient(w.site.Account); !ok || after == before {
		t.Error("the account is called in the old way")
	}
	if !strings.Contains(log.String(), line) {
		t.Errorf("log: %s", log.String())
	}
	mended()
	w.checkTicket(closedID)
}

// lockedText is what was written, by several at once.
type lockedText struct {
	mu   sync.Mutex
	text bytes.Buffer // guarded by mu
}

func (l *lockedText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
