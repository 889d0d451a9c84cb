package check

import (
	"context"
	"errors"
	"slices"
	"strings"

	"passerelle/pkg/ticket"
	"passerelle/pkg/zendesk"
)

// account is what is known of a Zendesk account.
type account struct {
	name     string
	client   Zendesk // nil when there is nothing to ask: the access failed
	access   error   // why
	caller   zendesk.Caller
	scopes   []string
	scoped   bool // scopes are known
	narrow   bool // they are too few
	apiToken bool

	exhausted *ticket.Failure // it had no call left for a question; nil: it had

	fields      answered[[]zendesk.FieldSettings]
	forms       answered[[]zendesk.FormSettings]
	brands      answered[[]zendesk.Brand]
	groups      answered[[]zendesk.Group]
	triggers    answered[[]zendesk.Rule]
	automations answered[[]zendesk.Rule]
	agents      map[string]answered[*ticket.AgentUser] // by e-mail; nil: there is none
	formsRead   map[int64]answered[ticket.Form]        // by id, with their fields
}

// answered is an answer, or why there is none.
type answered[T any] struct {
	value T
	err   error
}

func ask[T any](ctx context.Context, question func(context.Context) (T, error)) answered[T] {
	value, err := question(ctx)
	return answered[T]{value, err}
}

// asked is ask for an account. One that has no call left is not asked again: what is left is for others.
func asked[T any](ctx context.Context, a *account, question func(context.Context) (T, error)) answered[T] {
	if a.exhausted != nil {
		return answered[T]{err: a.exhausted}
	}
	answer := ask(ctx, question)
	a.mind(answer.err)
	return answer
}

var errNoClient = errors.New("its address cannot be resolved")

// account asks an account all that does not depend on the site, once.
func (c *Checker) account(ctx context.Context, name string) *account {
	if known, ok := c.accounts[name]; ok {
		return known
	}
	a := &account{name: name, agents: map[string]answered[*ticket.AgentUser]{}, formsRead: map[int64]answered[ticket.Form]{}, apiToken: c.config.Zendesk[name].Auth.APIToken != nil}
	c.accounts[name] = a
	client, ok := c.zendesk(name)
	if !ok {
		a.access = errNoClient
		return a
	}
	if a.caller, a.access = client.Caller(ctx); a.access != nil || a.caller.ID == 0 {
		a.mind(a.access)
		return a
	}
	a.client = client
	scopes := asked(ctx, a, func(ctx context.Context) ([]string, error) {
		var err error
		a.scopes, a.scoped, err = client.Scopes(ctx)
		return a.scopes, err
	})
	a.scoped = a.scoped && scopes.err == nil
	a.narrow = len(missingScopes(a)) > 0
	a.fields, a.forms = asked(ctx, a, client.Fields), asked(ctx, a, client.Forms)
	a.brands = asked(ctx, a, client.Brands)
	if c.wantsGroups(name) {
		a.groups = asked(ctx, a, client.Groups)
	}
	a.triggers, a.automations = asked(ctx, a, client.Triggers), asked(ctx, a, client.Automations)
	return a
}

// wantsGroups tells whether a site of the account names a group.
func (c *Checker) wantsGroups(account string) bool {
	for _, s := range c.config.Sites {
		if s.Account == account && s.Tickets.GroupID != 0 {
			return true
		}
	}
	return false
}

// form reads a form with its fields, once.
func (a *account) form(ctx context.Context, id int64) (ticket.Form, error) {
	known, ok := a.formsRead[id]
	if !ok {
		known = asked(ctx, a, func(ctx context.Context) (ticket.Form, error) { return a.client.Form(ctx, id) })
		a.formsRead[id] = known
	}
	return known.value, known.err
}

// missingScopes names the scopes without which the product cannot work. Forms, fields, brands and groups can be read
// with "read" alone.
func missingScopes(a *account) []string {
	if !a.scoped {
		return nil
	}
	var missing []string
	if !slices.Contains(a.scopes, "read") {
		missing = append(missing, "read")
	}
	if !slices.Contains(a.scopes, "write") && !slices.Contains(a.scopes, "tickets:write") {
		missing = append(missing, "write")
	}
	return missing
}

// agent finds an agent by e-mail, once.
func (a *account) agent(ctx context.Context, email string) (*ticket.AgentUser, error) {
	key := strings.ToLower(strings.TrimSpace(email))
	if known, ok := a.agents[key]; ok {
		return known.value, known.err
	}
	known := asked(ctx, a, func(ctx context.Context) (*ticket.AgentUser, error) {
		found, ok, err := a.client.Agent(ctx, key)
		if err != nil || !ok {
			return nil, err
		}
		return &found, nil
	})
	a.agents[key] = known
	return known.value, known.err
}

const allWait = "every conversation of the account's sites waits, and becomes a dead letter after three days"

