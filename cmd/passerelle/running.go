package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"passerelle/pkg/queue"
)

// mostConfigs bounds how many different configurations of running processes are looked at.
const mostConfigs = 20

// inForceHere tells other processes what is in force in this one.
func (s *service) inForceHere() queue.InForce {
	config, applied := s.works.directory.Config(), s.works.directory.Applied()
	told := queue.InForce{File: s.Config, Accounts: slices.Sorted(maps.Keys(config.Zendesk))}
	if applied.Revision != 0 {
		told.File = applied.Name
	}
	for _, name := range slices.Sorted(maps.Keys(config.Sites)) {
		told.Sites = append(told.Sites, config.Sites[name])
	}
	return told
}

// runningConfig is a configuration that processes have in force, whatever became of its file.
type runningConfig struct {
	queue.InForce

	revision uint64
	content  string
	ids      []string // of the processes
}

// configsRunning asks the processes that run what they have in force; what most of them have comes first. Processes of
// a version that does not tell are left out.
func configsRunning(ctx context.Context, q *queue.Queue, sites bool) ([]runningConfig, error) {
	standings, err := q.Standings(ctx, askEvery)
	if err != nil {
		return nil, err
	}
	var configs []runningConfig
	for _, s := range standings {
		at := slices.IndexFunc(configs, func(c runningConfig) bool { return c.revision == s.Revision && c.content == s.Content })
		if at < 0 {
			at = len(configs)
			configs = append(configs, runningConfig{revision: s.Revision, content: s.Content})
		}
		configs[at].ids = append(configs[at].ids, s.ID)
	}
	slices.SortStableFunc(configs, func(a, b runningConfig) int { return len(b.ids) - len(a.ids) })
	var told []runningConfig
	for _, c := range configs[:min(len(configs), mostConfigs)] {
		for _, id := range c.ids {
			if c.InForce, err = q.InForce(ctx, id, sites, lanesWithin); err == nil {
				told = append(told, c)
				break
			}
		}
	}
	return told, ctx.Err()
}

// accountsRunning gives the accounts of all configurations that processes have in force; none when nobody tells.
func accountsRunning(ctx context.Context, q *queue.Queue) []string {
	configs, err := configsRunning(ctx, q, false)
	if err != nil {
		return nil
	}
	var names []string
	for _, c := range configs {
		names = append(names, c.Accounts...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// keptSites is what sites list goes by when it cannot use the file: what most of the processes that run have read of it.
// It gives back the reason when none runs.
func (s *sighting) keptSites(ctx context.Context, std streams, reason error) ([]listedSite, error) {
	if s.queue == nil {
		return nil, reason
	}
	configs, err := configsRunning(ctx, s.queue, true)
	if err != nil || len(configs) == 0 {
		return nil, reason
	}
	running := configs[0]
	s.from = source{Applied: running.revision, File: running.File, Content: running.content, Kept: true}
	if err := s.count(ctx); err != nil {
		return nil, err
	}
	goingByWhatRuns(std, reason)
	sites := make([]listedSite, len(running.Sites))
	for i, site := range running.Sites {
		sites[i] = listedSite{site, s.from}
	}
	return sites, nil
}

func goingByWhatRuns(std streams, reason error) {
	_, _ = fmt.Fprintf(std.err, "passerelle: going by what the running processes have in force, because the configuration cannot be used: %s\n", oneLine(reason))
}

// alongside adds to what is wrong with the file that it does no harm yet, where that is so.
func (s *sighting) alongside(ctx context.Context, reason error) error {
	if s.queue == nil {
		return reason
	}
	if standings, err := s.queue.Standings(ctx, askEvery); err != nil || len(standings) == 0 {
		return reason
	}
	return fmt.Errorf("%w\nwhat runs goes on with what it has in force: passerelle sites list shows it", reason)
}

// oneLine gives the first of several errors, and how many there are.
func oneLine(err error) string {
	lines := strings.Split(err.Error(), "\n")
	if len(lines) == 1 {
		return lines[0]
	}
	return fmt.Sprintf("%s; and %d more, which passerelle sites check shows", lines[0], len(lines)-1)
}
