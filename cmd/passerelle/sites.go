package main

import (
	"fmt"
	"maps"
	"slices"

	"github.com/jedib0t/go-pretty/v6/table"

	"passerelle/pkg/site"
	"passerelle/pkg/ticket"
)

type sitesCommand struct {
	List      sitesListCommand      `cmd:"" help:"What is in force."`
	Schema    sitesSchemaCommand    `cmd:"" help:"Print the JSON Schema of the configuration file, for editors."`
	Check     sitesCheckCommand     `cmd:"" help:"Ask the accounts whether each site would work, and say what to change."`
	Provision sitesProvisionCommand `cmd:"" help:"Create the ticket fields that a site wants and has not."`
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

// Run prints the sites of the configuration file.
func (sitesListCommand) Run(std streams) error {
	e, err := readEnvironment()
	if err != nil {
		return err
	}
	config, err := site.Load(e.Config)
	if err != nil {
		return err
	}
	sites := make([]ticket.Site, 0, len(config.Sites))
	for _, name := range slices.Sorted(maps.Keys(config.Sites)) {
		sites = append(sites, config.Sites[name])
	}
	if std.json {
		return printJSON(std, sites)
	}
	rows := make([]table.Row, 0, len(sites))
	for _, s := range sites {
		rows = append(rows, table.Row{s.Name, fmt.Sprintf("%s-%d", s.Platform, s.ProjectID), s.IAdvize, s.Account, s.Locale, yesNo(s.Tickets.Archive), yesNo(s.Tickets.Escalation)})
	}
	printTable(std, table.Row{"Site", "Project", "iAdvize", "Zendesk", "Locale", "Archive", "Escalation"}, rows)
	return nil
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
