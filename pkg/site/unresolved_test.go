package site

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestEachUseNeedsItsReferences(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	text := strings.NewReplacer(
		"${IADVIZE_USERNAME}", "u", "${file:/run/secrets/iadvize}", "${file:"+file+"}", "${IADVIZE_WEBHOOK_SECRET}", "${NOT_SET_WEBHOOK}", "${ZENDESK_TOKEN}", "${NOT_SET_TOKEN}",
	).Replace(sound)
	config, err := Parse("x.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		use  Use
		want string
	}{
		{ReadConversations, "iadvize.main.password: secret file: stat " + file + ": no such file or directory"},
		{TakeWebhooks, "iadvize.main.webhook_secrets: environment variable NOT_SET_WEBHOOK is not set"},
		{WriteTickets, "zendesk.acme.auth.api_token.token: environment variable NOT_SET_TOKEN is not set"},
	} {
		if err := config.Resolvable([]Use{tc.use}); err == nil || err.Error() != tc.want {
			t.Errorf("error = %v, want %s", err, tc.want)
		}
	}
	if err := config.Resolvable(nil); err != nil {
		t.Errorf("no use: %v", err)
	}
	if err := os.WriteFile(file, []byte("hunter2"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := config.Resolvable([]Use{ReadConversations}); err != nil {
		t.Errorf("it is there: %v", err)
	}
}

func TestAReferenceToAnAddressInClearIsOfNoUse(t *testing.T) {
	t.Setenv("TEST_ZENDESK_URL", "http://acme.zendesk.com")
	config, err := Parse("x.yaml", []byte(strings.Replace(sound, "https://acme.zendesk.com", "${TEST_ZENDESK_URL}", 1)))
	if err != nil {
		t.Fatal(err)
	}
	if err := config.Resolvable([]Use{WriteTickets}); err == nil || !strings.Contains(err.Error(), "zendesk.acme.url: expected https://") {
		t.Errorf("error = %v", err)
	}
}
