package site

import (
	"errors"
	"maps"
	"slices"
)

// Use is what a process does with the value of a reference. One that does not do it does not need the value.
type Use int

// The uses of references.
const (
	ReadConversations Use = iota + 1 // of an iAdvize connection
	TakeWebhooks                     // of an iAdvize connection
	WriteTickets                     // of a Zendesk account
)

// Missing is a reference that cannot be resolved now, or not to what may be used.
type Missing struct {
	Key  string // of the configuration
	Use  Use
	Name string // of the iAdvize connection or Zendesk account
	Err  error
}

// Error names the key and the reference.
func (m Missing) Error() string { return m.Key + ": " + m.Err.Error() }

// Unwrap gives why it cannot be resolved.
func (m Missing) Unwrap() error { return m.Err }

// Unresolved names the references that cannot be resolved now.
func (c *Config) Unresolved() []Missing {
	var missing []Missing
	name := ""
	try := func(use Use, key string, resolve func() (string, error)) {
		if _, err := resolve(); err != nil {
			missing = append(missing, Missing{Key: key, Use: use, Name: name, Err: err})
		}
	}
	for _, name = range slices.Sorted(maps.Keys(c.IAdvize)) {
		conn, key := c.IAdvize[name], "iadvize."+name
		try(ReadConversations, key+".url", conn.URL.Address)
		try(ReadConversations, key+".token_url", conn.TokenURL.Address)
		try(ReadConversations, key+".username", conn.Username.Resolve)
		try(ReadConversations, key+".password", conn.Password.Resolve)
		for _, secret := range conn.WebhookSecrets {
			try(TakeWebhooks, key+".webhook_secrets", secret.Resolve)
		}
	}
	for _, name = range slices.Sorted(maps.Keys(c.Zendesk)) {
		account, key := c.Zendesk[name], "zendesk."+name
		try(WriteTickets, key+".url", account.URL.Address)
		if o := account.Auth.OAuth; o != nil {
			try(WriteTickets, key+".auth.oauth.client_id", o.ClientID.Resolve)
			try(WriteTickets, key+".auth.oauth.client_secret", o.ClientSecret.Resolve)
			try(WriteTickets, key+".auth.oauth.refresh_token", o.RefreshToken.Resolve)
		}
		if t := account.Auth.APIToken; t != nil {
			try(WriteTickets, key+".auth.api_token.email", t.Email.Resolve)
			try(WriteTickets, key+".auth.api_token.token", t.Token.Resolve)
		}
	}
	return missing
}

// Resolvable gives an error that names each reference that cannot be resolved now and is needed for one of the uses.
func (c *Config) Resolvable(uses []Use) error {
	var failed []error
	for _, m := range c.Unresolved() {
		if slices.Contains(uses, m.Use) {
			failed = append(failed, m)
		}
	}
	return errors.Join(failed...)
}
