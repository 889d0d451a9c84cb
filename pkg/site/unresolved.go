package site

import (
	"maps"
	"slices"
)

// Missing is a reference that cannot be resolved now.
type Missing struct {
	Key string
	Err error
}

// Unresolved names the references that cannot be resolved now.
func (c *Config) Unresolved() []Missing {
	var missing []Missing
	try := func(key string, refs ...Ref) {
		for _, r := range refs {
			if _, err := r.Resolve(); err != nil {
				missing = append(missing, Missing{key, err})
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.IAdvize)) {
		conn, key := c.IAdvize[name], "iadvize."+name
		try(key+".url", conn.URL, conn.TokenURL)
		try(key+".username", conn.Username)
		try(key+".password", conn.Password)
		try(key+".webhook_secrets", conn.WebhookSecrets...)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Zendesk)) {
		account, key := c.Zendesk[name], "zendesk."+name
		try(key+".url", account.URL)
		if o := account.Auth.OAuth; o != nil {
			try(key+".auth.oauth", o.ClientID, o.ClientSecret, o.RefreshToken)
		}
		if t := account.Auth.APIToken; t != nil {
			try(key+".auth.api_token", t.Email, t.Token)
		}
	}
	return missing
}
