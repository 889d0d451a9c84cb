package check

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"passerelle/pkg/site"
	"passerelle/pkg/ticket"
)

// Checker checks the sites of one configuration. What it learns of an account it asks once, whatever the number of
// sites that share it. It is for one goroutine.
type Checker struct {
	config  *site.Config
	zendesk func(name string) (Zendesk, bool)
	iadvize func(name string) (IAdvize, bool)
	now     func() time.Time

	accounts    map[string]*account
	connections map[string]*connection
}

// New makes a checker. It calls nobody. zendesk and iadvize give the clients of the configuration's entries.
func New(config *site.Config, zendesk func(name string) (Zendesk, bool), iadvize func(name string) (IAdvize, bool)) *Checker {
	return &Checker{
		config: config, zendesk: zendesk, iadvize: iadvize, now: time.Now,
		accounts: map[string]*account{}, connections: map[string]*connection{},
	}
}

// Site checks one site, which must be in the configuration. Every check gives at least one finding, in a fixed order;
// where an account cannot be reached at all, the checks that need it give none. The error is the context's.
func (c *Checker) Site(ctx context.Context, name string) ([]Finding, error) {
	s, ok := c.config.Sites[name]
	if !ok {
		return nil, fmt.Errorf("there is no site %s in the configuration", name)
	}
	r := &report{site: name}
	v := &visit{report: r, checker: c, site: s, settings: s.Tickets}
	v.purpose()
	v.account = c.account(ctx, s.Account)
	if v.access(); v.account.client != nil {
		v.inZendesk(ctx)
	}
	v.connection = c.connection(ctx, s.IAdvize)
	v.inIAdvize(ctx)
	v.webhookSecrets()
	v.calls()
	return r.findings, ctx.Err()
}

// visit is the check of one site.
type visit struct {
	*report

	checker    *Checker
	site       ticket.Site
	settings   ticket.TicketSettings
	account    *account
	connection *connection
	form       ticket.Form // of the site, once it was found
	formKnown  bool
	fallback   bool // the fallback assignee can be assigned
}

func (v *visit) purpose() {
	switch s := v.settings; {
	case s.Archive && s.Escalation:
		v.ok(Purpose, "each conversation gets a solved ticket, an escalated one an open ticket")
	case s.Archive:
		v.ok(Purpose, "each conversation gets a solved ticket")
	case s.Escalation:
		v.ok(Purpose, "each escalated conversation gets an open ticket")
	default:
		v.add(Warning, Purpose, nil, "the site wants no tickets: tickets.archive and tickets.escalation are both off",
			"no conversation ever gets a ticket", "set tickets.archive or tickets.escalation of the site to true")
	}
}

// inZendesk checks what needs the account.
func (v *visit) inZendesk(ctx context.Context) {
	v.forms(ctx)
	v.brand()
	v.group()
	v.configuredFields()
	v.requiredFields()
	v.fallbackAssignee(ctx)
	v.rules()
}

// unreadable says that a check could not be made. What the credentials may not read was said once already, when the
// scopes were found to be too few.
func (v *visit) unreadable(level Level, code string, err error) {
	var failure *ticket.Failure
	if _, limited := outOfCalls(err); limited && v.account.exhausted != nil {
		return // said by itself
	}
	if errors.As(err, &failure) {
		if failure.Detail.Status == http.StatusForbidden && v.account.narrow {
			return
		}
		v.add(level, code, nil, "this could not be checked: "+failure.Error(), "unknown", failure.Hint)
		return
	}
	v.add(level, code, nil, "this could not be checked: "+err.Error(), "unknown", "run the check again")
}

// webhookSecrets tells whether the secrets of the site's connection can be resolved now.
func (v *visit) webhookSecrets() {
	secrets := v.checker.config.IAdvize[v.site.IAdvize].WebhookSecrets
	for _, ref := range secrets {
		if _, err := ref.Resolve(); err != nil {
			v.add(Error, WebhookSecret, nil, "a webhook secret cannot be resolved: "+err.Error(),
				"webhooks that are signed with it are refused, and iAdvize gives each up after 30 seconds: the sweep finds their conversations, so that the tickets come late, "+
					"and a survey that is answered after that is missing in its ticket",
				"set what iadvize."+v.site.IAdvize+".webhook_secrets refers to, in the environment of passerelle serve")
		}
	}
	if !v.has(WebhookSecret) {
		v.ok(WebhookSecret, fmt.Sprintf("%s can be resolved", counted(len(secrets), "webhook secret")))
	}
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
