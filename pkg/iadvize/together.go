package iadvize

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"passerelle/pkg/ticket"
)

const (
	gatherFor   = 100 * time.Millisecond // what waits for its account is in no hurry
	gatherMost  = 25                     // in one query
	togetherOff = 10 * time.Minute       // after a query for several was refused, and one for one of them was not
)

// together gathers what is asked of iAdvize at about the same time into one query. It is not documented whether iAdvize
// takes a query for several conversations: where it does not, each is asked for alone. The zero value is ready.
type together struct {
	mu      sync.Mutex
	waiting []*wanted // guarded by mu
	offTill time.Time // guarded by mu
}

// wanted is a closing form that somebody waits for.
type wanted struct {
	id     string
	answer chan formAnswer // takes one
}

type formAnswer struct {
	form ticket.ClosingForm
	err  error
}

// ClosingForm gives a conversation's closing form alone, which is a small part of what Read reads. It asks for those that
// others want at the same time in the same query, and waits a tenth of a second for them. Its errors are those of Read.
func (c *Client) ClosingForm(ctx context.Context, id string) (ticket.ClosingForm, error) {
	w := &wanted{id: id, answer: make(chan formAnswer, 1)}
	if !isUUID(id) || !c.join(w) { //nolint:contextcheck // the others wait for it too; an id of another form would have it all refused
		return c.closingForm(ctx, id)
	}
	select {
	case a := <-w.answer:
		return a.form, a.err
	case <-ctx.Done():
		return ticket.ClosingForm{}, c.unreachable("read from iAdvize", ctx.Err())
	}
}

// closingForm asks for one alone.
func (c *Client) closingForm(ctx context.Context, id string) (ticket.ClosingForm, error) {
	node, err := c.node(ctx, closingFormQuery, "ClosingForm", id, "")
	return node.ClosingForm.closingForm(), err
}

// join gathers one more. It gives false when each must be asked for alone.
func (c *Client) join(w *wanted) bool {
	t := &c.together
	t.mu.Lock()
	defer t.mu.Unlock()
	if time.Now().Before(t.offTill) {
		return false
	}
	t.waiting = append(t.waiting, w)
	switch len(t.waiting) {
	case 1:
		time.AfterFunc(gatherFor, func() { c.askFor(t.take()) })
	case gatherMost:
		all := t.waiting
		t.waiting = nil // the timer finds the next ones, or none
		go c.askFor(all)
	}
	return true
}

func (t *together) take() []*wanted {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := t.waiting
	t.waiting = nil
	return all
}

// askFor answers those who wait. None of them can cut it short, because the others wait for it too.
func (c *Client) askFor(all []*wanted) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*callTimeout)
	defer cancel()
	if len(all) > 1 {
		err := c.askForAll(ctx, all)
		if err == nil {
			return
		}
		if nothingCanBeRead(err) {
			fail(all, err)
			return
		}
		// One of them is not there, or iAdvize does not take several.
		form, alone := c.closingForm(ctx, all[0].id)
		all[0].answer <- formAnswer{form, alone}
		all = all[1:]
		if nothingCanBeRead(alone) {
			fail(all, alone)
			return
		}
		if refusedAsQuery(err) && !refusedAsQuery(alone) {
			c.together.turnOff()
		}
	}
	var each sync.WaitGroup
	for _, w := range all {
		each.Go(func() {
			form, err := c.closingForm(ctx, w.id)
			w.answer <- formAnswer{form, err}
		})
	}
	each.Wait()
}

func fail(all []*wanted, err error) {
	for _, w := range all {
		w.answer <- formAnswer{err: err}
	}
}

// nothingCanBeRead tells whether the connection is in trouble, whatever is asked for.
func nothingCanBeRead(err error) bool {
	f, ok := asFailure(err)
	return ok && f.Trouble == ticket.TroubleAccount && !refusedAsQuery(err)
}

// refusedAsQuery tells whether what failed may be the query and not the connection.
func refusedAsQuery(err error) bool {
	f, ok := asFailure(err)
	if !ok || f.Trouble != ticket.TroubleAccount {
		return false
	}
	switch f.Detail.Status {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity, http.StatusInternalServerError:
		return true
	}
	return errors.Is(err, errSchema)
}

func (t *together) turnOff() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.offTill = time.Now().Add(togetherOff)
}

// askForAll asks for several in one query, and answers all or none.
func (c *Client) askForAll(ctx context.Context, all []*wanted) error {
	var variables, fields strings.Builder
	values := map[string]any{}
	for i, w := range all {
		fmt.Fprintf(&variables, "$c%d: UUID! ", i)
		fmt.Fprintf(&fields, "c%d: conversation(id: $c%d) { closingFormValues { fieldId value } }\n", i, i)
		values[fmt.Sprintf("c%d", i)] = w.id
	}
	var data map[string]*conversationNode
	document := "query ClosingForms(" + variables.String() + ") {\n" + fields.String() + "}"
	if err := c.query(ctx, document, "ClosingForms", values, &data); err != nil {
		return err
	}
	for i, w := range all {
		var a formAnswer
		if node := data[fmt.Sprintf("c%d", i)]; node != nil {
			a.form = node.ClosingForm.closingForm()
		} else {
			a.err = c.notFound()
		}
		w.answer <- a
	}
	return nil
}
