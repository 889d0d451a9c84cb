package site

import (
	"strings"
	"testing"
)

func TestWebhookSecrets(t *testing.T) {
	t.Setenv("IADVIZE_WEBHOOK_SECRET", "")
	config, err := Parse("x.yaml", []byte(sound))
	if err != nil {
		t.Fatal(err)
	}
	d := NewDirectory(config, nil, func(string) (Account, bool) { return nil, false })
	secrets, err := d.WebhookSecrets()
	if err == nil || !strings.Contains(err.Error(), "iadvize.main.webhook_secrets") || len(secrets["second"]) != 2 || len(secrets["main"]) != 0 {
		t.Errorf("secrets = %v, %v", secrets, err)
	}
	t.Setenv("IADVIZE_WEBHOOK_SECRET", "s")
	if secrets, err = d.WebhookSecrets(); err != nil || secrets["main"][0] != "s" {
		t.Errorf("secrets = %v, %v", secrets, err)
	}
}
