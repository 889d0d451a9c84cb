package check

import (
	"context"
	"fmt"

	"passerelle/pkg/ticket"
)

// why tells why a ticket of the site cannot be assigned to an agent. "" means that it can.
func (v *visit) why(a *ticket.AgentUser) string {
	group := v.settings.GroupID
	if v.has(Group) {
		group = 0 // a group that is not there has no members; that was said
	}
	switch {
	case a == nil:
		return "is no agent of the Zendesk account"
	case !a.Active:
		return "is deleted in Zendesk"
	case a.Suspended:
		return "is suspended in Zendesk"
	case a.Light:
		return "is a light agent or contributor, who cannot be assigned a ticket"
	case !a.Assignable(group):
		return fmt.Sprintf("is no member of the group %d", group)
	default:
		return ""
	}
}

// fallbackAssignee looks whether solved tickets always find an assignee.
func (v *visit) fallbackAssignee(ctx context.Context) {
	email := v.settings.FallbackAssignee
	const effect = "Zendesk solves no ticket without an assignee: a conversation whose agent cannot be assigned becomes a dead letter (required_field_missing)"
	const fix = "set tickets.fallback_assignee of the site to the e-mail of an active agent"
	if email == "" {
		switch {
		case !v.settings.Archive:
			v.ok(FallbackAssignee, "none is needed: the site solves no tickets")
		case v.settings.AssignToAgent:
			v.add(Warning, FallbackAssignee, nil, "there is no fallback assignee", effect, fix)
		default:
			v.add(Error, FallbackAssignee, nil, "there is neither a fallback assignee nor assign_to_agent", effect, fix)
		}
		return
	}
	about := &Subject{Kind: "agent", Name: email}
	agent, err := v.account.agent(ctx, email)
	if err != nil {
		v.unreadable(Error, FallbackAssignee, err)
		return
	}
	if why := v.why(agent); why != "" {
		level := Error
		if !v.settings.Archive {
			level = Warning
		}
		v.add(level, FallbackAssignee, about, "the fallback assignee "+email+" "+why, effect, fix+", a member of tickets.group_id if that is set")
		return
	}
	v.fallback = true
	v.ok(FallbackAssignee, "tickets can be assigned to "+email)
}

// assignees compares the agents who handled conversations lately with those of the Zendesk account.
func (v *visit) assignees(ctx context.Context, agents []ticket.Agent) {
	if !v.settings.AssignToAgent || v.account.client == nil {
		return
	}
	matched, without := 0, 0
	for _, a := range agents {
		if a.Email == "" {
			without++
			continue
		}
		user, err := v.account.agent(ctx, a.Email)
		if err != nil {
			v.unreadable(Warning, Assignee, err)
			return
		}
		why := v.why(user)
		if why == "" {
			matched++
			continue
		}
		level, effect := Warning, "tickets of this agent's conversations go to the fallback assignee"
		if v.settings.Archive && !v.fallback {
			level, effect = Error, "archive tickets of this agent's conversations become dead letters (required_field_missing)"
		} else if !v.settings.Archive {
			effect = "tickets of this agent's conversations stay unassigned"
		}
		v.add(level, Assignee, &Subject{Kind: "agent", Name: a.Email}, "the agent "+a.Email+" "+why, effect,
			"give the agent the same e-mail in Zendesk as in iAdvize, as a full agent in the tickets' group")
	}
	if !v.has(Assignee) {
		message := fmt.Sprintf("%s of the last 30 days can be assigned", counted(matched, "agent"))
		if len(agents) == 0 {
			message = "no agent is known yet: no conversation of the last 30 days can be read"
		}
		if without > 0 {
			message += fmt.Sprintf("; %d without an e-mail get none", without)
		}
		v.ok(Assignee, message)
	}
}
