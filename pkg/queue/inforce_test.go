package queue_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"passerelle/pkg/queue"
	"passerelle/pkg/ticket"
)

func TestAProcessTellsWhatItHasInForce(t *testing.T) {
	q, server := open(t)
	told := queue.InForce{File: "passerelle.yaml"}
	for i := range 12_000 {
		told.Accounts = append(told.Accounts, fmt.Sprintf("account-%058d", i))
	}
	for i := range 2000 {
		told.Sites = append(told.Sites, ticket.Site{Name: fmt.Sprint("site-", i), Account: "acme", Tickets: ticket.TicketSettings{Subject: ticket.Template(strings.Repeat("s", 1000))}})
	}
	process := connect(t, server)
	stop, err := process.AnswerInForce("p1", func() queue.InForce { return told })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	if err := process.Healthy(t.Context()); err != nil { // the server knows of it now
		t.Fatal(err)
	}
	got, err := q.InForce(t.Context(), "p1", true, 30*time.Second)
	if err != nil || !reflect.DeepEqual(got, told) {
		t.Errorf("%s, %d accounts, %d sites, %v", got.File, len(got.Accounts), len(got.Sites), err)
	}
	got, err = q.InForce(t.Context(), "p1", false, 30*time.Second)
	if err != nil || len(got.Accounts) != len(told.Accounts) || len(got.Sites) != 0 {
		t.Errorf("accounts alone: %d accounts, %d sites, %v", len(got.Accounts), len(got.Sites), err)
	}
	if _, err := q.InForce(t.Context(), "p2", true, 30*time.Second); err == nil {
		t.Error("a process that does not run tells what it has in force")
	}
}
