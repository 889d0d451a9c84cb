package site

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// shared is sound, and its secrets are references.
var shared = strings.NewReplacer(
	"second: {platform: SD, username: u, password: p, webhook_secrets: [a, b]}",
	`second: {platform: SD, username: u, password: "${P}", webhook_secrets: ["${A}", "${file:/run/b}"]} # was: hunter2`,
).Replace(sound)

func TestSecretsAreNotShared(t *testing.T) {
	oauth := strings.Replace(shared, `api_token: {email: admin@acme.fr, token: "${ZENDESK_TOKEN}"}`, `oauth: {client_id: c, client_secret: "${S}", refresh_token: "${R}"}`, 1)
	for _, tc := range []struct{ name, text, from, to, want string }{
		{"password", shared, "password: ${file:/run/secrets/iadvize}", "password: hunter2", "x.yaml:4: iadvize.main.password: expected a reference"},
		{"half a reference", shared, "password: ${file:/run/secrets/iadvize}", "password: hunter2${X}", "iadvize.main.password"},
		{"webhook secret", shared, `"${A}"`, "hunter2", "x.yaml:6: iadvize.second.webhook_secrets"},
		{"token", shared, "${ZENDESK_TOKEN}", "hunter2", "x.yaml:11: zendesk.acme.auth.api_token.token"},
		{"client secret", oauth, "${S}", "hunter2", "zendesk.acme.auth.oauth.client_secret"},
		{"refresh token", oauth, "${R}", "hunter2", "zendesk.acme.auth.oauth.refresh_token"},
		{"in an address", shared, "https://acme.zendesk.com", "https://admin:hunter2@acme.zendesk.com", "zendesk.acme.url: expected an address without"},
		{"not sound", shared, "archive: true", "archve: true", "unknown key"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, content, err := parseShared("x.yaml", []byte(strings.Replace(tc.text, tc.from, tc.to, 1)))
			if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "hunter2") || content != nil {
				t.Errorf("error = %v, want %q", err, tc.want)
			}
		})
	}
	for _, text := range []string{shared, oauth, strings.ReplaceAll(shared, "\n", "\r\n"), "# hunter2\n" + shared + "# hunter2"} {
		config, content, err := parseShared("x.yaml", []byte(text))
		if err != nil || strings.Contains(string(content), "hunter2") || len(config.Sites) != 2 {
			t.Errorf("%v: %s", err, content)
		}
		if strings.Count(string(content), "\n") != strings.Count(text, "\n") {
			t.Error("the lines are others")
		}
	}
	// A # inside of a text is none.
	text := strings.Replace(shared, "tags: [iadvize]", `tags: ["a # b", 'c # d', e#f] # é # hunter2`, 1)
	config, content, err := parseShared("x.yaml", []byte(text))
	if err != nil || strings.Join(config.Sites["acme-fr"].Tickets.Tags, ",") != "a # b,c # d,e#f" || strings.Contains(string(content), "hunter2") {
		t.Errorf("%v: %s", err, content)
	}
	if _, _, err := LoadShared(filepath.Join(t.TempDir(), "none.yaml")); err == nil || !strings.Contains(err.Error(), "none.yaml") {
		t.Errorf("error = %v", err)
	}
	path := filepath.Join(t.TempDir(), "a.yaml")
	if err := os.WriteFile(path, []byte(shared), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := LoadShared(path); err != nil {
		t.Error(err)
	}
}

func FuzzSharedHoldsNoComment(f *testing.F) {
	f.Add([]byte(shared))
	f.Add([]byte("a: \"# no\" # yes\nb: |\n  # text\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		_, content, err := parseShared("x.yaml", raw)
		if err == nil && hasComment(content) {
			t.Errorf("%q holds a comment", content)
		}
	})
}

func TestAnAppliedConfigurationGoesBeforeTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "passerelle.yaml")
	text := func(locale string) string { return strings.Replace(shared, "locale: fr", "locale: "+locale, 1) }
	save := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	save(text("fr"))
	config, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	type change struct {
		config *Config
		err    error
	}
	changes := make(chan change, 10)
	d := NewDirectory(config, nil, func(string) (Account, bool) { return nil, false })
	locale := func(want string) {
		t.Helper()
		if got := d.Config().Sites["acme-fr"].Locale; got != want {
			t.Errorf("locale %s, want %s", got, want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		d.Watch(ctx, path, func(c *Config, err error) { changes <- change{c, err} })
	}()
	first := Origin{Revision: 1, Name: "first.yaml"}
	german, err := Parse("first.yaml", []byte(text("de")))
	if err != nil {
		t.Fatal(err)
	}
	if d.Apply(first, german); d.Applied() != first {
		t.Errorf("applied is %v", d.Applied())
	}
	locale("de")
	var notInForce NotInForce
	if c := <-changes; !errors.As(c.err, &notInForce) || notInForce.Applied != first || notInForce.Err != nil || c.config != nil {
		t.Errorf("the file of the start: %+v", c)
	}
	save(text("en") + "# longer\n")
	if c := <-changes; !errors.As(c.err, &notInForce) {
		t.Errorf("a change of the file: %+v", c)
	}
	save("sites: [")
	var problem Problem
	if c := <-changes; !errors.As(c.err, &notInForce) || !errors.As(c.err, &problem) || !strings.Contains(c.err.Error(), "sites apply") {
		t.Errorf("a bad file: %+v", c)
	}
	// The file is bad, too: the old one stays in force when nothing is applied any more.
	if !d.Unapply() || d.Unapply() {
		t.Error("unapply")
	}
	if c := <-changes; !errors.As(c.err, &problem) || errors.As(c.err, &notInForce) {
		t.Errorf("after unapply: %+v", c)
	}
	locale("de")
	save(text("nl"))
	if c := <-changes; c.err != nil || c.config == nil {
		t.Errorf("a mended file: %+v", c)
	}
	locale("nl")
	d.Adopt(first)
	d.Unapply() // the file is in force as it is: nothing to tell
	cancel()
	<-done
	if len(changes) > 0 {
		t.Errorf("told of %+v", <-changes)
	}
}
