package zendesk

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"passerelle/pkg/sim/simzendesk"
	"passerelle/pkg/ticket"
)

func TestAgents(t *testing.T) {
	c, account := simulated(t, simzendesk.Config{})
	chat, other := account.AddGroup(simzendesk.Group{Name: "Chat"}), account.AddGroup(simzendesk.Group{Name: "Other"})
	light := simzendesk.LightAgent
	for i := range 230 {
		u := simzendesk.User{Name: "A", Email: fmt.Sprintf("A%d@acme.example", i), Role: simzendesk.RoleAgent, Groups: []int64{chat.ID, other.ID}}
		switch i {
		case 0:
			u.Role = simzendesk.RoleEndUser
		case 1:
			u.Suspended = true
		case 2:
			u.RoleType = &light
		case 3:
			u.Inactive = true
		}
		account.AddUser(u)
	}
	agents, err := c.Agents(t.Context())
	if err != nil || len(agents) != 229 { // with the account's admin, without the end user and the one who is gone
		t.Fatalf("%d agents, %v", len(agents), err)
	}
	byEmail := map[string]ticket.AgentUser{}
	for _, a := range agents {
		byEmail[a.Email] = a
	}
	for email, want := range map[string]bool{"a1@acme.example": false, "a2@acme.example": false, "a4@acme.example": true, "a229@acme.example": true} {
		a := byEmail[email]
		if a.ID == 0 || a.Assignable(chat.ID) != want {
			t.Errorf("%s = %+v", email, a)
		}
		alone, found, err := c.Agent(t.Context(), email)
		slices.Sort(alone.GroupIDs)
		slices.Sort(a.GroupIDs)
		if err != nil || !found || fmt.Sprint(alone) != fmt.Sprint(a) {
			t.Errorf("looked up alone: %+v, %v, %v; in the list: %+v", alone, found, err, a)
		}
	}
	if n := account.Requests(); n["GET /api/v2/users"] != 3 || n["GET /api/v2/group_memberships"] != 5 {
		t.Errorf("requests = %v", n)
	}
	account.Fault(simzendesk.Fault{Kind: simzendesk.Unavailable, Path: "/api/v2/group_memberships", Times: 1})
	_, err = c.Agents(t.Context())
	failure(t, err)
	account.Fault(simzendesk.Fault{Kind: simzendesk.Forbidden, Path: "/api/v2/users", Times: 1})
	_, err = c.Agents(t.Context())
	failure(t, err)
}

// scant gives a call now and then.
type scant struct{ asked, given int }

func (s *scant) Take(context.Context, string) (func(int, http.Header), time.Duration, bool) {
	if s.asked++; s.asked%2 == 1 {
		return nil, time.Millisecond, false
	}
	s.given++
	return func(int, http.Header) {}, 0, true
}

func TestAgentsWaitForCalls(t *testing.T) {
	c, account := simulated(t, simzendesk.Config{})
	account.AddUser(simzendesk.User{Name: "A", Email: "a@acme.example", Role: simzendesk.RoleAgent})
	s := &scant{}
	if agents, err := c.On(s).Agents(t.Context()); err != nil || len(agents) != 2 || s.given != 2 {
		t.Errorf("agents = %+v, %v, %d calls", agents, err, s.given)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := c.On(&budget{}).Agents(ctx)
	if f := failure(t, err); !f.Limited || !strings.Contains(f.Error(), "list agents") {
		t.Errorf("failure = %+v", f)
	}
}
