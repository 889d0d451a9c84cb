package main

import (
	"errors"
	"fmt"
	"slices"

	"passerelle/pkg/site"
	"passerelle/pkg/ticket"
)

// usesOf gives what the roles need the configuration's references for. The sweep of an ingest process reads iAdvize, too.
func usesOf(roles []string) []site.Use {
	var uses []site.Use
	if slices.Contains(roles, "ingest") {
		uses = append(uses, site.ReadConversations, site.TakeWebhooks)
	}
	if slices.Contains(roles, "worker") {
		uses = append(uses, site.ReadConversations, site.WriteTickets)
	}
	return uses
}

// lacking gives an error when a command that asks a site's accounts itself cannot: what it would see then says nothing
// of the processes that serve.
func lacking(missing []site.Missing, s ticket.Site, uses ...site.Use) error {
	var failed []error
	for _, m := range missing {
		name := s.IAdvize
		if m.Use == site.WriteTickets {
			name = s.Account
		}
		if m.Name == name && slices.Contains(uses, m.Use) {
			failed = append(failed, m)
		}
	}
	if len(failed) == 0 {
		return nil
	}
	return fmt.Errorf("the accounts of site %s cannot be asked from here: %w; set that in the environment of this command, as passerelle serve has it", s.Name, errors.Join(failed...))
}
