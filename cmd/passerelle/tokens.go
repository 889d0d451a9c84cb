package main

import (
	"context"
	"maps"
	"slices"
	"time"

	"passerelle/pkg/site"
	"passerelle/pkg/zendesk"
)

// keepEvery is how often refresh tokens are looked at. The shortest ones live a week.
const keepEvery = time.Hour

// keepTokens renews the refresh tokens that would end because their accounts have no work, and uses those that were
// never used, until ctx ends. Trouble is logged when it is new.
func (s *service) keepTokens(ctx context.Context) {
	ticker := time.NewTicker(keepEvery)
	defer ticker.Stop()
	told := map[string]string{}
	for {
		config := s.works.directory.Config()
		for _, name := range slices.Sorted(maps.Keys(config.Zendesk)) {
			if o := config.Zendesk[name].Auth.OAuth; o == nil || o.RefreshToken == "" {
				continue
			}
			if client, ok := s.works.clients.zendeskClient(name); ok {
				s.tellKeeping(name, told, client.KeepToken(ctx))
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (s *service) tellKeeping(account string, told map[string]string, err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	if text != "" && text != told[account] {
		s.log.Warn().Err(err).Str("account", account).Msg("cannot keep the refresh token")
	}
	told[account] = text
}

// warnOfAPITokens names each account whose API token will end, once for this start.
func (s *service) warnOfAPITokens(config *site.Config) {
	if s.worker == nil {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(config.Zendesk)) {
		if config.Zendesk[name].Auth.APIToken == nil {
			continue
		}
		if _, warned := s.warned.LoadOrStore(name, true); warned {
			continue
		}
		s.log.Warn().Str("account", name).Str("ends", zendesk.APITokensEnd().Format(time.DateOnly)).
			Str("hint", "make an OAuth client in Zendesk and use auth.oauth; README.md says how").
			Msg("Zendesk accepts API tokens until " + zendesk.APITokensEnd().Format("2 January 2006") + " only")
	}
}
