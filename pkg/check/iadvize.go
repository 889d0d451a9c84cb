package check

import (
	"context"
	"errors"
	"fmt"
	"time"

	"passerelle/pkg/iadvize"
	"passerelle/pkg/ticket"
)

// recently is how far back conversations are looked at.
const recently = 30 * 24 * time.Hour

// connection is what is known of an iAdvize connection.
type connection struct {
	client IAdvize // nil when there is nothing to ask
	access error   // why, or why conversations cannot be read
	lacks  answered[[]iadvize.Lack]
}

// connection asks a connection all that does not depend on the site, once.
func (c *Checker) connection(ctx context.Context, name string) *connection {
	if known, ok := c.connections[name]; ok {
		return known
	}
	known := &connection{}
	c.connections[name] = known
	client, ok := c.iadvize(name)
	if !ok {
		known.access = errNoClient
		return known
	}
	known.access = client.Probe(ctx)
	var failure *ticket.Failure
	if errors.As(known.access, &failure) && failure.Reason != ticket.ReasonConversationNotFound {
		return known // credentials refused, or no answer
	}
	known.client = client
	known.lacks = ask(ctx, client.Lacking)
	return known
}

// notAccepted says what is wrong with credentials. Those that cannot be resolved nobody was shown.
func notAccepted(by string, f *ticket.Failure) string {
	if f.Here {
		return f.Error()
	}
	return by + " does not accept the credentials: " + f.Error()
}

const allRetry = "no conversation of the site can be read: all of them wait, and become dead letters after three days"

// inIAdvize checks what needs the connection.
func (v *visit) inIAdvize(ctx context.Context) {
	c, key := v.connection, "iadvize."+v.site.IAdvize
	if c.client == nil {
		var failure *ticket.Failure
		if errors.As(c.access, &failure) && failure.Reason == ticket.ReasonCredentialsRefused {
			v.add(Error, IAdvizeCredentials, nil, notAccepted("iAdvize", failure), allRetry, "check "+key+".username and "+key+".password in the configuration, and the secrets that they refer to")
			return
		}
		v.add(Error, IAdvizeAccess, nil, "iAdvize cannot be asked: "+c.access.Error(), allRetry, "check "+key+".url and "+key+".token_url in the configuration, the network, and iAdvize's status page; then run the check again")
		return
	}
	v.ok(IAdvizeAccess, "iAdvize answers")
	v.ok(IAdvizeCredentials, "the credentials are accepted")
	v.schema()
	v.project(ctx)
}

// schema reports what the live schema lacks.
func (v *visit) schema() {
	const fix = "a newer version of passerelle may know the schema; else tell its developers the name"
	lacks := v.connection.lacks
	for _, l := range lacks.value {
		about := &Subject{Kind: "schema", Name: l.Name}
		if l.Optional {
			v.add(Warning, IAdvizeSchema, about, "iAdvize's schema lacks "+l.Name, "tickets are made all the same; but conversations whose webhook got lost may not be found, and agents and project not be checked", fix)
		} else {
			v.add(Error, IAdvizeSchema, about, "iAdvize's schema lacks "+l.Name+", which is asked for of each conversation", allRetry, fix)
		}
	}
	switch {
	case len(lacks.value) > 0:
	case v.connection.access != nil:
		v.add(Error, IAdvizeSchema, nil, "iAdvize refuses the query that reads a conversation: "+v.connection.access.Error(), allRetry, fix)
	case errors.Is(lacks.err, iadvize.ErrNoIntrospection):
		v.ok(IAdvizeSchema, "iAdvize takes the query that reads a conversation; it does not tell its schema")
	case lacks.err != nil:
		v.unreadable(Warning, IAdvizeSchema, lacks.err)
	default:
		v.ok(IAdvizeSchema, "iAdvize's schema has all that is asked for")
	}
}

// project reads what was closed lately.
func (v *visit) project(ctx context.Context) {
	for _, l := range v.connection.lacks.value {
		if l.Optional {
			return // the query is known to fail
		}
	}
	now := v.checker.now()
	recent, err := v.connection.client.RecentAgents(ctx, v.site.ProjectID, now.Add(-recently), now.Add(time.Hour))
	var failure *ticket.Failure
	switch {
	case errors.As(err, &failure) && failure.Trouble == ticket.TroubleHiccup:
		v.add(Error, IAdvizeProject, nil, fmt.Sprintf("the API user may not read the project %d", v.site.ProjectID),
			"no conversation of the site can be read: each becomes a dead letter (conversation_not_found)", "let the API user of iadvize."+v.site.IAdvize+" read the project at iAdvize, or correct project_id of the site")
		return
	case err != nil:
		v.unreadable(Warning, IAdvizeProject, err)
		return
	case recent.Conversations == 0:
		v.ok(IAdvizeProject, fmt.Sprintf("the project %d can be asked for; it shows no conversation of the last 30 days", v.site.ProjectID))
	default:
		v.ok(IAdvizeProject, fmt.Sprintf("the project %d can be read", v.site.ProjectID))
	}
	v.assignees(ctx, recent.Agents)
}
