package simzendesk

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// The control surface is for whoever runs the simulator as a process of its own:
//
//	GET    /_sim/accounts                 the accounts
//	GET    /_sim/summary                  tickets, external ids, doubles, mails; of all and of each account
//	GET    /_sim/{account}/tickets        with comments and audits; ?external_id=, ?after=<ticket id>, ?limit=
//	GET    /_sim/{account}/requests       counts by method and path pattern
//	GET    /_sim/{account}/notifications  mails to requesters
//	GET    /_sim/{account}/faults         those in force
//	POST   /_sim/{account}/faults         adds a Fault
//	DELETE /_sim/{account}/faults         takes all away
const (
	controlSegment = "_sim"
	maxControlBody = 64 << 10 // bytes
	controlLimit   = 1000     // tickets of an answer at most
)

func (s *Server) serveControl(w http.ResponseWriter, r *http.Request, rest string) {
	name, what, below := strings.Cut(rest, "/")
	switch {
	case r.Method == http.MethodGet && rest == "accounts":
		s.controlAccounts().write(w)
		return
	case r.Method == http.MethodGet && rest == "summary":
		jsonReply(http.StatusOK, s.Summary()).write(w)
		return
	}
	a, found := s.Account(name)
	if !found || !below {
		controlError(http.StatusNotFound, "there is no such account or address").write(w)
		return
	}
	switch r.Method + " " + what {
	case "GET tickets":
		a.controlTickets(r).write(w)
	case "GET requests":
		jsonReply(http.StatusOK, a.Requests()).write(w)
	case "GET notifications":
		jsonReply(http.StatusOK, a.Notifications()).write(w)
	case "GET faults":
		jsonReply(http.StatusOK, a.Faults()).write(w)
	case "POST faults":
		a.controlFault(w, r).write(w)
	case "DELETE faults":
		a.ClearFaults()
		jsonReply(http.StatusOK, a.Faults()).write(w)
	default:
		controlError(http.StatusNotFound, "there is no such address").write(w)
	}
}

func controlError(status int, text string) reply {
	return jsonReply(status, object{"error": text})
}

func (s *Server) controlAccounts() reply {
	list := []object{}
	for _, a := range s.Accounts() {
		list = append(list, object{"name": a.Name(), "faults": len(a.Faults())})
	}
	return jsonReply(http.StatusOK, list)
}

func (a *AccountState) controlTickets(r *http.Request) reply {
	query := r.URL.Query()
	if query.Has("external_id") {
		return jsonReply(http.StatusOK, orEmpty(a.TicketByExternalID(query.Get("external_id"))))
	}
	limit := controlLimit
	if n, err := strconv.Atoi(query.Get("limit")); err == nil && n > 0 {
		limit = min(n, controlLimit)
	}
	after := input{"after": query.Get("after")}.number("after")
	a.mu.Lock()
	defer a.mu.Unlock()
	a.advanceJobs(a.now())
	from, _ := slices.BinarySearch(a.tickets.ids, after+1)
	list := []*Ticket{}
	for _, id := range a.tickets.ids[from:min(from+limit, len(a.tickets.ids))] {
		list = append(list, a.tickets.get(id))
	}
	return jsonReply(http.StatusOK, list)
}

func (a *AccountState) controlFault(w http.ResponseWriter, r *http.Request) reply {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxControlBody))
	if err != nil {
		return controlError(http.StatusRequestEntityTooLarge, "the body cannot be read or is too long")
	}
	var f Fault
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return controlError(http.StatusBadRequest, "the fault cannot be read: "+err.Error())
	}
	if err := f.check(); err != nil {
		return controlError(http.StatusBadRequest, err.Error())
	}
	a.Fault(f)
	return jsonReply(http.StatusCreated, f)
}

// Summary counts what all accounts have.
type Summary struct {
	Tickets       int              `json:"tickets"`
	ExternalIDs   int              `json:"external_ids"`  // different ones
	Doubled       int              `json:"doubled"`       // tickets more than one of an external id
	Notifications int              `json:"notifications"` // mails to requesters
	Accounts      []AccountSummary `json:"accounts"`
}

// AccountSummary is a Summary of one account.
type AccountSummary struct {
	Name          string      `json:"name"`
	Tickets       int         `json:"tickets"`
	ExternalIDs   int         `json:"external_ids"`
	Doubled       int         `json:"doubled"`
	Doubles       []Double    `json:"doubles"`
	PerExternalID map[int]int `json:"per_external_id"` // number of tickets to number of external ids that have as many
	Notifications int         `json:"notifications"`
}

// Double is an external id with several tickets.
type Double struct {
	ExternalID string  `json:"external_id"`
	TicketIDs  []int64 `json:"ticket_ids"`
}

// Summary counts tickets, external ids, doubles and mails.
func (s *Server) Summary() Summary {
	sum := Summary{Accounts: []AccountSummary{}}
	for _, a := range s.Accounts() {
		one := a.summary()
		sum.Tickets += one.Tickets
		sum.ExternalIDs += one.ExternalIDs
		sum.Doubled += one.Doubled
		sum.Notifications += one.Notifications
		sum.Accounts = append(sum.Accounts, one)
	}
	return sum
}

func (a *AccountState) summary() AccountSummary {
	one := AccountSummary{Name: a.Name(), Notifications: len(a.Notifications()), Doubles: []Double{}, PerExternalID: map[int]int{}}
	a.mu.Lock()
	defer a.mu.Unlock()
	one.Tickets, one.ExternalIDs = len(a.tickets.ids), len(a.ticketsByExt)
	for externalID, ids := range a.ticketsByExt {
		one.PerExternalID[len(ids)]++
		if len(ids) > 1 {
			one.Doubled += len(ids) - 1
			one.Doubles = append(one.Doubles, Double{externalID, slices.Clone(ids)})
		}
	}
	slices.SortFunc(one.Doubles, func(x, y Double) int { return strings.Compare(x.ExternalID, y.ExternalID) })
	return one
}
