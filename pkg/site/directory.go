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
	Agents(ctx context.Context) ([]ticket.AgentUser, error)
	Agent(ctx context.Context, email string) (ticket.AgentUser, bool, error)
	FormLayout(ctx context.Context, id int64) (ticket.FormLayout, error)
	FormFields(ctx context.Context) ([]ticket.Field, error)
	CustomStatuses(ctx context.Context) ([]ticket.CustomStatus, error)
}

// How long what is known of accounts is used. It is asked for anew before it is old, while tickets go on with what there
// is, by one process for all. What was mended in Zendesk is seen within a quarter of an hour or so, and at once by what
// would be a dead letter, and by a replay, which ask anew.
var (
	rosterPolicy = cache.Policy{
		Ahead: 10 * time.Minute, Fresh: time.Hour, Stale: 6 * time.Hour, Negative: 10 * time.Minute, Shared: 2 * time.Hour, Alone: true, MaxBytes: 64 << 20,
	}
	// Who is not in the list of agents, or not as it says.
	agentPolicy = cache.Policy{Fresh: 5 * time.Minute, Stale: 24 * time.Hour, Negative: 10 * time.Minute, Shared: 15 * time.Minute}
	formPolicy  = cache.Policy{
		Ahead: 15 * time.Minute, Fresh: 30 * time.Minute, Stale: 24 * time.Hour, Negative: 30 * time.Second, Shared: time.Hour, Alone: true,
		Together: accountOf,
	}
	// What a form is made of, each in a call. The forms of an account share it, and where calls are scarce what the last try
	// had read is not read again: else an account that has a call every few seconds would never know its form.
	partPolicy = cache.Policy{Fresh: 5 * time.Minute, MaxEntries: 500}
	// A site of one revision of the configuration never changes: see Directory.Site.
	sitePolicy = cache.Policy{Fresh: time.Hour, Stale: 24 * time.Hour, Negative: 5 * time.Second, Shared: time.Hour}
)

// askTimeout bounds the reading of an agent or a form: two or three calls, each of which may have to wait for leave in an
// account that has few, or one that gets no answer.
const askTimeout = 25 * time.Second

// Directory answers what the workers ask about sites, agents and forms. Its methods may be called concurrently.
type Directory struct {
	config  atomic.Pointer[Config]
	rosters *cache.Cache[roster]           // by account
	agents  *cache.Cache[ticket.AgentUser] // those that the rosters leave open
	forms   *cache.Cache[ticket.Form]
	parts   formParts
	sites   *cache.Cache[ticket.Site]
	file    atomic.Pointer[watchedFile] // nil until Watch

	choosing sync.Mutex // held while it is decided what is in force
	applied  Origin     // guarded by choosing

	refreshMu sync.Mutex
	refreshed map[string]time.Time        // guarded by refreshMu; when each site was asked for anew
	doubts    map[string]map[string]doubt // guarded by refreshMu; by account and site
}

var (
	// errNoAccount says that an account left the configuration while its job was under way.
	errNoAccount = errors.New("the account is not in the configuration")
	errRevision  = errors.New("another revision of the configuration is in force")
)

// NewDirectory makes a directory on a configuration. account gives the client of an account; redis may be nil. The options
// are for its caches.
func NewDirectory(config *Config, redis *cache.Redis, account func(name string) (Account, bool), opts ...cache.Option) *Directory {
	d := &Directory{refreshed: map[string]time.Time{}, doubts: map[string]map[string]doubt{}}
	d.config.Store(config)
	find := func(key string) (Account, string, error) {
		name, rest, _ := strings.Cut(key, "/")
		if a, ok := account(name); ok {
			return a, rest, nil
		}
		return nil, "", errNoAccount
	}
	patient := append([]cache.Option{cache.LoadTimeout(askTimeout)}, opts...)
	d.rosters = cache.New("rosters", rosterPolicy, redis, func(ctx context.Context, key string) (roster, bool, error) {
		a, _, err := find(key)
		if err != nil {
			return roster{}, false, err
		}
		return loadRoster(ctx, a)
	}, append([]cache.Option{cache.LoadTimeout(rosterTimeout)}, opts...)...)
	d.agents = cache.New("agents", agentPolicy, redis, func(ctx context.Context, key string) (ticket.AgentUser, bool, error) {
		a, rest, err := find(key)
		if err != nil {
			return ticket.AgentUser{}, false, err
		}
		_, email, _ := strings.Cut(rest, "/")
		return a.Agent(ctx, email)
	}, patient...)
	d.parts = newFormParts(find, patient...)
	d.forms = cache.New("forms", formPolicy, redis, func(ctx context.Context, key string) (ticket.Form, bool, error) {
		account, id, _ := strings.Cut(key, "/")
		return d.parts.form(ctx, account, formID(id))
	}, patient...)
	// The key holds the revision of the configuration, so that an edit is never masked by what Redis remembers.
	own := func(key string) (ticket.Site, bool, error) {
		parts, config := strings.Split(key, "/"), d.config.Load()
		if config.Revision != parts[0] {
			return ticket.Site{}, false, errRevision
		}
		s, ok := config.Site(parts[1], formID(parts[2]))
		return s, ok, nil
	}
	d.sites = cache.New("sites", sitePolicy, redis, func(_ context.Context, key string) (ticket.Site, bool, error) { return own(key) }, opts...)
	d.sites.Own(func(key string) (ticket.Site, bool) {
		s, ok, _ := own(key) // of a revision that is not in force there is none
		return s, ok
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
		return config.Site(platform, projectID) // what is in memory is the truth anyway
	}
	return s, ok
}

// Form gives a ticket form of an account; id 0 is its default form.
func (d *Directory) Form(ctx context.Context, account string, id int64) (ticket.Form, error) {
	form, _, err := d.forms.Get(ctx, formKey(account, id))
	return form, err
}

func formKey(account string, id int64) string { return account + "/" + strconv.FormatInt(id, 10) }

// accountOf is the account of a form's key.
func accountOf(key string) string { return key[:max(0, strings.LastIndexByte(key, '/'))] }
