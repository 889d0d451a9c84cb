package main

import (
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
	worldUser   = "bench"
	worldSecret = "bench-secret"
	worldClient = "passerelle"
	// othersToken is the API token of another integration, which uses the same quota.
	othersToken = "others-secret"
)

// zendeskVariable holds the address of Zendesk for one worker, so that it is known who called.
const zendeskVariable = "BENCH_ZENDESK"

// nature says how the simulated world is.
type nature struct {
	size      int // accounts, with a site each
	workers   int
	perMinute int           // limit of each account, in the simulator and in the configuration
	reserve   int           // percent
	latency   time.Duration // of each answer of Zendesk; half of it for iAdvize
	jobDelay  time.Duration // from the start of a bulk job to its end
	seed      int64
	bulk      string // written into the configuration where the product knows it: auto or off; empty: not written
}

// world is what is outside of the product: Zendesk accounts with one site each, and an iAdvize.
type world struct {
	nature

	zendesk  *simzendesk.Server
	iadvize  *simiadvize.Server
	accounts []*simzendesk.AccountState
	sites    []worldSite
	calls    *tap
	prepared *prepared
	archive  *traffic.Generator // makes conversations that are only archived
	escalate *traffic.Generator // makes escalated ones
	mixed    *traffic.Generator // one in five is escalated
	ends     []func()

	iadvizeAddress string
	zendeskOf      []string // address for each worker
	others         string   // address for another integration
}

type worldSite struct {
	Name, Account, Fallback           string
	ProjectID, FormID, ConversationID int64
	Tags                              int64
	agents                            []string
}

func openWorld(n nature) (w *world, err error) {
	config := simzendesk.Config{Seed: n.seed, Latency: n.latency, JobDelay: n.jobDelay, RequestsPerMinute: n.perMinute}
	w = &world{nature: n, zendesk: simzendesk.New(config), calls: &tap{}}
	defer func() {
		if err != nil {
			w.close()
		}
	}()
	for i := range n.size {
		w.addSite(i)
	}
	w.iadvize, err = simiadvize.New(simiadvize.Config{
		Users: []simiadvize.User{{Username: worldUser, Password: worldSecret}}, Seed: n.seed, Latency: n.latency / 2, ReplyTimeout: 30 * time.Second,
	})
	if err != nil {
		return w, err
	}
	w.archive, w.escalate, w.mixed = w.generator(1, -1), w.generator(2, 1), w.generator(3, 0.2)
	w.prepared = &prepared{simulator: w.iadvize, latency: n.latency / 2}
	if w.iadvizeAddress, err = w.serve(w.prepared, w.iadvize.Close); err != nil {
		return w, err
	}
	for i := range n.workers {
		address, err := w.serve(w.calls.of(i, w.zendesk), w.zendesk.Close)
		if err != nil {
			return w, err
		}
		w.zendeskOf = append(w.zendeskOf, address)
	}
	w.others, err = w.serve(w.calls.of(-1, w.zendesk), w.zendesk.Close)
	return w, err
}

// generator makes conversations without texts over 64 kB, which need several calls each.
func (w *world) generator(nth int64, escalated float64) *traffic.Generator {
	return traffic.New(traffic.Config{Seed: w.seed*10 + nth, EscalatedShare: escalated, LongShare: -1}, w.iadvize)
}

func (w *world) addSite(i int) {
	a := w.zendesk.AddAccount(simzendesk.Account{
		Name: fmt.Sprintf("account-%d", i+1), OAuthClientID: worldClient, OAuthSecret: worldSecret, APIToken: othersToken,
	})
	s := worldSite{Name: fmt.Sprintf("site-%d", i+1), Account: a.Name(), ProjectID: int64(1001 + i), Fallback: fmt.Sprintf("support-%d@example.com", i+1)}
	for n := range 3 {
		s.agents = append(s.agents, fmt.Sprintf("agent-%d-%d@example.com", i+1, n+1))
	}
	for _, email := range append([]string{s.Fallback}, s.agents...) {
		a.AddUser(simzendesk.User{Name: "Agent", Email: email, Role: simzendesk.RoleAgent, Verified: true})
	}
	var onForm []int64
	field := func(title string) int64 {
		f := a.AddField(simzendesk.Field{Type: "text", Title: title, OffForm: true})
		onForm = append(onForm, f.ID)
		return f.ID
	}
	s.ConversationID, s.Tags = field("iAdvize conversation"), field("iAdvize tags")
	s.FormID = a.AddForm(simzendesk.Form{Name: s.Name, FieldIDs: onForm}).ID
	w.accounts, w.sites = append(w.accounts, a), append(w.sites, s)
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

// conversation makes one that ends at a site, by its own dates now. Its closing form is there at once: one that is late is
// waited for, and a benchmark is not about that.
func (w *world) conversation(g *traffic.Generator, at int) simiadvize.Conversation {
	s := w.sites[at]
	c := g.Conversation(traffic.Site{Platform: "ha", ProjectID: s.ProjectID, Locale: "fr", AgentEmails: s.agents})
	if c.ClosingForm == nil {
		c.ClosingForm = []simiadvize.FormValue{}
	}
	return c
}

var configuration = template.Must(template.New("configuration").Parse(`iadvize:
  bench:
    url: http://{{.World.IAdvize}}/graphql
    token_url: http://{{.World.IAdvize}}/oauth2/token
    platform: ha
    username: {{.User}}
    password: {{.Secret}}
    webhook_secrets: [{{.Secret}}]
zendesk:
{{- range .World.Sites}}
  {{.Account}}:
    url: http://${ {{- $.Variable -}} }/{{.Account}}
    auth:
      oauth: {client_id: {{$.Client}}, client_secret: {{$.Secret}}}
{{- with $.World.PerMinute}}
    requests_per_minute: {{.}}
{{- end}}
    reserve_percent: {{$.World.Reserve}}
{{- if $.World.Bulk}}
    bulk: {{$.World.Bulk}}
{{- end}}
{{- end}}
sites:
{{- range .World.Sites}}
  {{.Name}}:
    iadvize: bench
    project_id: {{.ProjectID}}
    zendesk: {{.Account}}
    locale: fr
    tickets:
      archive: true
      escalation: true
      assign_to_agent: true
      fallback_assignee: {{.Fallback}}
      form_id: {{.FormID}}
      tags: [iadvize]
      fields:
        conversation_id: {{.ConversationID}}
        conversation_tags: {{.Tags}}
{{- end}}
`))

// configuration is the product's. It says what to do in bulk only where the product knows the word.
func (w *world) configuration(knowsBulk bool) (string, error) {
	bulk := w.bulk
	if !knowsBulk {
		bulk = ""
	}
	var out strings.Builder
	err := configuration.Execute(&out, map[string]any{
		"World": map[string]any{"IAdvize": w.iadvizeAddress, "Sites": w.sites, "PerMinute": w.perMinute, "Reserve": w.reserve, "Bulk": bulk},
		"User":  worldUser, "Secret": worldSecret, "Client": worldClient, "Variable": zendeskVariable,
	})
	if err != nil {
		return "", fmt.Errorf("write configuration: %w", err)
	}
	return out.String(), nil
}
