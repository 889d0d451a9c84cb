package main

import (
	"context"
	"maps"
	"slices"
	"time"

	"passerelle/pkg/site"
)

// lookEvery is how often it is looked whether what is in trouble is reached in another way.
const lookEvery = 3 * time.Second

// trouble is an account or a connection to iAdvize that is in trouble.
type trouble struct {
	connection bool
	name       string
}

// tryAnew has an account or a connection in trouble tried at once when its address or credentials change, in the configuration
// or in a secret that it names, until ctx ends. Else it would wait for up to a quarter of an hour though it is mended.
func (s *service) tryAnew(ctx context.Context) {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	seen := map[trouble]site.Way{}
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			seen = s.tryChanged(ctx, seen)
		}
	}
}

// tryChanged looks once. It takes how each was reached at the look before, and gives how it is now. Of one whose secret cannot
// be read now, what was before stays: it may be written just then, and nothing gets through meanwhile anyway.
func (s *service) tryChanged(ctx context.Context, before map[trouble]site.Way) map[trouble]site.Way {
	config, now := s.works.directory.Config(), map[trouble]site.Way{}
	changed := func(t trouble, way site.Way) bool {
		was, known := before[t]
		if way == (site.Way{}) {
			way = was
		}
		now[t] = way
		return known && was != way
	}
	accounts, connections := s.worker.InTrouble()
	for _, name := range accounts {
		if changed(trouble{name: name}, config.Zendesk[name].Way()) {
			s.works.clients.renewZendesk(name)
			s.worker.AccountChanged(ctx, name)
		}
	}
	for _, name := range connections {
		if changed(trouble{true, name}, config.IAdvize[name].Way()) {
			s.works.clients.renewIAdvize(name)
			s.worker.ConnectionChanged(ctx, name, accountsOf(config, name))
		}
	}
	return now
}

// accountsOf names the accounts whose conversations come from a connection.
func accountsOf(config *site.Config, connection string) []string {
	of := map[string]bool{}
	for _, s := range config.Sites {
		if s.IAdvize == connection {
			of[s.Account] = true
		}
	}
	return slices.Sorted(maps.Keys(of))
}
