package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"

	"passerelle/pkg/check"
	"passerelle/pkg/limit"
	"passerelle/pkg/site"
	"passerelle/pkg/ticket"
	"passerelle/pkg/token"
)

type sitesCheckCommand struct {
	Sites []string `arg:"" optional:"" name:"site" help:"Sites to check; all without."`
	File  string   `help:"A configuration file to check, as before it is applied; without it what is in force is checked: the applied configuration, if there is one, or the file that PASSERELLE_CONFIG names." placeholder:"FILE"`
	All   bool     `help:"Say of each check that found nothing what it looked at; JSON always does."`
}

// Run checks the sites. It fails when one of them would.
func (c *sitesCheckCommand) Run(ctx context.Context, std streams) error {
	e, err := readEnvironment()
	if err != nil {
		return err
	}
	var done cleanups
	defer done.run()
	seen, err := sightFile(ctx, e, c.File, std, &done)
	if err != nil {
		return err
	}
	config := seen.config
	if err := c.complete(config); err != nil {
		return err
	}
	all, err := seen.clients(e, &done)
	if err != nil {
		return err
	}
	checker := check.New(config, func(name string) (check.Zendesk, bool) { return all.commanded(name) },
		func(name string) (check.IAdvize, bool) { return all.iadvizeClient(name) })
	printed := []check.Finding{} // [] and not null, when there are none
	var failed, unfinished []string
	for _, name := range c.Sites {
		findings, err := checker.Site(ctx, name)
		if err != nil {
			return fmt.Errorf("check site %s: %w", name, err)
		}
		switch {
		case check.Failed(findings):
			failed = append(failed, name)
		case check.Unfinished(findings):
			unfinished = append(unfinished, name)
		}
		printed = append(printed, findings...)
		if !std.json {
			c.print(std.out, config.Sites[name], findings)
		}
	}
	if std.json {
		if err := printJSON(std, printed); err != nil {
			return err
		}
	}
	return c.verdict(failed, unfinished)
}

func (c *sitesCheckCommand) verdict(failed, unfinished []string) error {
	var words []string
	if len(failed) > 0 {
		words = append(words, fmt.Sprintf("%d of %d checked sites would fail: %s", len(failed), len(c.Sites), strings.Join(failed, ", ")))
	}
	if len(unfinished) > 0 {
		words = append(words, fmt.Sprintf("%d of %d checked sites could not be checked to the end, for want of calls: %s", len(unfinished), len(c.Sites), strings.Join(unfinished, ", ")))
	}
	if len(words) == 0 {
		return nil
	}
	return errors.New(strings.Join(words, "; "))
}

// complete checks the list of sites; without one it is all of them.
func (c *sitesCheckCommand) complete(config *site.Config) error {
	for _, name := range c.Sites {
		if err := knownSite(config, name); err != nil {
			return err
		}
	}
	if len(c.Sites) == 0 {
		c.Sites = slices.Sorted(maps.Keys(config.Sites))
	}
	return nil
}

func knownSite(config *site.Config, name string) error {
	if _, ok := config.Sites[name]; !ok {
		return usageError{fmt.Errorf("there is no site %q in the configuration; passerelle sites list shows those that are in force", name)}
	}
	return nil
}

// besideServing is how many share an account without Redis where something may serve: a command, and what it knows
// nothing of.
const besideServing = 2

// clients makes those of a command. Their tokens are those of the processes that serve, where there is a store of
// these: iAdvize allows few log-ins. So are the accounts' budgets, where there is Redis.
func (s *sighting) clients(e environment, done *cleanups) (*clients, error) {
	var tokens token.Store
	workers := 1
	if s.queue != nil {
		tokens, workers = s.queue, besideServing
	}
	redis, err := openRedis(e, done)
	if err != nil {
		return nil, err
	}
	all := newClients(tokens)
	all.config = func() *site.Config { return s.config }
	all.budgets = limit.New(redis, all.quota, limit.Workers(func() int { return workers }))
	done.add(all.close)
	return all, nil
}

const reportWidth = 110

// print writes the report of one site for people.
func (c *sitesCheckCommand) print(out io.Writer, s ticket.Site, findings []check.Finding) {
	var right []string
	counts := map[check.Level]int{}
	for _, f := range findings {
		counts[f.Level]++
	}
	_, _ = fmt.Fprintf(out, "%s: %s, %s   (Zendesk %s, iAdvize %s, project %s-%d)\n", s.Name, plural(counts[check.Error], "error"),
		plural(counts[check.Warning], "warning"), s.Account, s.IAdvize, s.Platform, s.ProjectID)
	for _, f := range findings {
		if f.Level == check.OK && !c.All {
			right = append(right, f.Check)
			continue
		}
		level := string(f.Level)
		if f.Level == check.Error {
			level = "ERROR"
		}
		paragraph(out, fmt.Sprintf("  %-8s %-26s ", level, f.Check), f.Message)
		if f.Effect != "" {
			paragraph(out, strings.Repeat(" ", 37)+" then: ", f.Effect)
		}
		if f.Fix != "" {
			paragraph(out, strings.Repeat(" ", 37)+" mend: ", f.Fix)
		}
	}
	if len(right) > 0 {
		paragraph(out, "  ok       ", strings.Join(right, ", "))
	}
	_, _ = fmt.Fprintln(out)
}

// paragraph writes a text behind a heading, with its further lines below its first one.
func paragraph(out io.Writer, heading, words string) {
	indent := len(heading)
	lines := strings.Split(text.WrapSoft(words, max(reportWidth-indent, 40)), "\n")
	for i, line := range lines {
		if i > 0 {
			heading = strings.Repeat(" ", indent)
		}
		_, _ = fmt.Fprintln(out, strings.TrimRight(heading+line, " "))
	}
}

func plural(n int, what string) string {
	switch n {
	case 0:
		return "no " + what + "s"
	case 1:
		return "1 " + what
	default:
		return fmt.Sprintf("%d %ss", n, what)
	}
}
