package check

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"passerelle/pkg/iadvize"
	"passerelle/pkg/sim/simiadvize"
	"passerelle/pkg/sim/simzendesk"
	"passerelle/pkg/site"
	"passerelle/pkg/zendesk"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var today = time.Date(2026, time.November, 24, 10, 0, 0, 0, time.UTC)

// world is a sound site with its accounts, until a test makes it unsound.
type world struct {
	zendeskConfig simzendesk.Config
	accountConfig simzendesk.Account
	iadvizeConfig simiadvize.Config
	apiToken      bool
	now           time.Time
	edit          func(string) string // of the configuration
	prepare       func(*world)        // once the accounts run

	account       *simzendesk.AccountState
	iadvize       *simiadvize.Server
	group, other  simzendesk.Group
	fallback, ann simzendesk.User
	fields        []simzendesk.Field // as wantedFields
	form          simzendesk.Form
	config        *site.Config
	clients       func() (*zendesk.Client, *iadvize.Client)
}

func sound() *world {
	return &world{
		accountConfig: simzendesk.Account{Name: "acme", OAuthClientID: "passerelle", OAuthSecret: "hush", APIToken: "hush"},
		iadvizeConfig: simiadvize.Config{Users: []simiadvize.User{{Username: "user", Password: "hush"}}},
		now:           today,
	}
}

// run starts the world.
func (w *world) run(t *testing.T) {
	t.Helper()
	w.zendeskConfig.Now = func() time.Time { return today }
	zendeskSim := simzendesk.New(w.zendeskConfig)
	w.account = zendeskSim.AddAccount(w.accountConfig)
	w.group, w.other = w.account.AddGroup(simzendesk.Group{Name: "Chat"}), w.account.AddGroup(simzendesk.Group{Name: "Other"})
	members := []int64{w.group.ID}
	w.fallback = w.account.AddUser(simzendesk.User{Name: "Support", Email: "support@example.com", Role: simzendesk.RoleAgent, Groups: members})
	w.ann = w.account.AddUser(simzendesk.User{Name: "Ann", Email: "ann@example.com", Role: simzendesk.RoleAgent, Groups: members})
	ids := []int64{}
	for _, f := range wantedFields {
		field := w.account.AddField(simzendesk.Field{Type: string(f.kind), Title: f.title, OffForm: true})
		w.fields, ids = append(w.fields, field), append(ids, field.ID)
	}
	w.form = w.account.AddForm(simzendesk.Form{Name: "Chats", FieldIDs: ids})
	zendeskWeb := httptest.NewServer(zendeskSim)
	var err error
	if w.iadvize, err = simiadvize.New(w.iadvizeConfig); err != nil {
		t.Fatal(err)
	}
	agents := []simiadvize.Agent{{ID: 1, Kind: simiadvize.Bot, LastName: "Bot"}, {ID: 2, Email: "Ann@example.com", LastName: "A"}}
	if err := w.iadvize.Add(simiadvize.Conversation{ProjectID: 1234, Agents: agents, CreatedAt: today.Add(-2 * time.Hour), ClosedAt: today.Add(-time.Hour)}); err != nil {
		t.Fatal(err)
	}
	iadvizeWeb := httptest.NewServer(w.iadvize)
	t.Cleanup(func() { _, _ = zendeskSim.Close(), w.iadvize.Close(); zendeskWeb.Close(); iadvizeWeb.Close() })
	if w.prepare != nil {
		w.prepare(w)
	}
	w.load(t, zendeskWeb.URL+"/acme", iadvizeWeb.URL)
}

// load reads the configuration and makes the clients.
func (w *world) load(t *testing.T, zendeskURL, iadvizeURL string) {
	t.Helper()
	auth := "oauth: {client_id: passerelle, client_secret: hush}"
	if w.apiToken {
		auth = "api_token: {email: admin@acme.example, token: hush}"
	}
	text := fmt.Sprintf(`
iadvize: {main: {url: %q, token_url: %q, username: user, password: hush, webhook_secrets: [hush]}}
zendesk: {acme: {url: %q, auth: {%s}}}
sites:
  acme-fr: {iadvize: main, project_id: 1234, zendesk: acme, tickets: {
    archive: true, escalation: true, assign_to_agent: true, fallback_assignee: support@example.com, tags: [iAdvize chat],
    form_id: %d, group_id: %d, fields: {conversation_id: %d, conversation_tags: %d, satisfaction_score: %d, recommendation_score: %d, satisfaction_comment: %d}}}
`, iadvizeURL+"/graphql", iadvizeURL+"/oauth2/token", zendeskURL, auth, w.form.ID, w.group.ID,
		w.fields[0].ID, w.fields[1].ID, w.fields[2].ID, w.fields[3].ID, w.fields[4].ID)
	if w.edit != nil {
		edited := w.edit(text)
		if edited == text {
			t.Fatalf("the configuration is not changed:\n%s", text)
		}
		text = edited
	}
	var err error
	if w.config, err = site.Parse("passerelle.yaml", []byte(text)); err != nil {
		t.Fatal(err)
	}
	w.clients = func() (*zendesk.Client, *iadvize.Client) {
		account := zendesk.Account{Name: "acme", URL: string(w.config.Zendesk["acme"].URL)}
		if o := w.config.Zendesk["acme"].Auth.OAuth; o != nil {
			account.OAuth = func() (string, string, error) { return string(o.ClientID), string(o.ClientSecret), nil }
		} else {
			account.APIToken = func() (string, string, error) {
				return "admin@acme.example", string(w.config.Zendesk["acme"].Auth.APIToken.Token), nil
			}
		}
		z := zendesk.NewClient(account, nil)
		c := w.config.IAdvize["main"]
		i := iadvize.NewClient(iadvize.Connection{
			Name: "main", URL: string(c.URL), TokenURL: string(c.TokenURL), Platform: c.Platform,
			Credentials: func() (string, string, error) { return string(c.Username), string(c.Password), nil },
		}, nil)
		t.Cleanup(func() { z.Close(); i.Close() })
		return z, i
	}
}

// findings checks the site.
func (w *world) findings(t *testing.T) []Finding {
	t.Helper()
	z, i := w.clients()
	checker := New(w.config, func(string) (Zendesk, bool) { return z, true }, func(string) (IAdvize, bool) { return i, true })
	checker.now = func() time.Time { return w.now }
	found, err := checker.Site(t.Context(), "acme-fr")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		problem := f.Level != OK
		if f.Site != "acme-fr" || f.Check == "" || f.Message == "" || problem != (f.Effect != "") || problem != (f.Fix != "") {
			t.Errorf("a finding says too little or too much: %+v", f)
		}
		if strings.Contains(f.Message+f.Effect+f.Fix, "hush") {
			t.Errorf("a finding tells a secret: %+v", f)
		}
	}
	return found
}

// problems lists what is not ok, as "level check".
func problems(found []Finding) []string {
	list := []string{}
	for _, f := range found {
		if f.Level != OK {
			list = append(list, string(f.Level)+" "+f.Check)
		}
	}
	return list
}

// swap is an edit of the configuration.
func swap(old, with string) func(string) string {
	return func(text string) string { return strings.ReplaceAll(text, old, with) }
}
