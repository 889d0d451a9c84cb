package zendesk

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"passerelle/pkg/ticket"
)

// Kinds of agents that cannot be assigned a ticket, as role_type.
// https://developer.zendesk.com/api-reference/ticketing/users/users/
const (
	roleLightAgent  = 1
	roleContributor = 3
)

// Agent gives the agent or administrator with exactly that e-mail, case apart. The search matches in part, so that its
// results are compared one by one.
func (c *Client) Agent(ctx context.Context, email string) (ticket.AgentUser, bool, error) {
	email = strings.ToLower(strings.TrimSpace(email))
	if email == "" || strings.ContainsAny(email, " \"\t\r\n") {
		return ticket.AgentUser{}, false, nil
	}
	var answer struct {
		Users []userBody `json:"users"`
	}
	r := request{what: "find agent", method: http.MethodGet, path: "/api/v2/users/search", query: url.Values{"query": {"email:" + email}}}
	if err := c.do(ctx, r, &answer); err != nil {
		return ticket.AgentUser{}, false, err
	}
	for _, u := range answer.Users {
		agent, ok := u.agent()
		if !ok || !strings.EqualFold(u.Email, email) {
			continue
		}
		groups, err := c.groups(ctx, u.ID)
		if err != nil {
			return ticket.AgentUser{}, false, err
		}
		agent.Email, agent.GroupIDs = email, groups
		return agent, true, nil
	}
	return ticket.AgentUser{}, false, nil
}

func (c *Client) groups(ctx context.Context, user int64) ([]int64, error) {
	var answer struct {
		Memberships []struct {
			GroupID int64 `json:"group_id"`
		} `json:"group_memberships"`
	}
	path := "/api/v2/users/" + strconv.FormatInt(user, 10) + "/group_memberships"
	if err := c.do(ctx, request{what: "read the agent's groups", method: http.MethodGet, path: path}, &answer); err != nil {
		return nil, err
	}
	groups := make([]int64, 0, len(answer.Memberships))
	for _, m := range answer.Memberships {
		groups = append(groups, m.GroupID)
	}
	return groups, nil
}
