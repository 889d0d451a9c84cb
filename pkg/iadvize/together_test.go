package iadvize

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"

	"github.com/google/uuid"

	"passerelle/pkg/sim/simiadvize"
	"passerelle/pkg/ticket"
)

var ticked = []simiadvize.FormValue{{FieldID: FieldEscalate, Value: "true", Checkbox: true}}

// askedTogether asks for the closing forms of conversations that are escalated, archived, without a form, and unknown, all
// at once, and says what is wrong with the answers.
func askedTogether(t *testing.T, sim *simiadvize.Server, c *Client) {
	t.Helper()
	var all sync.WaitGroup
	for range 4 {
		for _, tc := range []struct {
			form  []simiadvize.FormValue
			want  ticket.ClosingForm
			known bool
		}{
			{ticked, ticket.ClosingForm{Known: true, Escalate: true}, true},
			{[]simiadvize.FormValue{}, ticket.ClosingForm{Known: true}, true},
			{nil, ticket.ClosingForm{}, true},
			{nil, ticket.ClosingForm{}, false},
		} {
			id := uuid.NewString()
			if tc.known {
				if err := sim.Add(simiadvize.Conversation{ID: id, ClosingForm: tc.form}); err != nil {
					t.Fatal(err)
				}
			}
			all.Go(func() {
				got, err := c.ClosingForm(t.Context(), id)
				if got != tc.want || (err == nil) != tc.known {
					t.Errorf("closing form = %+v, %v; want %+v, known: %t", got, err, tc.want, tc.known)
				}
				if f, ok := asFailure(err); ok && f.Reason != ticket.ReasonConversationNotFound {
					t.Errorf("of an unknown conversation: %v", err)
				}
			})
		}
	}
	all.Wait()
}

// What is wanted at the same time is asked for in one query, where iAdvize takes such, and each gets its own answer.
func TestClosingFormsTogether(t *testing.T) {
	for name, tc := range map[string]struct {
		cfg            simiadvize.Config
		calls, thereOf int // in the first round, and in the second
	}{
		"taken":                   {simiadvize.Config{}, 1, 1},
		"unknown is an error":     {simiadvize.Config{NotFoundAsError: true}, 17, 17},
		"one conversation a time": {simiadvize.Config{OneConversation: true}, 17, 16},
	} {
		t.Run(name, func(t *testing.T) {
			sim, c := platform(t, tc.cfg)
			if _, err := c.ClosingForm(t.Context(), uuid.NewString()); err == nil { // which logs in
				t.Fatal("an unknown conversation has a closing form")
			}
			for round, want := range []int{tc.calls, tc.thereOf} {
				before := sim.Requests().GraphQL
				askedTogether(t, sim, c)
				if n := sim.Requests().GraphQL - before; n != want {
					t.Errorf("round %d: %d calls, want %d", round+1, n, want)
				}
			}
		})
	}
}

// When nothing can be read nobody is asked for twice. Who goes away meanwhile does not wait.
func TestClosingFormsTogetherInTrouble(t *testing.T) {
	d := &desk{}
	calls := make(chan bool, 100)
	d.graphQL = func(w http.ResponseWriter, _ string, _ *http.Request) {
		calls <- true
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	c := client(t, d, "ha")
	var all sync.WaitGroup
	for range gatherMost {
		all.Go(func() {
			_, err := c.ClosingForm(t.Context(), uuid.NewString())
			if f, ok := asFailure(err); !ok || f.Trouble != ticket.TroubleAccount || f.Detail.Status != http.StatusServiceUnavailable {
				t.Errorf("error = %v", err)
			}
		})
	}
	all.Wait()
	if n := len(calls); n != 1 {
		t.Errorf("%d calls, want one for all", n)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.ClosingForm(gone, uuid.NewString()); !errors.Is(err, context.Canceled) {
		t.Errorf("error = %v", err)
	}
	for range 2 {
		<-calls // the last one was under way for others that might have come
	}
}
