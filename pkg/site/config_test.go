package site

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const sound = `iadvize:
  main:
    username: ${IADVIZE_USERNAME}
    password: ${file:/run/secrets/iadvize}
    webhook_secrets: ["${IADVIZE_WEBHOOK_SECRET}"]
  second: {platform: SD, username: u, password: p, webhook_secrets: [a, b]}
zendesk:
  acme:
    url: https://acme.zendesk.com
    auth:
      api_token: {email: admin@acme.fr, token: "${ZENDESK_TOKEN}"}
sites:
  acme-fr:
    iadvize: main
    project_id: 1234
    zendesk: acme
    locale: fr
    tickets:
      archive: true
      escalation: true
      fallback_assignee: support@acme.fr
      form_id: 360000000001
      tags: [iadvize]
      fields:
        conversation_id: 360000000010
        satisfaction_score: 360000000012
      defaults: {360000000020: sav, 360000000021: [a, b], 360000000022: true, 360000000023: 4}
  acme-de:
    iadvize: second
    project_id: 1234
    zendesk: acme
    tickets: {archive: true}
`

func TestParse(t *testing.T) {
	c, err := Parse("passerelle.yaml", []byte(sound))
	if err != nil {
		t.Fatal(err)
	}
	fr, ok := c.Site("ha", 1234)
	if !ok || fr.Name != "acme-fr" || fr.Account != "acme" || fr.Tickets.FormID != 360000000001 || fr.Tickets.Fields.ConversationID != 360000000010 {
		t.Errorf("site = %+v, %v", fr, ok)
	}
	if fmt.Sprint(fr.Tickets.Defaults) != "map[360000000020:sav 360000000021:[a b] 360000000022:true 360000000023:4]" {
		t.Errorf("defaults = %v", fr.Tickets.Defaults)
	}
	if de, ok := c.Site("sd", 1234); !ok || de.Name != "acme-de" || de.Locale != "en" || de.TimeZone != "UTC" {
		t.Errorf("site = %+v, %v", de, ok)
	}
	if _, ok := c.Site("", 1234); ok {
		t.Error("a project of two platforms was found without a platform")
	}
	if _, ok := c.Site("ha", 9); ok {
		t.Error("an unknown project was found")
	}
	if a := c.Zendesk["acme"]; a.RequestsPerMinute != 400 || *a.ReservePercent != 20 || a.Bulk != BulkAuto || *a.BulkJobs != 20 || a.Import {
		t.Errorf("account = %+v", a)
	}
	if again, err := Parse("other.yaml", []byte(sound)); err != nil || again.Revision != c.Revision || len(c.Revision) != 16 {
		t.Errorf("revision = %q and %q", c.Revision, again.Revision)
	}
}

