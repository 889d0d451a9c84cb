package site

import (
	"os"
	"path/filepath"
	"testing"
)

func TestAWayIsAnotherWhenWhatItNamesChanges(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(secret, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ref := Ref("${file:" + secret + "}")
	accounts := map[string]Zendesk{
		"OAuth":     {URL: "https://acme.example", Auth: Auth{OAuth: &OAuth{ClientID: "c", ClientSecret: ref}}},
		"refresh":   {URL: "https://acme.example", Auth: Auth{OAuth: &OAuth{ClientID: "c", ClientSecret: "s", RefreshToken: ref}}},
		"API token": {URL: "https://acme.example", Auth: Auth{APIToken: &APIToken{Email: "c", Token: ref}}},
		"address":   {URL: ref, Auth: Auth{APIToken: &APIToken{Email: "c", Token: "s"}}},
	}
	ways := map[string]func() Way{
		"connection": IAdvize{URL: "https://iadvize.example", Username: "u", Password: ref}.Way,
		"platform":   IAdvize{Platform: "sd", Username: "u", Password: ref}.Way,
	}
	for name, z := range accounts {
		ways[name] = z.Way
	}
	for name, way := range ways {
		if way() != (Way{}) {
			t.Errorf("%s is reached, though its secret is not there", name)
		}
	}
	seen := map[Way]string{{}: "nothing"}
	for _, text := range []string{"old", "new"} {
		write(text)
		for name, way := range ways {
			if before, known := seen[way()]; known {
				t.Errorf("%s with %q is reached as %s is", name, text, before)
			}
			if way() != way() {
				t.Errorf("%s with %q: not the same twice", name, text)
			}
			seen[way()] = name + " with " + text
		}
	}
	if (Zendesk{}).Way() != (Way{}) || (IAdvize{}).Way() != (Way{}) {
		t.Error("what is not configured is reached")
	}
	z := accounts["API token"]
	before := z.Way()
	if z.RequestsPerMinute = 700; z.Way() != before {
		t.Error("a limit is no way")
	}
}
