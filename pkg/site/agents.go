package site

import (
	"bytes"
	"cmp"
	"compress/flate"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"passerelle/pkg/ticket"
)

// How long a ticket waits for the first list of an account's agents before its agent is looked up alone, and how long
// the list may take: a large one waits for calls that the account has not left.
const (
	rosterPatience = 3 * time.Second
	rosterTimeout  = 3 * time.Minute
)

// roster is the list of an account's agents. It does not change.
type roster struct {
	asked  time.Time
	agents []ticket.AgentUser // by e-mail
}

func newRoster(agents []ticket.AgentUser, asked time.Time) roster {
	agents = slices.Clip(agents)
	for i := range agents {
		agents[i].Email = address(agents[i].Email)
		agents[i].GroupIDs = slices.Clip(agents[i].GroupIDs)
	}
	slices.SortFunc(agents, func(a, b ticket.AgentUser) int {
		// Of two with one address, which Zendesk does not allow, the one that can be assigned counts.
		return cmp.Or(strings.Compare(a.Email, b.Email), -compareBools(a.Assignable(0), b.Assignable(0)), cmp.Compare(a.ID, b.ID))
	})
	return roster{asked, agents}
}

func compareBools(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

func (r roster) find(email string) (ticket.AgentUser, bool) {
	i, found := slices.BinarySearchFunc(r.agents, email, func(a ticket.AgentUser, email string) int { return strings.Compare(a.Email, email) })
	if !found {
		return ticket.AgentUser{}, false
	}
	return r.agents[i], true
}

// Size tells how much memory it takes, in bytes, about.
func (r roster) Size() int {
	const agentBytes = 96 // of the record, and of the two allocations that it points at
	size := 0
	for _, a := range r.agents {
		size += agentBytes + len(a.Email) + 8*len(a.GroupIDs)
	}
	return size
}

// Ahead tells how old a list should be before it is asked for again: a long one takes many of the account's calls.
func (r roster) Ahead() time.Duration {
	const (
		perCall = 15 * time.Second // four calls a minute
		longest = 50 * time.Minute
		page    = 100
	)
	memberships := 0
	for _, a := range r.agents {
		memberships += len(a.GroupIDs)
	}
	calls := 2 + len(r.agents)/page + memberships/page
	return min(time.Duration(calls)*perCall, longest)
}

// maxRoster bounds a list that is read from Redis, in bytes: far more than the agents that Zendesk is asked for.
const maxRoster = 32 << 20

type sharedRoster struct {
	Asked  time.Time `json:"asked"`
	Packed []byte    `json:"packed"` // the agents as JSON, deflated, so that Redis takes long lists too
}

// packers are used again: each takes more than half a megabyte, and most lists are short.
var packers = sync.Pool{New: func() any {
	w, _ := flate.NewWriter(nil, flate.BestSpeed) // the level is one that there is
	return w
}}

// unpackers are used again, too: each takes 40 kB.
var unpackers = sync.Pool{New: func() any { return flate.NewReader(nil) }}

// MarshalJSON writes the list packed.
func (r roster) MarshalJSON() ([]byte, error) {
	var packed bytes.Buffer
	w := packers.Get().(*flate.Writer) //nolint:forcetypeassert // the pool holds nothing else
	defer packers.Put(w)
	w.Reset(&packed)
	if err := errors.Join(json.NewEncoder(w).Encode(r.agents), w.Close()); err != nil {
		return nil, err
	}
	return json.Marshal(sharedRoster{r.asked, packed.Bytes()})
}

// UnmarshalJSON reads what MarshalJSON wrote, up to 32 MiB.
func (r *roster) UnmarshalJSON(text []byte) error {
	var in sharedRoster
	if err := json.Unmarshal(text, &in); err != nil {
		return err
	}
	unpacker := unpackers.Get()
	defer unpackers.Put(unpacker)
	_ = unpacker.(flate.Resetter).Reset(bytes.NewReader(in.Packed), nil)          //nolint:forcetypeassert // says compress/flate; it never fails
	content, err := io.ReadAll(io.LimitReader(unpacker.(io.Reader), maxRoster+1)) //nolint:forcetypeassert // the pool holds nothing else
	if err != nil {
		return fmt.Errorf("unpack the list of agents: %w", err)
	}
	if len(content) > maxRoster {
		return fmt.Errorf("the list of agents is over %d MiB", maxRoster>>20)
	}
	var agents []ticket.AgentUser
	if err := json.Unmarshal(content, &agents); err != nil {
		return err
	}
	*r = newRoster(agents, in.Asked)
	return nil
}

// doubt is what a person may have mended since the list of agents was read.
type doubt struct {
	since    time.Time
	group    int64  // of the site's tickets
	fallback string // the site's fallback assignee
}

// Agent gives the agent of an account with that e-mail, and whether there is one. Mostly the list of all agents tells;
// who is not in it is looked up alone.
func (d *Directory) Agent(ctx context.Context, account, email string) (ticket.AgentUser, bool, error) {
	email = address(email)
	list, err := d.roster(ctx, account)
	if err != nil {
		return ticket.AgentUser{}, false, err
	}
	agent, listed := list.find(email)
	since := d.doubted(account, list, email)
	if listed && since.IsZero() {
		return agent, true, nil
	}
	return d.agents.Get(ctx, agentKey(account, since, email))
}

// roster gives the list of an account's agents. It is empty where it cannot be had, or not soon enough.
func (d *Directory) roster(ctx context.Context, account string) (roster, error) {
	bounded, cancel := context.WithTimeout(ctx, rosterPatience)
	defer cancel()
	list, _, err := d.rosters.Get(bounded, account)
	var failure *ticket.Failure
	switch {
	case err == nil:
		return list, nil
	case ctx.Err() != nil, errors.Is(err, errNoAccount), errors.As(err, &failure) && failure.Trouble == ticket.TroubleAccount:
		return roster{}, err
	}
	return roster{}, nil
}

// loadRoster asks an account for its agents. One that does not let us list them has them looked up one by one.
func loadRoster(ctx context.Context, a Account) (roster, bool, error) {
	asked := time.Now()
	agents, err := a.Agents(ctx)
	var failure *ticket.Failure
	if errors.As(err, &failure) && (failure.Detail.Status == http.StatusForbidden || failure.Detail.Status == http.StatusNotFound) {
		return roster{}, false, nil
	}
	if err != nil {
		return roster{}, false, err
	}
	return newRoster(agents, asked), true, nil
}

// doubted tells since when the list must not be believed about an agent: a site was asked for anew, and as the list has
// it, the agent could not be assigned its tickets. Zero: it may be believed.
func (d *Directory) doubted(account string, list roster, email string) time.Time {
	d.refreshMu.Lock()
	defer d.refreshMu.Unlock()
	var since time.Time
	agent, _ := list.find(email)
	for _, doubt := range d.doubts[account] {
		if doubt.since.After(list.asked) && doubt.since.After(since) && (email == doubt.fallback || !agent.Assignable(doubt.group)) {
			since = doubt.since
		}
	}
	return since
}

// address is an e-mail as keys and lists have it.
func address(email string) string { return strings.ToLower(strings.TrimSpace(email)) }

// agentKey names an agent as known since a time. What was known before does not count.
func agentKey(account string, since time.Time, email string) string {
	key := account + "/"
	if !since.IsZero() {
		key += strconv.FormatInt(since.UnixMilli(), 36)
	}
	return key + "/" + email // last, because a slash may stand in it
}
