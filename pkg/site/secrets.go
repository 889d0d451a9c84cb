package site

import (
	"errors"
	"fmt"
)

// WebhookSecrets gives each connection's secrets, resolved now. One that cannot be resolved is left out and named in
// the error; the others are usable.
func (d *Directory) WebhookSecrets() (map[string][]string, error) {
	secrets := map[string][]string{}
	var failed []error
	for name, connection := range d.Config().IAdvize {
		for _, ref := range connection.WebhookSecrets {
			secret, err := ref.Resolve()
			if err != nil {
				failed = append(failed, fmt.Errorf("iadvize.%s.webhook_secrets: %w", name, err))
				continue
			}
			secrets[name] = append(secrets[name], secret)
		}
	}
	return secrets, errors.Join(failed...)
}
