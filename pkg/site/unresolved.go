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

// Missing is a reference that cannot be resolved now.
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
	for _, name := range slices.Sorted(maps.Keys(c.IAdvize)) {
		conn, key := c.IAdvize[name], "iadvize."+name
		try := func(use Use, key string, refs ...Ref) { missing = append(missing, unresolved(use, name, key, refs)...) }
		try(ReadConversations, key+".url", conn.URL)
		try(ReadConversations, key+".token_url", conn.TokenURL)
		try(ReadConversations, key+".username", conn.Username)
		try(ReadConversations, key+".password", conn.Password)
		try(TakeWebhooks, key+".webhook_secrets", conn.WebhookSecrets...)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Zendesk)) {
		account, key := c.Zendesk[name], "zendesk."+name
		try := func(key string, ref Ref) {
			missing = append(missing, unresolved(WriteTickets, name, key, []Ref{ref})...)
		}
		try(key+".url", account.URL)
		if o := account.Auth.OAuth; o != nil {
			try(key+".auth.oauth.client_id", o.ClientID)
			try(key+".auth.oauth.client_secret", o.ClientSecret)
			try(key+".auth.oauth.refresh_token", o.RefreshToken)
		}
		if t := account.Auth.APIToken; t != nil {
			try(key+".auth.api_token.email", t.Email)
			try(key+".auth.api_token.token", t.Token)
		}
	}
	return missing
}

func unresolved(use Use, name, key string, refs []Ref) []Missing {
	var missing []Missing
	for _, r := range refs {
		if _, err := r.Resolve(); err != nil {
			missing = append(missing, Missing{Key: key, Use: use, Name: name, Err: err})
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
