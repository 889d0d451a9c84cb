package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/jedib0t/go-pretty/v6/table"

	"passerelle/pkg/check"
)

type sitesProvisionCommand struct {
	Site   string `arg:"" help:"Site whose ticket fields are wanted."`
	File   string `help:"A configuration file to read the site from; without it what is in force counts: the applied configuration, if there is one, or the file that PASSERELLE_CONFIG names." placeholder:"FILE"`
	DryRun bool   `help:"Say what would be created, and create nothing."`
}

// Run creates what is missing and prints the ids for the configuration.
func (c sitesProvisionCommand) Run(ctx context.Context, std streams) error {
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
	if err := knownSite(seen.config, c.Site); err != nil {
		return err
	}
	s := seen.config.Sites[c.Site]
	all, err := seen.clients(e, &done)
	if err != nil {
		return err
	}
	client, ok := all.commanded(s.Account)
	if !ok {
		return fmt.Errorf("zendesk.%s.url cannot be resolved; set what it refers to", s.Account)
	}
	provision, err := check.Provide(ctx, client, s, c.DryRun)
	if again, limited := check.Again(err); limited {
		err = fmt.Errorf("%w; run it again %s: what was made is found again", err, again)
	}
	// What was made before an error is printed all the same: its ids are worth having.
	if std.json {
		return errors.Join(err, printJSON(std, provision))
	}
	c.print(std, provision)
	return err
}

func (c sitesProvisionCommand) print(std streams, p check.Provision) {
	states := map[check.State]string{
		check.Configured: "configured, left alone", check.Unknown: "configured, but not in the account", check.Found: "there already", check.Created: "created", check.WouldCreate: "would be created",
	}
	rows := make([]table.Row, 0, len(p.Fields))
	for _, f := range p.Fields {
		form := "on it"
		switch {
		case p.FormID == 0:
			form = "no forms"
		case f.State == check.Unknown:
			form = ""
		case f.OnForm && p.DryRun:
			form = "would be put on it"
		case f.OnForm:
			form = "put on it"
		}
		id := any(f.ID)
		if f.ID == 0 {
			id = ""
		}
		rows = append(rows, table.Row{f.Key, id, f.Title, f.Type, states[f.State], form})
	}
	if len(rows) == 0 {
		return
	}
	printTable(std, table.Row{"Field", "ID", "Title", "Type", "State", fmt.Sprintf("Form %d", p.FormID)}, rows)
	if !p.DryRun {
		_, _ = fmt.Fprintf(std.out, "\nPut the ids into the configuration, then run: passerelle sites check %s\n\n%s", p.Site, p.YAML())
	}
}
