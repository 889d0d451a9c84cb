package site

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"passerelle/pkg/cache"
	"passerelle/pkg/ticket"
)

// Account is what a Zendesk account tells of itself.
type Account interface {
	Agent(ctx context.Context, email string) (ticket.AgentUser, bool, error)
	Form(ctx context.Context, id int64) (ticket.Form, error)
}

// How long what is known of accounts is used. A form that was mended in Zendesk is seen within a minute by the workers
// and at once by a replay, which asks anew.
var (
	agentPolicy = cache.Policy{Fresh: 5 * time.Minute, Stale: 24 * time.Hour, Negative: 30 * time.Second, Shared: 15 * time.Minute}
	formPolicy  = cache.Policy{Fresh: time.Minute, Stale: 24 * time.Hour, Negative: 30 * time.Second, Shared: 2 * time.Minute}
	sitePolicy  = cache.Policy{Fresh: time.Minute, Stale: 24 * time.Hour, Negative: 5 * time.Second, Shared: 15 * time.Minute}
)

// Directory answers what the workers ask about sites, agents and forms. Its methods may be called concurrently.
type Directory struct {
	config atomic.Pointer[Config]
	agents *cache.Cache[ticket.AgentUser]
	forms  *cache.Cache[ticket.Form]
	sites  *cache.Cache[ticket.Site]
	file   atomic.Pointer[watchedFile] // nil until Watch

	choosing sync.Mutex // held while it is decided what is in force
	applied  Origin     // guarded by choosing

	refreshMu sync.Mutex
	refreshed map[string]time.Time // guarded by refreshMu; when each site was asked for anew
}

// errNoAccount says that an account left the configuration while its job was under way.
var errNoAccount = errors.New("the account is not in the configuration")

// NewDirectory makes a directory on a configuration. account gives the client of an account; redis may be nil.
func NewDirectory(config *Config, redis *cache.Redis, account func(name string) (Account, bool)) *Directory {
	d := &Directory{refreshed: map[string]time.Time{}}
	d.config.Store(config)
	find := func(key string) (Account, string, error) {
		name, rest, _ := strings.Cut(key, "/")
		if a, ok := account(name); ok {
			return a, rest, nil
		}
		return nil, "", errNoAccount
	}
	d.agents = cache.New("agents", agentPolicy, redis, func(ctx context.Context, key string) (ticket.AgentUser, bool, error) {
		a, email, err := find(key)
		if err != nil {
			return ticket.AgentUser{}, false, err
		}
		return a.Agent(ctx, email)
	})
	d.forms = cache.New("forms", formPolicy, redis, func(ctx context.Context, key string) (ticket.Form, bool, error) {
		a, id, err := find(key)
		if err != nil {
			return ticket.Form{}, false, err
		}
		form, err := a.Form(ctx, formID(id))
		return form, err == nil, err
	})
	// The key holds the revision of the configuration, so that an edit is never masked by what Redis remembers.
	d.sites = cache.New("sites", sitePolicy, redis, func(_ context.Context, key string) (ticket.Site, bool, error) {
		parts := strings.Split(key, "/")
		s, ok := d.config.Load().Site(parts[1], formID(parts[2]))
		return s, ok, nil
	})
	return d
}

func formID(text string) int64 {
	id, _ := strconv.ParseInt(text, 10, 64) // the text is a number that was written below
	return id
}

// Config gives the configuration in force.
func (d *Directory) Config() *Config { return d.config.Load() }

// Use puts another configuration in force.
func (d *Directory) Use(c *Config) { d.config.Store(c) }

// Site gives the site of an iAdvize project, and whether it is configured.
func (d *Directory) Site(ctx context.Context, platform string, projectID int64) (ticket.Site, bool) {
	config := d.config.Load()
	s, ok, err := d.sites.Get(ctx, config.Revision+"/"+platform+"/"+strconv.FormatInt(projectID, 10))
	if err != nil {
		return config.Site(platform, projectID) // the caller's time is over; what is in memory is the truth anyway
	}
	return s, ok
}

// Agent gives the agent of an account with that e-mail, and whether there is one.
func (d *Directory) Agent(ctx context.Context, account, email string) (ticket.AgentUser, bool, error) {
	return d.agents.Get(ctx, agentKey(account, email))
}

// Form gives a ticket form of an account; id 0 is its default form.
func (d *Directory) Form(ctx context.Context, account string, id int64) (ticket.Form, error) {
	form, _, err := d.forms.Get(ctx, formKey(account, id))
	return form, err
}

func agentKey(account, email string) string {
	return account + "/" + strings.ToLower(strings.TrimSpace(email))
}

func formKey(account string, id int64) string { return account + "/" + strconv.FormatInt(id, 10) }
