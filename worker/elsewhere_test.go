package worker

import (
	"context"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"passerelle/pkg/ticket"
)

// twin is a town with a second site, whose conversations are read by a connection of its own.
type twin struct{ *town }

const otherProject = 13

func (t twin) Site(ctx context.Context, platform string, id int64) (ticket.Site, bool) {
	if id != otherProject {
		return t.town.Site(ctx, platform, id)
	}
	site, ok := t.town.Site(ctx, platform, t.site.ProjectID)
	site.Name, site.IAdvize, site.ProjectID = "acme-es", "other", otherProject
	return site, ok
}

// reader reads conversations by a function.
type reader func(id string) (ticket.Conversation, error)

func (r reader) Read(_ context.Context, id string) (ticket.Conversation, error) { return r(id) }

func (r reader) ClosingForm(_ context.Context, id string) (ticket.ClosingForm, error) {
	c, err := r(id)
	return c.ClosingForm, err
}

// What waits for one connection to iAdvize must not keep back what an account holds of another one.
func TestAConnectionInTroubleKeepsBackOnlyItsOwn(t *testing.T) {
	for name, escalated := range map[string]bool{"ordinary": false, "escalated": true} {
		t.Run(name, func(t *testing.T) {
			q := openQueue(t)
			world := twin{newTown()}
			d := deliverer(world.town, q, Settings{})
			d.Directory = world
			d.Conversations = func(connection string) (Conversations, bool) {
				if connection == "other" {
					return world.town, true
				}
				return reader(func(string) (ticket.Conversation, error) {
					return ticket.Conversation{}, connectionDown(connection)
				}), true
			}
			for i, id := range []string{"c1", "c2", "c3", "c4"} {
				e := closed(id)
				if i >= 2 {
					e.ProjectID = otherProject
				}
				e.Escalated = i < 2 && escalated
				if err := q.Hold(t.Context(), e, time.Now()); err != nil {
					t.Fatal(err)
				}
			}
			attempts := make(results, 1000)
			w := New(q, d, zerolog.New(zerolog.NewTestWriter(t)), attempts)
			ctx, cancel := context.WithCancel(context.Background())
			done := make(chan struct{})
			go func() { defer close(done); w.Run(ctx, context.Background()) }()
			t.Cleanup(func() { cancel(); <-done })
			await(t, attempts, ticket.ResultCreated)
			await(t, attempts, ticket.ResultCreated)
		})
	}
}
