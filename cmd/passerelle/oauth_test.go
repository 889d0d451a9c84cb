package main

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// withAuth changes how the town's Zendesk account is reached.
func (w *town) withAuth(auth string) {
	w.t.Helper()
	before, rest, found := strings.Cut(w.text, "      oauth: {")
	_, after, _ := strings.Cut(rest, "\n")
	if !found {
		w.t.Fatal("the configuration has no oauth")
	}
	w.text = before + "      " + auth + "\n" + after
	if err := os.WriteFile(w.config, []byte(w.text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

func TestARefreshTokenOutlivesTheProcessAndIsReplacedByANewOne(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	secret := write(t, "refresh", w.account.NewRefreshToken())
	w.withAuth(fmt.Sprintf("oauth: {client_id: %s, client_secret: %q, refresh_token: %q}", demoClient, demoPassword, "${file:"+secret+"}"))
	ticket := func(p *process, n int) {
		t.Helper()
		id := fmt.Sprintf("00000000-0000-4000-8000-%012d", n)
		w.conversation(id, nil)
		post(t, p.address("ingest"), published(id))
		w.checkTicket(id)
	}
	p := start(t, w.env, "serve")
	ticket(p, 1)
	p.kill()
	w.account.RevokeTokens() // the next process has to renew
	p = start(t, w.env, "serve")
	ticket(p, 2)
	if got := w.account.TokenRequests(); got.ByGrant["refresh_token"] != 2 || got.Reused != 0 || len(got.ByGrant) != 1 {
		t.Errorf("token requests = %+v", got)
	}
	// A person revokes the authorisation.
	w.account.RevokeRefreshTokens()
	const id = "00000000-0000-4000-8000-000000000003"
	w.conversation(id, nil)
	post(t, p.address("ingest"), published(id))
	line := p.await("account in trouble")
	for _, want := range []string{"credentials_refused", "zendesk.demo-1.auth.oauth.refresh_token", "authorise"} {
		if !strings.Contains(line, want) {
			t.Errorf("%q is not in %s", want, line)
		}
	}
	if err := os.WriteFile(secret, []byte(w.account.NewRefreshToken()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.checkTicket(id)
	if sum := w.zendesk.Summary(); sum.Doubled != 0 || sum.Tickets != 3 {
		t.Errorf("summary = %+v", sum)
	}
}

func TestAPITokensAreWarnedOfOnce(t *testing.T) {
	w := newTown(t)
	w.withAuth(`api_token: {email: admin@example.com, token: "${TEST_PASSWORD}"}`)
	p := start(t, w.env, "serve")
	if line := p.await("accepts API tokens until 30 April 2027"); !strings.Contains(line, "2027-04-30") || !strings.Contains(line, w.site.Account) || strings.Contains(line, demoPassword) {
		t.Errorf("line = %s", line)
	}
	if err := os.WriteFile(w.config, []byte(w.text+"# changed\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.await("changed configuration in force")
	if status := p.end(); status != 0 {
		t.Errorf("exit status %d", status)
	}
	if n := strings.Count(strings.Join(p.logs.lines, "\n"), "API tokens"); n != 1 {
		t.Errorf("warned %d times", n)
	}
}