// A simulator, or a proxy beside the product, may be reached in clear.
func TestOtherHostsMayBeReachedInClear(t *testing.T) {
	for _, address := range []string{"http://127.0.0.1:9001", "http://proxy.acme.fr/zendesk.com", "http://notzendesk.com", "${ZENDESK_URL}", "http://${HOST}"} {
		text := strings.Replace(sound, "https://acme.zendesk.com", address, 1)
		text = strings.Replace(text, "username: u", "url: '"+address+"', token_url: '"+address+"', username: u", 1)
		if _, err := Parse("x.yaml", []byte(text)); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestBulkSettings(t *testing.T) {
	for _, off := range []string{"off", `"off"`} {
		c, err := Parse("x.yaml", []byte(strings.Replace(sound, "url: https://acme.zendesk.com", "url: https://acme.zendesk.com\n    bulk: "+off+"\n    bulk_jobs: 30", 1)))
		if err != nil || c.Zendesk["acme"].Bulk != BulkOff || *c.Zendesk["acme"].BulkJobs != 30 {
			t.Errorf("%s: %+v, %v", off, c.Zendesk["acme"], err)
		}
	}
	c, err := Parse("x.yaml", []byte(strings.Replace(sound, "url: https://acme.zendesk.com", "url: https://acme.zendesk.com\n    import: true", 1)))
	if err != nil || !c.Zendesk["acme"].Import {
		t.Errorf("import: %+v, %v", c.Zendesk["acme"], err)
	}
}

func TestProblems(t *testing.T) {
	for _, tc := range []struct{ name, from, to, want string }{
		{"unknown key", "      archive: true\n", "      archve: true\n", "x.yaml:19: sites.acme-fr.tickets.archve: unknown key; did you mean archive?"},
		{"no such variable", "      tags: [iadvize]\n", "      subject: '{label} {nom}'\n", "x.yaml:23: sites.acme-fr.tickets.subject: expected variables among agent_name,"},
		{"no such variable in a value", "      tags: [iadvize]\n", "      values: {360000000024: '{custom.order} {nam}'}\n", "sites.acme-fr.tickets.values.360000000024: expected variables"},
		{"no such priority", "      tags: [iadvize]\n", "      priority: top\n", `sites.acme-fr.tickets.priority: expected one of low, normal, high, urgent, not "top"`},
		{"no such type", "      tags: [iadvize]\n", "      type: wish\n", "sites.acme-fr.tickets.type: expected one of"},
		{"a fraction", "project_id: 1234", "project_id: 1234.7", "sites.acme-fr.project_id: expected a whole number of 1 or more, not 1234.7"},
		{"wrong type", "project_id: 1234", "project_id: many", `x.yaml:15: sites.acme-fr.project_id: expected a whole number of 1 or more, not "many"`},
		{"unknown connection", "iadvize: main", "iadvize: other", `x.yaml:14: sites.acme-fr.iadvize: expected the name of an entry under iadvize, not "other"`},
		{"unknown account", "zendesk: acme\n    locale", "zendesk: acne\n    locale", `x.yaml:16: sites.acme-fr.zendesk: expected the name of an entry under zendesk, not "acne"; did you mean acme?`},
		{"locale", "locale: fr", "locale: xx", "x.yaml:17: sites.acme-fr.locale: expected one of fr, en"},
		{"both auths", "      api_token:", "      oauth: {client_id: a, client_secret: b}\n      api_token:", "zendesk.acme.auth: expected exactly one"},
		{"no satisfaction without the id", "        conversation_id: 360000000010\n", "", "fields.conversation_id: expected a field id"},
		{"empty reference", "${ZENDESK_TOKEN}", "${}", "zendesk.acme.auth.api_token.token: expected ${NAME}"},
		{"open reference", "${ZENDESK_TOKEN}", "${ZENDESK", "expected a closing }"},
		{"no secret", `["${IADVIZE_WEBHOOK_SECRET}"]`, "[]", "webhook_secrets: expected at least one"},
		{"address", "https://acme.zendesk.com", "acme.zendesk.com", "zendesk.acme.url: expected an address"},
		{"in clear", "https://acme.zendesk.com", "http://acme.zendesk.com", "x.yaml:9: zendesk.acme.url: expected https://: "},
		{"in clear, in other letters", "https://acme.zendesk.com", "http://Acme.Zendesk.COM.:80/", "zendesk.acme.url: expected https://"},
		{"in clear, in part a reference", "https://acme.zendesk.com", "http://${ACME}.zendesk.com", "zendesk.acme.url: expected https://"},
		{"iAdvize in clear", "username: u", "url: http://api.iadvize.com/graphql, username: u", "x.yaml:6: iadvize.second.url: expected https://"},
		{"iAdvize's tokens in clear", "username: u", "token_url: HTTP://api.iadvize.com/oauth2/token, username: u", "iadvize.second.token_url: expected https://"},
		{"e-mail", "support@acme.fr", "support", "fallback_assignee: expected an e-mail"},
		{"name", "  acme-fr:", "  ACME fr:", "sites.ACME fr: expected a name"},
		{"default of no use", "360000000023: 4", "360000000023: {a: b}", "sites.acme-fr.tickets.defaults.360000000023: expected a text"},
		{"default of no field", "360000000023: 4", "sav: 4", "sites.acme-fr.tickets.defaults.sav: expected a Zendesk field id"},
		{"field", "satisfaction_score: 360000000012", "satisfaction_score: 360000000012.5", "sites.acme-fr.tickets.fields.satisfaction_score: expected a whole number of 0 or more, not 360000000012.5"},
		{"form", "form_id: 360000000001", "form_id: -1", "x.yaml:22: sites.acme-fr.tickets.form_id: expected a whole number of 0 or more, not -1"},
		{"project twice", "platform: SD", "platform: ha", "expected a project of its own: site acme-de has 1234"},
		{"project", "project_id: 1234\n    zendesk: acme\n    locale", "project_id: 0\n    zendesk: acme\n    locale", "sites.acme-fr.project_id: expected a whole number of 1 or more, not 0"},
		{"zone", "locale: fr", "locale: fr\n    time_zone: Mars/Olympus", "time_zone: expected a time zone"},
		{"bulk", "url: https://acme.zendesk.com", "url: https://acme.zendesk.com\n    bulk: always", `x.yaml:10: zendesk.acme.bulk: expected one of auto, off, not "always"`},
		{"no bulk jobs", "url: https://acme.zendesk.com", "url: https://acme.zendesk.com\n    bulk_jobs: 0", "x.yaml:10: zendesk.acme.bulk_jobs: expected a whole number from 1 to 30 (20 when left out), not 0; bulk: off makes every ticket one by one"},
		{"bulk jobs", "url: https://acme.zendesk.com", "url: https://acme.zendesk.com\n    bulk_jobs: 31", "x.yaml:10: zendesk.acme.bulk_jobs: expected a whole number from 1 to 30 (20 when left out), not 31"},
		{"bulk jobs as a text", "url: https://acme.zendesk.com", "url: https://acme.zendesk.com\n    bulk_jobs: many", `x.yaml:10: zendesk.acme.bulk_jobs: expected a whole number from 1 to 30 (20 when left out), not "many"`},
		{"import", "url: https://acme.zendesk.com", "url: https://acme.zendesk.com\n    import: perhaps", `x.yaml:10: zendesk.acme.import: expected true or false, not "perhaps"`},
		{"import without bulk", "url: https://acme.zendesk.com", "url: https://acme.zendesk.com\n    bulk: off\n    import: true", "x.yaml:11: zendesk.acme.import: expected false"},
		{"limit", "url: https://acme.zendesk.com", "url: https://acme.zendesk.com\n    requests_per_minute: -5\n    reserve_percent: 99", "x.yaml:11: zendesk.acme.reserve_percent: expected a whole number from 0 to 95 (20 when left out), not 99"},
		{"twice", "locale: fr", "locale: fr\n    locale: en", "x.yaml:18: mapping key"},
		{"no YAML", "sites:", "sites: [", "x.yaml:"},
		{"brackets", "sites:", "sites: " + strings.Repeat("[", 200_000) + "\nx:", "lists or maps inside each other"},
		{"dashes", "sites:", "sites:\n  " + strings.Repeat("- ", 50_000) + "x\nx:", "lists or maps inside each other"},
		{"two documents", "iadvize:", "zendesk: {}\n---\niadvize:", "x.yaml:3: expected one YAML document"},
		{"platform", "platform: SD", "platform: xx", `iadvize.second.platform: expected one of ha, sd, not "xx"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			text := strings.Replace(sound, tc.from, tc.to, 1)
			if text == sound {
				t.Fatal("the case changes nothing")
			}
			_, err := Parse("x.yaml", []byte(text))
			var p Problem
			if !errors.As(err, &p) || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error = %v\nwant it to contain %q", err, tc.want)
			}
		})
	}
	for _, text := range []string{"", "sites: {}", "[]", "a"} {
		if _, err := Parse("x.yaml", []byte(text)); err == nil {
			t.Errorf("%q was taken for a configuration", text)
		}
	}
}

// Each problem is told at once, with the place of the key, what stands there, and what may.
func TestNumbersAndKeysOfAnAccount(t *testing.T) {
	const minute = "zendesk.acme.requests_per_minute: expected a whole number from 1 to 100000 (400 when left out), not "
	const reserve = "zendesk.acme.reserve_percent: expected a whole number from 0 to 95 (20 when left out), not "
	for _, tc := range []struct {
		line string
		want string // empty: sound
	}{
		{"requests_per_minute: 1", ""},
		{"requests_per_minute: 100000", ""},
		{`requests_per_minute: "700"`, ""},
		{"requests_per_minute:", ""},
		{"requests_per_minute: 0", minute + "0"},
		{"requests_per_minute: 0.5", minute + "0.5"},
		{"requests_per_minute: -5", minute + "-5"},
		{"requests_per_minute: 100001", minute + "100001"},
		{"requests_per_minute: 99999999999999999999999", minute},
		{"requests_per_minute: 1e3", minute + `"1e3"`},
		{`requests_per_minute: "12.5"`, minute + `"12.5"`},
		{"requests_per_minute: .inf", minute + ".inf"},
		{"requests_per_minute: [400]", minute + "a list"},
		{"requests_per_minute: {a: 400}", minute + "keys with values"},
		{"requests_per_minute: true", minute + "true"},
		{"requests_per_minute: !!str 0", minute + "0"},
		{"requests_per_minute: &few 0", minute + "0"},
		{"requests_per_minute: &few 30\n    reserve_percent: *few", ""},
		{"reserve_percent: 0", ""},
		{"reserve_percent: 95", ""},
		{"reserve_percent: 12.5", reserve + "12.5"},
		{"reserve_percent: 20%", reserve + `"20%"`},
		{"reserve_percent: 96", reserve + "96"},
		{"request_per_minute: 400", "zendesk.acme.request_per_minute: unknown key; did you mean requests_per_minute?"},
		{"rpm: 400", "zendesk.acme.rpm: unknown key; expected one of auth, bulk, bulk_jobs, import, requests_per_minute, reserve_percent, url"},
		{"<<: {reserve_percent: 12.5}", reserve + "12.5"},
	} {
		_, err := Parse("x.yaml", []byte(strings.Replace(sound, "    auth:\n", "    "+tc.line+"\n    auth:\n", 1)))
		switch {
		case tc.want == "" && err != nil:
			t.Errorf("%s: %v", tc.line, err)
		case tc.want != "" && (err == nil || !strings.HasPrefix(err.Error(), "x.yaml:10: "+tc.want)):
			t.Errorf("%s: %v\nwant %s", tc.line, err, tc.want)
		}
	}
	_, err := Parse("x.yaml", []byte(strings.Replace(sound, "    auth:\n", "    reserve_percent: 12.5\n    bulk_job: 3\n    auth:\n", 1)))
	if err == nil || !strings.Contains(err.Error(), "x.yaml:10: zendesk.acme.reserve_percent") || !strings.Contains(err.Error(), "x.yaml:11: zendesk.acme.bulk_job: unknown key; did you mean bulk_jobs?") {
		t.Errorf("both: %v", err)
	}
}

// An alias is looked at where it stands first, and one that holds itself comes to an end.
func TestAliases(t *testing.T) {
	text := strings.Replace(sound, "tickets: {archive: true}", "tickets: &t {archive: true, form_id: 1.5}\n  acme-es: {iadvize: main, project_id: 9, zendesk: acme, tickets: *t}", 1)
	if _, err := Parse("x.yaml", []byte(text)); err == nil || strings.Count(err.Error(), "form_id: expected a whole number of 0 or more, not 1.5") != 1 {
		t.Errorf("error = %v", err)
	}
	if _, err := Parse("x.yaml", []byte("sites: &s {a: *s}")); err == nil {
		t.Error("a map inside itself is sound")
	}
}

func TestErrorsDoNotShowSecrets(t *testing.T) {
	const token = `{email: admin@acme.fr, token: "${ZENDESK_TOKEN}"}`
	for _, tc := range []struct{ from, to, want string }{
		{token, `{email: admin@acme.fr, token: "hunter2", oops: 1}`, "zendesk.acme.auth.api_token.oops: unknown key"},
		{"api_token: " + token, "hunter2", "zendesk.acme.auth: expected keys with values, not a single value"},
		{token, "hunter2", "zendesk.acme.auth.api_token: expected keys with values, not a single value"},
		{"api_token: " + token, "oauth: 'hunter2'", "zendesk.acme.auth.oauth: expected keys with values, not a single value"},
		{"webhook_secrets: [a, b]", "webhook_secrets: hunter2", "iadvize.second.webhook_secrets: expected a list, not a single value"},
	} {
		_, err := Parse("x.yaml", []byte(strings.Replace(sound, tc.from, tc.to, 1)))
		if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: error = %v\nwant %s", tc.to, err, tc.want)
		}
	}
	if got := fmt.Sprintf("%v %+v %#v", Ref("hunter2"), Ref("a${B}"), Ref("hunter2")); strings.Contains(got, "hunter2") || strings.Contains(got, "B}") {
		t.Errorf("printed as %s", got)
	}
	if got := Ref("${NAME}").String(); got != "${NAME}" {
		t.Errorf("a reference alone is printed as %s", got)
	}
}

func TestResolve(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	t.Setenv("PASSERELLE_TEST_NAME", "value")
	file := write("secret", " from file\n")
	for in, want := range map[Ref]string{
		"plain": "plain", "${PASSERELLE_TEST_NAME}": "value", "a-${PASSERELLE_TEST_NAME}-b": "a-value-b", Ref("${file:" + file + "}"): "from file",
	} {
		if got, err := in.Resolve(); err != nil || got != want {
			t.Errorf("%q = %q, %v", string(in), got, err)
		}
	}
	for _, in := range []Ref{
		"${PASSERELLE_TEST_UNSET}", Ref("${file:" + dir + "/none}"), Ref("${file:" + dir + "}"),
		Ref("${file:" + write("empty", "\n") + "}"), Ref("${file:" + write("big", strings.Repeat("x", maxSecretFile+1)) + "}"),
	} {
		if got, err := in.Resolve(); err == nil {
			t.Errorf("%q = %q, want an error", string(in), got)
		}
	}
}

func TestLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "passerelle.yaml")
	if _, err := Load(path); err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "PASSERELLE_CONFIG") {
		t.Errorf("error = %v", err)
	}
	if err := os.WriteFile(path, []byte(sound), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path); err != nil {
		t.Error(err)
	}
	if err := os.Truncate(path, maxFile+1); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path); err == nil {
		t.Error("a huge file was read")
	}
}

func TestSchemaIsFreshAndNamesEveryKey(t *testing.T) {
	got, err := Schema()
	if err != nil || !json.Valid(got) {
		t.Fatalf("schema: %v", err)
	}
	for _, key := range []string{`"webhook_secrets"`, `"conversation_tags"`, `"reserve_percent"`, `"additionalProperties": false`, `"enum"`} {
		if !strings.Contains(string(got), key) {
			t.Errorf("the schema lacks %s", key)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(sound))
	f.Add([]byte("sites: {a: {tickets: {defaults: {1: [x]}}}}"))
	f.Add([]byte("a: &a [*a]"))
	f.Fuzz(func(t *testing.T, content []byte) {
		c, err := Parse("x.yaml", content)
		if err == nil && len(c.Sites) == 0 {
			t.Fatal("a configuration without a site is sound")
		}
	})
}

func TestRefreshTokenOfAnAccount(t *testing.T) {
	with := func(auth string) (*Config, error) {
		return Parse("x.yaml", []byte(strings.Replace(sound, `api_token: {email: admin@acme.fr, token: "${ZENDESK_TOKEN}"}`, auth, 1)))
	}
	c, err := with(`oauth: {client_id: c, client_secret: s, refresh_token: "${NOT_SET_REFRESH_TOKEN}"}`)
	if err != nil || c.Zendesk["acme"].Auth.OAuth.RefreshToken != "${NOT_SET_REFRESH_TOKEN}" {
		t.Fatalf("%+v, %v", c, err)
	}
	if missing := fmt.Sprint(c.Unresolved()); !strings.Contains(missing, "NOT_SET_REFRESH_TOKEN") {
		t.Errorf("unresolved = %s", missing)
	}
	if _, err := with(`oauth: {client_id: c, client_secret: s, refresh_token: "${"}`); err == nil || !strings.Contains(err.Error(), "x.yaml:11: zendesk.acme.auth.oauth.refresh_token: expected a closing }") {
		t.Errorf("error = %v", err)
	}
}
