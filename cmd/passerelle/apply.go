package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"passerelle/pkg/queue"
	"passerelle/pkg/site"
)

// How long running processes may take to put a configuration in force, and how long to wait for their answers.
const (
	applyWithin = 2 * time.Second
	askFirst    = 500 * time.Millisecond
	askEvery    = 200 * time.Millisecond
)

type sitesApplyCommand struct {
	File string `arg:"" help:"The configuration file. Its secrets must be references."`
}

// change is what sites apply and unapply did.
type change struct {
	Revision  uint64           `json:"revision"` // 0: nothing is applied any more
	Content   string           `json:"content,omitempty"`
	Sites     int              `json:"sites,omitempty"`
	Processes []queue.Standing `json:"processes"`
}

// Run checks the file, stores it, and waits until the running processes have it in force.
func (c sitesApplyCommand) Run(ctx context.Context, std streams) error {
	return visitConfig(ctx, func() (*site.Config, []byte, error) { return site.LoadShared(c.File) }, func(q *queue.Queue, old queue.AppliedConfig, config *site.Config, content []byte) error {
		running, err := q.Standings(ctx, askFirst)
		if err != nil {
			return err
		}
		applied, err := q.ApplyConfig(ctx, old, filepath.Base(c.File), content)
		if err != nil {
			return err
		}
		done := change{Revision: applied.Revision, Content: config.Revision, Sites: len(config.Sites)}
		return done.report(ctx, std, q, running, fmt.Sprintf("Applied as revision %d: %d sites, content %s.", done.Revision, done.Sites, done.Content))
	})
}

type sitesUnapplyCommand struct{}

// Run takes the applied configuration back.
func (sitesUnapplyCommand) Run(ctx context.Context, std streams) error {
	return visitConfig(ctx, nil, func(q *queue.Queue, old queue.AppliedConfig, _ *site.Config, _ []byte) error {
		if old.Content == nil {
			if std.json {
				return printJSON(std, change{Processes: []queue.Standing{}})
			}
			_, err := fmt.Fprintln(std.out, "No configuration is applied: each process uses its own file.")
			return err
		}
		running, err := q.Standings(ctx, askFirst)
		if err != nil {
			return err
		}
		if err := q.ClearConfig(ctx, old); err != nil {
			return err
		}
		return change{}.report(ctx, std, q, running, fmt.Sprintf("Revision %d is taken back: each process uses its own file again.", old.Revision))
	})
}

// visitConfig opens the queue and gives what is applied now. What is read from there on is compared when it is written.
func visitConfig(ctx context.Context, load func() (*site.Config, []byte, error), do func(q *queue.Queue, old queue.AppliedConfig, config *site.Config, content []byte) error) error {
	e, err := readEnvironment()
	if err != nil {
		return err
	}
	var config *site.Config
	var content []byte
	if load != nil {
		if config, content, err = load(); err != nil {
			return err
		}
	}
	var done cleanups
	defer done.run()
	q, err := visitQueue(ctx, e, &done)
	if err != nil {
		return err
	}
	applied, err := q.AppliedConfigs(ctx)
	if err != nil {
		return err
	}
	var old queue.AppliedConfig
	if len(applied) > 0 {
		old = applied[0]
	}
	return do(q, old, config, content)
}

// report waits until all who run have the change in force, for 2 seconds at most, and prints who has. Those who
// answered before the change and not after it count as not having it.
func (c change) report(ctx context.Context, std streams, q *queue.Queue, running []queue.Standing, said string) error {
	known := map[string]queue.Standing{}
	for _, s := range running {
		known[s.ID] = s
	}
	for end := time.Now().Add(applyWithin); ; {
		answers, err := q.Standings(ctx, askEvery)
		if err != nil {
			return err
		}
		for _, s := range answers {
			known[s.ID] = s
		}
		if c.settled(known) || time.Now().After(end) {
			break
		}
	}
	c.Processes = slices.SortedFunc(maps.Values(known), func(a, b queue.Standing) int { return cmp.Compare(a.Process+a.ID, b.Process+b.ID) })
	have := 0
	for _, s := range c.Processes {
		if s.Revision == c.Revision {
			have++
		}
	}
	if std.json {
		if err := printJSON(std, c); err != nil {
			return err
		}
	} else {
		reach := fmt.Sprintf("In force in %d of %d running processes.", have, len(c.Processes))
		if len(c.Processes) == 0 {
			reach = "No process runs; those that start will use it."
		}
		if _, err := fmt.Fprintln(std.out, said, reach); err != nil {
			return err
		}
	}
	return c.missing()
}

// settled tells whether every process has the change, or has refused it.
func (c change) settled(known map[string]queue.Standing) bool {
	for _, s := range known {
		if s.Revision != c.Revision && (c.Revision == 0 || s.Refused != c.Revision) {
			return false
		}
	}
	return true
}

// missing names the processes that have not got the change in force.
func (c change) missing() error {
	var missing []error
	refused := false
	for _, s := range c.Processes {
		switch {
		case s.Revision == c.Revision:
		case s.Refused == c.Revision && s.Why != "":
			missing = append(missing, fmt.Errorf("process %s refuses it and keeps the old one: %s", s.Process, s.Why))
			refused = true
		default:
			missing = append(missing, fmt.Errorf("process %s has not got it in force within %s", s.Process, applyWithin))
		}
	}
	if refused {
		missing = append(missing, errors.New("processes that start look at it, too: mend what it lacks, apply another one, or take it back with passerelle sites unapply"))
	}
	return errors.Join(missing...)
}
