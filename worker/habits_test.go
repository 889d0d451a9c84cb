package worker

import (
	"slices"
	"testing"
	"time"

	"passerelle/pkg/ticket"
)

// An escalated conversation whose form asks, by a condition, for a field in status open: nobody knows whether Zendesk
// enforces that on creation.
func doubtfulTown() *town {
	world := newTown()
	world.form.Fields = append(world.form.Fields,
		ticket.Field{ID: 20, Type: ticket.FieldTagger, Title: "Topic", Active: true, Options: []ticket.Option{{Value: "return", Default: true}}},
		ticket.Field{ID: 21, Type: ticket.FieldText, Title: "Parcel", Active: true})
	world.form.Conditions = []ticket.Condition{{ParentID: 20, Value: "return", Children: []ticket.Child{
		{ID: 21, Required: true, Statuses: &ticket.RequiredStatuses{Type: "SOME_STATUSES", Statuses: []string{"open"}}},
	}}}
	world.read = func(id string) (ticket.Conversation, error) {
		c := conversation(id)
		c.ClosingForm.Escalate = true
		return c, nil
	}
	return world
}

func TestWhatIsInDoubtIsSent(t *testing.T) {
	world, q := doubtfulTown(), openQueue(t)
	e := closed("c1")
	if o := deliverer(world, q, Settings{}).Deliver(t.Context(), &e); o.Result != ticket.ResultCreated {
		t.Errorf("outcome = %+v", o)
	}
}

func TestARefusalIsRememberedAndForgotten(t *testing.T) {
	world, q := doubtfulTown(), openQueue(t)
	refusal := ticket.RequiredMissing([]ticket.FieldRef{{ID: 21, Title: "Parcel"}})
	world.fail = func(call string) error {
		if call == "create" {
			return refusal
		}
		return nil
	}
	d := deliverer(world, q, Settings{})
	now := time.Now()
	d.now = func() time.Time { return now }
	for i, want := range []int{1, 1} { // calls in all
		e := closed([]string{"c1", "c2"}[i])
		o := d.Deliver(t.Context(), &e)
		if o.Result != ticket.ResultDead || o.Failure.Reason != ticket.ReasonRequiredFieldMissing || !slices.Equal(o.Failure.Detail.Fields, refusal.Detail.Fields) {
			t.Errorf("outcome = %+v", o)
		}
		if len(world.calls) != want {
			t.Errorf("calls = %v, want %d", world.calls, want)
		}
	}
	replayed := closed("c2")
	replayed.Replays = 1
	d.Deliver(t.Context(), &replayed)
	if !slices.Contains(world.calls[1:], "create") {
		t.Error("a replay does not ask again")
	}
	now = now.Add(habitLife)
	asked := len(world.calls)
	e := closed("c3")
	if d.Deliver(t.Context(), &e); len(world.calls) == asked {
		t.Error("the refusal is believed for ever")
	}
}

func TestNothingDiesOfAnOldForm(t *testing.T) {
	world, q := newTown(), openQueue(t)
	mended := world.form
	world.form.Fields = append(slices.Clone(mended.Fields), ticket.Field{ID: 20, Type: ticket.FieldText, Title: "Order", Active: true, Required: true})
	world.refreshed = func() { world.form = mended }
	e := closed("c1")
	if o := deliverer(world, q, Settings{}).Deliver(t.Context(), &e); o.Result != ticket.ResultCreated {
		t.Errorf("outcome = %+v", o)
	}
}

func TestAnAnswerThatDoesNotFitItsField(t *testing.T) {
	world, q := newTown(), openQueue(t)
	world.form.Fields = append(world.form.Fields, ticket.Field{ID: 12, Type: ticket.FieldTagger, Title: "Score", Active: true, Options: []ticket.Option{{Value: "good"}}})
	d := deliverer(world, q, Settings{})
	e := closed("c1")
	if o := d.Deliver(t.Context(), &e); o.Result != ticket.ResultCreated {
		t.Fatalf("outcome = %+v", o)
	}
	score := 5
	answer := closed("c1")
	answer.Kind, answer.Satisfaction, answer.OccurredAt = ticket.KindSatisfaction, &ticket.Satisfaction{Score: &score}, time.Now()
	if o := d.Deliver(t.Context(), &answer); o.Result != ticket.ResultDead || o.Failure.Detail.Fields[0].ID != 12 {
		t.Errorf("outcome = %+v", o)
	}
}
