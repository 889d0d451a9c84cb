package main

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/jedib0t/go-pretty/v6/table"

	"passerelle/pkg/site"
	"passerelle/pkg/ticket"
)

type sitesCommand struct {
	List      sitesListCommand      `cmd:"" help:"What is in force."`
	Check     sitesCheckCommand     `cmd:"" help:"Ask the accounts whether each site would work, and say what to change."`
	Provision sitesProvisionCommand `cmd:"" help:"Create the ticket fields that a site wants and has not."`
	Apply     sitesApplyCommand     `cmd:"" help:"Put a file in force for every running process, and for those that start."`
	Unapply   sitesUnapplyCommand   `cmd:"" help:"Take the applied configuration back: each process uses its own file again."`
	Schema    sitesSchemaCommand    `cmd:"" help:"Print the JSON Schema of the configuration file, for editors."`
}

type sitesSchemaCommand struct{}

// Run prints the schema.
func (sitesSchemaCommand) Run(std streams) error {
	schema, err := site.Schema()
	if err != nil {
		return err
	}
	_, err = std.out.Write(schema)
	return err
}

type sitesListCommand struct{}

// listedSite is a site with where its settings come from.
type listedSite struct {
	ticket.Site

	Source source `json:"source"`
}

// Run prints the sites of the configuration that is in force: the applied one, if there is one, or the file. While the
// file cannot be used it is what the processes that run have read of it before.
func (sitesListCommand) Run(ctx context.Context, std streams) error {
	e, err := readEnvironment()
	if err != nil {
		return err
	}
	var done cleanups
	defer done.run()
	seen, err := sightConfig(ctx, e, std, &done)
	var sites []listedSite
	if err == nil {
		sites, err = seen.sites(ctx)
	} else {
		sites, err = seen.keptSites(ctx, std, err)
	}
	if err != nil {
		return err
	}
	if std.json {
		return printJSON(std, sites)
	}
	rows := make([]table.Row, 0, len(sites))
	for _, s := range sites {
		rows = append(rows, table.Row{s.Name, fmt.Sprintf("%s-%d", s.Platform, s.ProjectID), s.IAdvize, s.Account, s.Locale, yesNo(s.Tickets.Archive), yesNo(s.Tickets.Escalation)})
	}
	printTable(std, table.Row{"Site", "Project", "iAdvize", "Zendesk", "Locale", "Archive", "Escalation"}, rows)
	_, err = fmt.Fprintln(std.out, seen.from)
	return err
}

// sites gives the sites of what is in force.
func (s *sighting) sites(ctx context.Context) ([]listedSite, error) {
	if err := s.count(ctx); err != nil {
		return nil, err
	}
	sites := make([]listedSite, 0, len(s.config.Sites))
	for _, name := range slices.Sorted(maps.Keys(s.config.Sites)) {
		sites = append(sites, listedSite{s.config.Sites[name], s.from})
	}
	return sites, nil
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