// access says whether the account can be used.
func (v *visit) access() {
	a, key := v.account, "zendesk."+v.site.Account
	var failure *ticket.Failure
	switch {
	case a.exhausted != nil && a.access != nil: // said by itself
		return
	case errors.As(a.access, &failure) && failure.Reason == ticket.ReasonCredentialsRefused && failure.Detail.Status != 0 && strings.Contains(failure.Error(), "invalid_scope"):
		v.add(Error, OAuthScope, nil, "Zendesk refuses the log-in, because the OAuth client may not ask for the scopes read and write", allWait,
			"allow the OAuth client the scopes read and write, in Zendesk's Admin Center")
		return
	case errors.As(a.access, &failure) && failure.Reason == ticket.ReasonCredentialsRefused:
		fix := "check " + key + ".url and " + key + ".auth in the configuration, and the secrets that they refer to"
		if strings.Contains(failure.Hint, key+".") {
			fix = failure.Hint // it knows more of the cause
		}
		v.add(Error, ZendeskCredentials, nil, notAccepted("Zendesk", failure), allWait, fix)
		return
	case a.access != nil:
		v.add(Error, ZendeskAccess, nil, "Zendesk cannot be asked: "+a.access.Error(), allWait, "check "+key+".url in the configuration, the network, and Zendesk's status page; then run the check again")
		return
	case a.caller.ID == 0:
		v.add(Error, ZendeskCredentials, nil, "Zendesk takes us for nobody: it answers, but does not accept the credentials", allWait, "check "+key+".auth in the configuration, and the secrets that it refers to")
		return
	}
	v.ok(ZendeskAccess, "the account answers")
	v.ok(ZendeskCredentials, "the credentials are accepted")
	v.role()
	v.scopes()
	v.tokenEnds()
	v.ticketImport()
}

func (v *visit) role() {
	caller := v.account.caller
	const fix = "make the API user an administrator in Zendesk, or use credentials of one"
	switch {
	case caller.Suspended:
		v.add(Error, ZendeskRole, nil, "the API user is suspended", allWait, "lift the suspension in Zendesk, or use other credentials")
	case caller.Role == "end-user":
		v.add(Error, ZendeskRole, nil, "the API user is an end user", "Zendesk refuses to make tickets with an assignee, a status or private comments", fix)
	case caller.Light:
		v.add(Error, ZendeskRole, nil, "the API user is a light agent or contributor", "Zendesk refuses to solve, assign or publish what it writes", fix)
	case caller.Role != "admin":
		v.add(Warning, ZendeskRole, nil, "the API user is an agent and no administrator", "tickets outside of its groups or brands may be refused; sites provision cannot make fields", fix)
	default:
		v.ok(ZendeskRole, "the API user is an administrator")
	}
}

func (v *visit) scopes() {
	switch missing := missingScopes(v.account); {
	case v.account.apiToken:
	case len(missing) > 0:
		v.add(Error, OAuthScope, nil, "the OAuth token lacks the scope "+strings.Join(missing, " and "), "Zendesk refuses the calls that need it: "+allWait,
			"allow the OAuth client the scopes read and write, in Zendesk's Admin Center")
	case v.account.exhausted != nil && !v.account.scoped: // said by itself
	case !v.account.scoped:
		v.add(Warning, OAuthScope, nil, "Zendesk does not tell the scopes of the OAuth token", "unknown: a scope that is missing makes every conversation wait",
			"look at the OAuth client in Zendesk's Admin Center: it needs read and write")
	default:
		v.ok(OAuthScope, "the OAuth token may read and write")
	}
}

func (v *visit) tokenEnds() {
	if !v.account.apiToken {
		return
	}
	level, what := Warning, "the account uses an API token, and all API tokens end on 30 April 2027"
	if !v.checker.now().Before(zendesk.APITokensEnd()) {
		level, what = Error, "the account uses an API token, and all API tokens ended on 30 April 2027"
	}
	v.add(level, APITokenEnds, nil, what, "from that day on "+allWait, "make an OAuth client in Zendesk's Admin Center and set zendesk."+v.site.Account+".auth.oauth instead")
}

func (v *visit) ticketImport() {
	switch caller := v.account.caller; {
	case !v.checker.config.Zendesk[v.site.Account].Import:
		v.ok(TicketImport, "the account's ticket import is not used")
	case caller.Role != "admin":
		v.add(Warning, TicketImport, nil, "the account is set to import a backlog's tickets, and the API user is no administrator",
			"Zendesk refuses the import: a backlog's tickets are made without it, so that triggers run and tickets have the day on which they are made",
			"make the API user an administrator in Zendesk, or set zendesk."+v.site.Account+".import to false")
	default:
		v.ok(TicketImport, "the API user may import a backlog's tickets")
	}
}
