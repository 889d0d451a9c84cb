package zendesk

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"passerelle/pkg/ticket"
)

// userBody is a user of the account.
type userBody struct {
	ID        int64  `json:"id"`
	Email     string `json:"email"`
	Role      string `json:"role"`
	RoleType  *int   `json:"role_type"`
	Active    *bool  `json:"active"`
	Suspended bool   `json:"suspended"`
}

// agent gives the user as an agent, if it is one.
func (u userBody) agent() (ticket.AgentUser, bool) {
	light := u.RoleType != nil && (*u.RoleType == roleLightAgent || *u.RoleType == roleContributor)
	return ticket.AgentUser{
		ID: u.ID, Email: strings.ToLower(u.Email), Light: light, Suspended: u.Suspended, Active: u.Active == nil || *u.Active,
	}, u.Role == "agent" || u.Role == "admin"
}

// Bounds of a list of agents. An account with more has the rest looked up one by one.
const (
	maxAgentPages      = 200  // of a hundred agents
	maxMembershipPages = 1000 // of a hundred memberships
)

// Agents gives all agents and administrators of the account, with their groups, up to 20,000. It takes a call for each
// hundred of them and for each hundred of their memberships. When the account's calls are used up on the way it waits
// for more, for as long as ctx lives.
// https://developer.zendesk.com/api-reference/ticketing/users/users/#list-users
// https://developer.zendesk.com/api-reference/ticketing/groups/group_memberships/#list-memberships
func (c *Client) Agents(ctx context.Context) ([]ticket.AgentUser, error) {
	var agents []ticket.AgentUser
	place := map[int64]int{}
	var users struct {
		Users []userBody `json:"users"`
		Meta  cursor     `json:"meta"`
	}
	query := url.Values{"role[]": {"agent", "admin"}, "page[size]": {"100"}}
	for range maxAgentPages {
		users.Users, users.Meta = nil, cursor{}
		if err := c.patiently(ctx, request{what: "list agents", method: http.MethodGet, path: "/api/v2/users", query: query}, &users); err != nil {
			return nil, err
		}
		for _, u := range users.Users {
			if a, ok := u.agent(); ok && a.Email != "" {
				place[a.ID] = len(agents)
				agents = append(agents, a)
			}
		}
		if !users.Meta.next(query) {
			break
		}
	}
	var groups struct {
		Memberships []struct {
			UserID  int64 `json:"user_id"`
			GroupID int64 `json:"group_id"`
		} `json:"group_memberships"`
		Meta cursor `json:"meta"`
	}
	query = url.Values{"page[size]": {"100"}}
	for range maxMembershipPages {
		groups.Memberships, groups.Meta = nil, cursor{}
		if err := c.patiently(ctx, request{what: "list the agents' groups", method: http.MethodGet, path: "/api/v2/group_memberships", query: query}, &groups); err != nil {
			return nil, err
		}
		for _, m := range groups.Memberships {
			if i, known := place[m.UserID]; known {
				agents[i].GroupIDs = append(agents[i].GroupIDs, m.GroupID)
			}
		}
		if !groups.Meta.next(query) {
			break
		}
	}
	return agents, nil
}

// patiently makes a call that is one of many: when the account has none left for now it waits for one, so that what was
// read before is not read again.
func (c *Client) patiently(ctx context.Context, r request, into any) error {
	for {
		err := c.do(ctx, r, into)
		var failure *ticket.Failure
		if !errors.As(err, &failure) || !failure.Limited {
			return err
		}
		wait := time.NewTimer(max(failure.After, time.Second))
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
			return err
		}
	}
}
