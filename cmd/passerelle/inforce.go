package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"passerelle/pkg/queue"
	"passerelle/pkg/site"
)

// fileConfig is the configuration file as it was read.
type fileConfig struct {
	config *site.Config
	err    error
}

func loadFile(path string) fileConfig {
	config, err := site.Load(path)
	return fileConfig{config, err}
}

// inForce chooses the configuration: the newest applied one that this process can use, or the file when none is
// applied: then its revision is 0. uses are those that this process has for references: one that needs a reference that
// cannot be resolved here cannot be used. Where that is so of all that are sound, it is the newest of these, so that a
// process starts, and only what needs the secret waits. refused is told of those that are newer than the chosen one. A
// process that starts thus uses what those that run already use.
func inForce(ctx context.Context, q *queue.Queue, file fileConfig, uses []site.Use, refused func(queue.AppliedConfig, error)) (*site.Config, queue.AppliedConfig, error) {
	applied, err := q.AppliedConfigs(ctx)
	if err != nil {
		return nil, queue.AppliedConfig{}, errors.Join(file.err, err)
	}
	if len(applied) == 0 {
		return file.config, queue.AppliedConfig{}, file.err
	}
	parsed, chosen := make([]*site.Config, len(applied)), -1
	problems := make([]error, len(applied))
	for i, a := range applied {
		if parsed[i], problems[i] = site.Parse(a.Name, a.Content); problems[i] != nil {
			continue
		}
		if problems[i] = parsed[i].Resolvable(uses); problems[i] == nil {
			chosen = i
			break
		}
		if chosen < 0 {
			chosen = i
		}
	}
	for i, a := range applied {
		if i == chosen {
			return parsed[i], a, nil
		}
		refused(a, problems[i])
	}
	return nil, queue.AppliedConfig{}, fmt.Errorf("revision %d is applied, and cannot be used; apply another one, or take it back with passerelle sites unapply: %w", applied[0].Revision, problems[0])
}

func originOf(a queue.AppliedConfig) site.Origin {
	return site.Origin{Revision: a.Revision, Name: a.Name}
}

// source says where the configuration in force comes from.
type source struct {
	Applied   uint64 `json:"applied"` // revision; 0: the file
	File      string `json:"file"`
	Kept      bool   `json:"kept,omitempty"` // as the processes that run have read it; it cannot be used now
	Content   string `json:"content"`        // the same for the same content
	At        string `json:"at,omitempty"`
	Processes int    `json:"processes"` // that run and have it in force
	Refused   int    `json:"refused"`   // of those that run, who keep the one before
	Running   int    `json:"running"`
}

func (s source) String() string {
	from := "In force: the file " + s.File
	if s.Applied != 0 {
		from = fmt.Sprintf("In force: revision %d, applied from %s", s.Applied, s.File)
	}
	if s.At != "" {
		from += " at " + s.At
	}
	if s.Kept {
		from += " as it was read last"
	}
	from += ", content " + s.Content
	if s.Running > 0 {
		from += fmt.Sprintf("; in %d of %d running processes", s.Processes, s.Running)
	}
	if s.Refused > 0 {
		from += fmt.Sprintf("; refused by %d, which keep the one before, as their logs say", s.Refused)
	}
	return from
}

// configInForce is inForce for a command that has the queue open. The secrets of a person's shell do not change what
// is in force.
func configInForce(ctx context.Context, e environment, q *queue.Queue) (*site.Config, error) {
	config, _, err := inForce(ctx, q, loadFile(e.Config), nil, func(queue.AppliedConfig, error) {})
	return config, err
}

// sighting is the configuration in force as a command finds it that works without a store, too.
type sighting struct {
	config *site.Config
	from   source
	queue  *queue.Queue // nil: there is no store, or it cannot be reached
}

// reach opens the store, where anything was ever served. failed is told why it cannot be reached.
func (s *sighting) reach(ctx context.Context, e environment, done *cleanups, failed func(error)) {
	if _, err := os.Stat(e.DataDir); e.NATSURL == "" && err != nil {
		return
	}
	q, err := visitQueue(ctx, e, done)
	if err != nil {
		failed(err)
		return
	}
	s.queue = q
}

// sightConfig finds what is in force for those who start. Where nothing was ever served that is the file. When the
// store cannot be reached it says so and goes by the file.
func sightConfig(ctx context.Context, e environment, std streams, done *cleanups) (sighting, error) {
	file := loadFile(e.Config)
	seen := sighting{config: file.config, from: source{File: e.Config}}
	seen.reach(ctx, e, done, func(err error) {
		_, _ = fmt.Fprintf(std.err, "passerelle: cannot tell whether a configuration is applied: %v\n", err)
	})
	if seen.queue == nil {
		if file.err == nil {
			seen.from.Content = file.config.Revision
		}
		return seen, file.err
	}
	config, applied, err := inForce(ctx, seen.queue, file, nil, func(a queue.AppliedConfig, err error) {
		_, _ = fmt.Fprintf(std.err, "passerelle: revision %d is applied, and this version cannot use it: %v\n", a.Revision, err)
	})
	if err != nil {
		return seen, err
	}
	seen.config, seen.from.Content = config, config.Revision
	if applied.Revision != 0 {
		seen.from.Applied, seen.from.File, seen.from.At = applied.Revision, applied.Name, applied.At.UTC().Format(time.RFC3339)
	}
	return seen, nil
}

// sightFile is sightConfig for a file that is named on the command line; without a name it is sightConfig, and says
// when something else than the file is in force. What is not in force yet can thus be looked at before it is applied.
func sightFile(ctx context.Context, e environment, path string, std streams, done *cleanups) (sighting, error) {
	if path != "" {
		named := loadFile(path)
		if named.err != nil {
			return sighting{}, named.err
		}
		seen := sighting{config: named.config, from: source{File: path}}
		seen.reach(ctx, e, done, func(err error) {
			_, _ = fmt.Fprintf(std.err, "passerelle: %v; going on with log-ins of our own\n", err)
		})
		return seen, nil
	}
	seen, err := sightConfig(ctx, e, std, done)
	if err != nil {
		return seen, seen.alongside(ctx, err)
	}
	if seen.from.Applied != 0 {
		_, _ = fmt.Fprintf(std.err, "passerelle: looking at what is in force: revision %d, applied from %s; --file FILE looks at a file\n", seen.from.Applied, seen.from.File)
	}
	return seen, nil
}

// count adds how many of the processes that run have the configuration in force.
func (s *sighting) count(ctx context.Context) error {
	if s.queue == nil {
		return nil
	}
	running, err := s.queue.Standings(ctx, askEvery)
	if err != nil {
		return err
	}
	s.from.Running = len(running)
	for _, r := range running {
		if r.Revision == s.from.Applied && r.Content == s.from.Content {
			s.from.Processes++
		}
		if r.Refused != 0 && r.Refused == s.from.Applied {
			s.from.Refused++
		}
	}
	return nil
}
