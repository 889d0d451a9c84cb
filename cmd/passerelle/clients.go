package main

import (
	"errors"
	"reflect"
	"sync"

	"passerelle/pkg/iadvize"
	"passerelle/pkg/limit"
	"passerelle/pkg/site"
	"passerelle/pkg/token"
	"passerelle/pkg/zendesk"
	"passerelle/worker"
)

// clients are those of the accounts in force, made when they are first used, and anew when their settings change.
type clients struct {
	tokens token.Store // nil: tokens of this process alone
	config func() *site.Config

	budgets *limit.Budgets       // nil: nobody counts
	refused func(account string) // told of each 429; must not block

	mu      sync.Mutex
	zendesk map[string]*made[site.Zendesk, *zendesk.Client] // guarded by mu
	iadvize map[string]*made[site.IAdvize, *iadvize.Client] // guarded by mu

	// replaced may be in the middle of an exchange of a token that works once. guarded by mu
	replaced []*zendesk.Client
}

type made[S any, C any] struct {
	config   *site.Config // the last one whose settings were found to be the same
	settings S
	client   C
}

// serves tells whether the client is right for the settings of a configuration, which does not change.
func (m *made[S, C]) serves(config *site.Config, settings S) bool {
	return m.config == config || reflect.DeepEqual(m.settings, settings)
}

func newClients(tokens token.Store) *clients {
	return &clients{tokens: tokens, refused: func(string) {}, zendesk: map[string]*made[site.Zendesk, *zendesk.Client]{}, iadvize: map[string]*made[site.IAdvize, *iadvize.Client]{}}
}

func (c *clients) zendeskClient(name string) (*zendesk.Client, bool) {
	config := c.config()
	settings, ok := config.Zendesk[name]
	if !ok {
		return nil, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if old, ok := c.zendesk[name]; ok && old.serves(config, settings) {
		old.config = config
		return old.client, true
	}
	url, err := settings.URL.Address()
	if err != nil {
		return nil, false // said at the start, and by the failure of each job
	}
	account := zendesk.Account{Name: name, URL: url}
	if o := settings.Auth.OAuth; o != nil {
		account.OAuth = pair(o.ClientID, o.ClientSecret)
		if o.RefreshToken != "" {
			account.RefreshToken = o.RefreshToken.Resolve
		}
	}
	if t := settings.Auth.APIToken; t != nil {
		account.APIToken = pair(t.Email, t.Token)
	}
	c.replaceLocked(name)
	client := zendesk.NewClient(account, c.tokens)
	c.zendesk[name] = &made[site.Zendesk, *zendesk.Client]{config, settings, client}
	return client, true
}

// bulk gives the client for an account's bulk jobs, and its terms.
func (c *clients) bulk(name string) (worker.Bulk, worker.BulkTerms, bool) {
	client, ok := c.ranked(name, limit.Live, false) // a job is one call, so that it takes nothing from the others
	settings := c.config().Zendesk[name]
	if !ok || settings.BulkJobs == nil {
		return nil, worker.BulkTerms{}, false
	}
	terms := worker.BulkTerms{Jobs: *settings.BulkJobs, Import: settings.Import}
	if settings.Bulk == site.BulkOff {
		terms.Jobs = 0 // those that are under way are watched to their end
	}
	return client, terms, true
}

func (c *clients) iadvizeClient(name string) (*iadvize.Client, bool) {
	config := c.config()
	settings, ok := config.IAdvize[name]
	if !ok {
		return nil, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if old, ok := c.iadvize[name]; ok && old.serves(config, settings) {
		old.config = config
		return old.client, true
	}
	url, err := settings.URL.Address()
	tokenURL, tokenErr := settings.TokenURL.Address()
	if err != nil || tokenErr != nil {
		return nil, false
	}
	client := iadvize.NewClient(iadvize.Connection{
		Name: name, URL: url, TokenURL: tokenURL, Platform: settings.Platform, Credentials: pair(settings.Username, settings.Password),
	}, c.tokens)
	c.iadvize[name] = &made[site.IAdvize, *iadvize.Client]{config, settings, client}
	return client, true
}

// renewZendesk has the account's client made anew when it is used next: its address may be another one, though the
// configuration says the same. Who uses the old one goes on with it.
func (c *clients) renewZendesk(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.replaceLocked(name)
}

func (c *clients) replaceLocked(name string) {
	old, ok := c.zendesk[name]
	if ok && old.settings.Auth.OAuth != nil && old.settings.Auth.OAuth.RefreshToken != "" {
		c.replaced = append(c.replaced, old.client)
	}
	delete(c.zendesk, name)
}

// renewIAdvize does the same for a connection.
func (c *clients) renewIAdvize(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.iadvize, name)
}

func (c *clients) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range c.zendesk {
		m.client.Close()
	}
	for _, client := range c.replaced {
		client.Close()
	}
	for _, m := range c.iadvize {
		m.client.Close()
	}
}

func pair(a, b site.Ref) func() (string, string, error) {
	return func() (string, string, error) {
		first, errFirst := a.Resolve()
		second, errSecond := b.Resolve()
		return first, second, errors.Join(errFirst, errSecond)
	}
}
