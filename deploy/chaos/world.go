package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"text/template"
	"time"

	"passerelle/deploy/stand"
	"passerelle/pkg/sim/simiadvize"
	"passerelle/pkg/sim/simzendesk"
	"passerelle/pkg/sim/traffic"
)

// Names and secrets of the simulated world. They open nothing else.
const (
	worldUser   = "chaos"
	worldSecret = "chaos-secret"
	worldClient = "passerelle"
	accounts    = 4
	sites       = 10
)

// zendeskVariable holds the address of Zendesk for one process: each has a line of its own.
const zendeskVariable = "CHAOS_ZENDESK"

// world is what is outside of the product: Zendesk accounts, and an iAdvize whose conversations end.
type world struct {
	zendesk *simzendesk.Server
	iadvize *simiadvize.Server
	sites   []worldSite
	ends    []func()
	mend    []func() // takes the faults away that last as long as the traffic

	zendeskAddress, iadvizeAddress string
}

// worldSite is one site. The last but two archives nothing, the last but one has a required field without a default,
// and the last one is in no configuration: so each way in which a conversation can end is taken.
type worldSite struct {
	Name, Account, Locale, Fallback         string
	ProjectID, FormID, ConversationID, Tags int64
	Score, Recommendation, Comment          int64
	Archive, Configured                     bool
	agents                                  []string
}

func openWorld(o options) (w *world, err error) {
	w = &world{zendesk: simzendesk.New(simzendesk.Config{Seed: o.seed, Latency: o.latency})}
	defer func() {
		if err != nil {
			w.close()
		}
	}()
	for i := range sites {
		w.sites = append(w.sites, w.addSite(i))
	}
	config := simiadvize.Config{
		Users: []simiadvize.User{{Username: worldUser, Password: worldSecret}}, Seed: o.seed, Latency: o.latency / 2,
		RetryDelays: o.retryDelays, ReplyTimeout: o.replyTimeout, ReadableAfter: o.latency,
	}
	if w.iadvize, err = simiadvize.New(config); err != nil {
		return w, err
	}
	if w.zendeskAddress, err = w.serve(w.zendesk, w.zendesk.Close); err != nil {
		return w, err
	}
	w.iadvizeAddress, err = w.serve(w.iadvize, w.iadvize.Close)
	return w, err
}

func (w *world) addSite(i int) worldSite {
	locales := []string{"fr", "en", "de", "es", "it", "nl", "pt"}
	a := w.zendesk.AddAccount(simzendesk.Account{
		Name: fmt.Sprintf("account-%d", i%accounts+1), OAuthClientID: worldClient, OAuthSecret: worldSecret,
	})
	s := worldSite{
		Name: fmt.Sprintf("site-%d", i+1), Account: a.Name(), Locale: locales[i%len(locales)], ProjectID: int64(1001 + i),
		Fallback: fmt.Sprintf("support-%d@example.com", i+1), Archive: i != sites-3, Configured: i != sites-1,
	}
	for n := range 3 {
		s.agents = append(s.agents, fmt.Sprintf("agent-%d-%d@example.com", i+1, n+1))
	}
	for _, email := range append([]string{s.Fallback}, s.agents...) {
		a.AddUser(simzendesk.User{Name: "Agent", Email: email, Role: simzendesk.RoleAgent, Verified: true})
	}
	var onForm []int64
	field := func(title, kind string, required bool) int64 {
		f := a.AddField(simzendesk.Field{Type: kind, Title: title, Required: required, OffForm: true})
		onForm = append(onForm, f.ID)
		return f.ID
	}
	s.ConversationID = field("iAdvize conversation", "text", false)
	s.Tags = field("iAdvize tags", "text", false)
	s.Score = field("iAdvize satisfaction", "integer", false)
	s.Recommendation = field("iAdvize recommendation", "integer", false)
	s.Comment = field("iAdvize comment", "textarea", false)
	if i == sites-2 {
		field("Order number", "text", true)
	}
	s.FormID = a.AddForm(simzendesk.Form{Name: s.Name, FieldIDs: onForm}).ID
	return s
}

func (w *world) serve(h http.Handler, end func() error) (address string, err error) {
	address, stop, err := stand.Serve(h, end)
	if err == nil {
		w.ends = append(w.ends, stop)
	}
	return address, err
}

func (w *world) close() {
	for _, end := range w.ends {
		end()
	}
}

// traffic gives the sites as the generator wants them.
func (w *world) traffic(webhook string) []traffic.Site {
	var out []traffic.Site
	for i, s := range w.sites {
		weight := 20
		if i >= sites-2 {
			weight = 1
		}
		out = append(out, traffic.Site{
			Platform: "ha", ProjectID: s.ProjectID, Locale: s.Locale, AgentEmails: s.agents, WebhookURL: webhook, Secret: worldSecret, Weight: weight,
		})
	}
	return out
}

// site gives the site of a project.
func (w *world) site(project int64) worldSite {
	for _, s := range w.sites {
		if s.ProjectID == project {
			return s
		}
	}
	return worldSite{}
}

var configuration = template.Must(template.New("configuration").Parse(`iadvize:
  chaos:
    url: http://{{.IAdvize}}/graphql
    token_url: http://{{.IAdvize}}/oauth2/token
    platform: ha
    username: {{.User}}
    password: {{.Secret}}
    webhook_secrets: [{{.Secret}}]
zendesk:
{{- range .Accounts}}
  {{.}}:
    url: http://${ {{- $.Variable -}} }/{{.}}
    requests_per_minute: 100000
    auth:
      oauth: {client_id: {{$.Client}}, client_secret: {{$.Secret}}}
{{- end}}
sites:
{{- range .Sites}}{{if .Configured}}
  {{.Name}}:
    iadvize: chaos
    project_id: {{.ProjectID}}
    zendesk: {{.Account}}
    locale: {{.Locale}}
    tickets:
      archive: {{.Archive}}
      escalation: true
      assign_to_agent: true
      fallback_assignee: {{.Fallback}}
      form_id: {{.FormID}}
      tags: [iadvize]
      fields:
        conversation_id: {{.ConversationID}}
        conversation_tags: {{.Tags}}
        satisfaction_score: {{.Score}}
        recommendation_score: {{.Recommendation}}
        satisfaction_comment: {{.Comment}}
{{- end}}{{end}}
`))

func (w *world) configuration() (string, error) {
	var names []string
	for _, a := range w.zendesk.Accounts() {
		names = append(names, a.Name())
	}
	var out strings.Builder
	err := configuration.Execute(&out, map[string]any{
		"IAdvize": w.iadvizeAddress, "User": worldUser, "Secret": worldSecret, "Client": worldClient, "Variable": zendeskVariable,
		"Accounts": names, "Sites": w.sites,
	})
	if err != nil {
		return "", fmt.Errorf("write configuration: %w", err)
	}
	return out.String(), nil
}

// produce lets conversations happen until enough is closed.
func (w *world) produce(ctx context.Context, o options, webhook string, enough <-chan struct{}) (*traffic.Generator, func() error) {
	g := traffic.New(traffic.Config{Seed: o.seed, Rate: o.rate, Sites: w.traffic(webhook), LongShare: 0.02}, w.iadvize)
	producing, stop := context.WithCancel(ctx)
	result := make(chan error, 1)
	go func() { result <- g.Run(producing) }()
	go func() {
		defer stop()
		for stand.Rest(producing, 20*time.Millisecond) {
			if g.Counts().Conversations >= o.conversations {
				select {
				case <-enough:
				case <-producing.Done():
				}
				return
			}
		}
	}()
	return g, func() error { defer stop(); return <-result }
}
