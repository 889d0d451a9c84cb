package simzendesk

import (
	"crypto/rand"
	"fmt"
	"hash/fnv"
	"maps"
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"
)

// Ids of one account do not occur in another: an account has a block of a thousand million. What is set up in Go is
// numbered from its start, what requests create from its middle, so that set-up after a restart gets the ids it had.
const (
	firstBlock = 360_000_000_000
	blockSize  = 1_000_000_000
	runOffset  = blockSize / 2
)

// AccountState is a simulated account. It is safe for concurrent use.
type AccountState struct {
	server  *Server
	account Account
	base    int64
	faults  *faults
	limits  *limits
	tokens  *tokens

	countMu  sync.Mutex
	requests map[string]int // guarded by countMu

	mu      sync.Mutex // guards the rest
	setupID int64
	runID   int64

	users      table[User]
	byEmail    map[string]int64 // lower case
	byExternal map[string]int64 // lower case

	groups       table[Group]
	fields       table[Field]
	customFields []*Field // those that are not system fields, by position
	forms        table[Form]
	brands       table[Brand]
	triggers     table[Trigger]
	automations  table[Automation]
	statuses     table[CustomStatus]
	formStatuses []formStatus
	fromJournal  map[int64]bool // what the journal brought: AddField, AddForm and AddUser leave it
	tickets      table[Ticket]
	nextTicket   int64
	ticketsByExt map[string][]int64
	idem         map[string]*idemEntry
	idemOrder    []string
	jobs         map[string]*job
	jobOrder     []*job
	jobRand      *mathrand.Rand
}

// AddAccount makes an account with the fields, form, brand, group, statuses and triggers that a new one has, and with
// its admin. What the journal says of the name is taken over. An account of that name that exists is returned as it is.
func (s *Server) AddAccount(account Account) *AccountState {
	account = account.withDefaults()
	s.mu.Lock()
	defer s.mu.Unlock()
	if a, found := s.accounts[account.Name]; found {
		return a
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(account.Name)) // a hash cannot fail
	base := firstBlock + int64(len(s.names))*blockSize
	a := &AccountState{
		server: s, account: account, base: base, setupID: base, runID: base + runOffset,
		faults:   newFaults(uint64(s.cfg.Seed), h.Sum64()),
		limits:   &limits{windows: map[string]*window{}},
		requests: map[string]int{},
		byEmail:  map[string]int64{}, byExternal: map[string]int64{}, fromJournal: map[int64]bool{},
		nextTicket: account.FirstTicketID, ticketsByExt: map[string][]int64{},
		idem: map[string]*idemEntry{}, jobs: map[string]*job{},
		jobRand: mathrand.New(mathrand.NewPCG(uint64(s.cfg.Seed)+1, h.Sum64())),
	}
	a.setUp()
	a.tokens = newTokens(account)
	a.mu.Lock()
	for _, e := range s.replay[account.Name] {
		a.apply(e)
	}
	a.mu.Unlock()
	delete(s.replay, account.Name)
	s.accounts[account.Name] = a
	s.names = append(s.names, account.Name)
	return a
}

// setUp is what a new account has.
func (a *AccountState) setUp() {
	group := a.AddGroup(Group{Name: "Support", Default: true})
	for _, f := range systemFields() {
		a.AddField(f)
	}
	for _, s := range standardStatuses() {
		a.AddCustomStatus(s)
	}
	a.AddForm(Form{Name: "Default Ticket Form", Default: true, EndUserVisible: true})
	a.AddBrand(Brand{Name: a.account.Name, Default: true})
	a.AddUser(User{Name: "Admin", Email: a.account.APITokenEmail, Role: RoleAdmin, Groups: []int64{group.ID}, Verified: true})
	for _, t := range standardTriggers() {
		a.AddTrigger(t)
	}
	a.AddAutomation(standardAutomation())
}

// Name is the first segment of the account's address.
func (a *AccountState) Name() string {
	return a.account.Name
}

// Requests counts what arrived by method and path pattern, as "POST /api/v2/tickets", faults included.
func (a *AccountState) Requests() map[string]int {
	a.countMu.Lock()
	defer a.countMu.Unlock()
	return maps.Clone(a.requests)
}

func (a *AccountState) count(name string) {
	a.countMu.Lock()
	defer a.countMu.Unlock()
	a.requests[name]++
}

func (a *AccountState) now() time.Time {
	return a.server.cfg.Now().UTC().Truncate(time.Millisecond)
}

func (a *AccountState) switches() *Switches {
	return &a.server.cfg.Switches
}

func (a *AccountState) nextSetupID() int64 {
	a.setupID++
	return a.setupID
}

func (a *AccountState) nextRunID() int64 {
	a.runID++
	return a.runID
}

// urls makes addresses of records as answers show them.
func (a *AccountState) urls(host string) func(path string) string {
	base := "http://" + host + "/" + a.account.Name
	if a.account.URLHost != "" {
		base = "https://" + a.account.URLHost
	}
	return func(path string) string {
		if a.switches().URLWithoutJSON || strings.Contains(path, "?") {
			return base + path
		}
		return base + path + ".json"
	}
}

// table keeps records in the order of their ids. Records are replaced, never changed.
type table[T any] struct {
	byID map[int64]*T
	ids  []int64 // ascending
}

func (t *table[T]) put(id int64, record *T) {
	if t.byID == nil {
		t.byID = map[int64]*T{}
	}
	if _, found := t.byID[id]; !found {
		at := len(t.ids)
		if at > 0 && t.ids[at-1] > id {
			at, _ = slices.BinarySearch(t.ids, id)
		}
		t.ids = slices.Insert(t.ids, at, id)
	}
	t.byID[id] = record
}

func (t *table[T]) get(id int64) *T {
	return t.byID[id]
}

func (t *table[T]) all() []*T {
	out := make([]*T, len(t.ids))
	for i, id := range t.ids {
		out[i] = t.byID[id]
	}
	return out
}

func copies[T any](t *table[T]) []T {
	out := make([]T, len(t.ids))
	for i, id := range t.ids {
		out[i] = *t.byID[id]
	}
	return out
}

func requestID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
