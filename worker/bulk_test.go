package worker

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"passerelle/pkg/limit"
	"passerelle/pkg/queue"
	"passerelle/pkg/queue/embed"
	"passerelle/pkg/sim/simzendesk"
	"passerelle/pkg/ticket"
	"passerelle/pkg/zendesk"
)

// depot is a simulated account that takes bulk jobs, and the workers that send them. The workers' clock can be moved.
type depot struct {
	*town

	sim     *simzendesk.Server
	account *simzendesk.AccountState
	client  *zendesk.Client
	server  *embed.Server
	queue   *queue.Queue

	mu     sync.Mutex
	offset time.Duration // guarded by mu
}

func (d *depot) clock() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return time.Now().Add(d.offset)
}

func (d *depot) move(by time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.offset += by
}

func openDepot(t *testing.T, config simzendesk.Config) *depot {
	t.Helper()
	d := &depot{town: newTown()}
	config.Now = d.clock
	d.sim = simzendesk.New(config)
	d.account = d.sim.AddAccount(simzendesk.Account{Name: "acme", APITokenEmail: "admin@example.com", APIToken: "hush"})
	web := httptest.NewServer(d.sim)
	t.Cleanup(func() { _ = d.sim.Close(); web.Close() })
	id := d.account.AddField(simzendesk.Field{Type: "text", Title: "Conversation"}).ID
	d.site.Tickets.Fields = ticket.FieldIDs{ConversationID: id}
	d.form = ticket.Form{Active: true, ID: d.account.Forms()[0].ID, Fields: []ticket.Field{{ID: id, Type: ticket.FieldText, Active: true}}}
	for email := range d.agents {
		u := d.account.AddUser(simzendesk.User{Name: "Agent", Email: email, Role: simzendesk.RoleAgent, Verified: true})
		d.agents[email] = ticket.AgentUser{ID: u.ID, Active: true}
	}
	var err error
	if d.server, err = embed.Start(embed.Options{Dir: t.TempDir()}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.server.Close)
	d.client = zendesk.NewClient(zendesk.Account{
		Name: "acme", URL: web.URL + "/acme", APIToken: func() (string, string, error) { return "admin@example.com", "hush", nil },
	}, nil)
	t.Cleanup(d.client.Close)
	d.queue = d.open(t)
	return d
}

func (d *depot) open(t *testing.T) *queue.Queue {
	t.Helper()
	q, err := queue.Open(t.Context(), queue.Options{Server: d.server})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(q.Close)
	return q
}

// makings passes on that a ticket was made, as long as somebody wants to know.
type makings chan struct{}

func (m makings) Attempt(_ string, o ticket.Outcome, _ time.Duration) {
	if o.Result == ticket.ResultCreated {
		select {
		case m <- struct{}{}:
		default:
		}
	}
}

// work starts a worker with a connection of its own. kill ends it at once, whatever it is about.
func (d *depot) work(t *testing.T, terms BulkTerms) (made makings, kill func()) {
	t.Helper()
	return d.workBy(t, Settings{LaneQuantum: time.Minute}, terms)
}

func (d *depot) workBy(t *testing.T, settings Settings, terms BulkTerms) (made makings, kill func()) {
	t.Helper()
	q := d.open(t)
	del := deliverer(d.town, q, settings)
	del.now = d.clock
	del.Tickets = func(string, limit.Rank, bool) (Tickets, bool) { return d.client, true }
	del.Bulk = func(string) (Bulk, BulkTerms, bool) { return d.client, terms, true }
	made = make(makings, 10_000)
	w := New(q, del, zerolog.New(zerolog.NewTestWriter(t)).Level(zerolog.WarnLevel), made)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); w.Run(ctx, ctx) }()
	kill = func() { q.Close(); cancel(); <-done }
	t.Cleanup(kill)
	return made, kill
}

func (d *depot) hold(t *testing.T, n int) {
	t.Helper()
	for i := range n {
		if err := d.queue.Hold(t.Context(), closed(fmt.Sprintf("c%d", i)), time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
}

// emptied waits until nothing is held any more, rings the alarm meanwhile, and moves the clock by each time.
func (d *depot) emptied(t *testing.T, each time.Duration) {
	t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		held, err := d.queue.Holding(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		left, err := d.queue.Batches(t.Context(), "acme")
		if err != nil {
			t.Fatal(err)
		}
		if len(held) == 0 && len(left) == 0 {
			return
		}
		d.move(each)
		if err := d.queue.WakeNow(t.Context(), "acme"); err != nil {
			t.Fatal(err)
		}
		select {
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatalf("still held: %v, and in bulk jobs: %+v", held, left)
		}
	}
}

// settled waits until nothing is held any more: n conversations have a ticket, and nobody else.
func (d *depot) settled(t *testing.T, n int, each time.Duration) {
	t.Helper()
	d.emptied(t, each)
	if all := d.known(t, n); all != n {
		t.Errorf("%d conversations have a ticket, want %d", all, n)
	}
}

// known looks whether the ledger knows the one ticket of each of n conversations. It gives how many external ids have a
// ticket in the account.
func (d *depot) known(t *testing.T, n int) int {
	t.Helper()
	seen := map[string]int{}
	for _, made := range d.account.Tickets() {
		seen[made.ExternalID]++
	}
	for i := range n {
		id := ticket.ExternalID(fmt.Sprintf("c%d", i))
		if seen[id] != 1 {
			t.Errorf("%s has %d tickets", id, seen[id])
		}
		entry, _, err := d.queue.Look(t.Context(), ticket.JobOf(fmt.Sprintf("c%d", i)))
		if err != nil || entry.State != queue.StateCreated || entry.ID == 0 || entry.Batch != "" {
			t.Errorf("ledger entry of %s: %+v, %v", id, entry, err)
		}
		if got := d.account.TicketByExternalID(id); len(got) == 1 && got[0].ID != entry.ID {
			t.Errorf("the ledger says that %s is ticket %d, it is %d", id, entry.ID, got[0].ID)
		}
	}
	return len(seen)
}

// right looks at each ticket: whoever made it, it is the visitor's, solved, private and on the site's form.
func (d *depot) right(t *testing.T) {
	t.Helper()
	for _, made := range d.account.Tickets() {
		requester := ""
		for _, u := range d.account.Users() {
			if u.ID == made.RequesterID {
				requester = u.Email
			}
		}
		if requester != "ada@example.com" || made.Status != "solved" || made.IsPublic || made.FormID != d.form.ID {
			t.Errorf("ticket %d: requester %q, %s, public %v, form %d", made.ID, requester, made.Status, made.IsPublic, made.FormID)
		}
	}
}

func (d *depot) calls() (all int, byRoute map[string]int) {
	byRoute = d.account.Requests()
	for _, n := range byRoute {
		all += n
	}
	return all, byRoute
}

func TestABacklogIsWorkedOffInBulk(t *testing.T) {
	d := openDepot(t, simzendesk.Config{JobDelay: 200 * time.Millisecond})
	d.hold(t, 450)
	if err := d.queue.WakeNow(t.Context(), "acme"); err != nil {
		t.Fatal(err)
	}
	made, _ := d.work(t, BulkTerms{Jobs: 10})
	for range 450 {
		<-made
	}
	d.settled(t, 450, 0)
	all, byRoute := d.calls()
	t.Logf("%d calls for 450 tickets: %v", all, byRoute)
	if byRoute["POST /api/v2/tickets"] != 1 || byRoute["POST /api/v2/tickets/create_many"] != 5 || all > 15 {
		t.Errorf("%d calls: %v", all, byRoute)
	}
}

func TestBulkJobsThatFailInAnyWay(t *testing.T) {
	t.Parallel()
	const n = 60
	cases := map[string]struct {
		faults  []simzendesk.Fault
		config  simzendesk.Config
		imports bool
	}{
		"imported":                   {imports: true},
		"imported without requester": {imports: true, config: simzendesk.Config{Switches: simzendesk.Switches{ImportIgnoresRequester: true}}},
		"imported without form":      {imports: true, config: simzendesk.Config{Switches: simzendesk.Switches{ImportIgnoresForm: true}}},
		"import is refused":          {imports: true, faults: []simzendesk.Fault{{Kind: simzendesk.Forbidden, Path: "/api/v2/imports/tickets/create_many"}}},
		"some items fail":            {faults: []simzendesk.Fault{{Kind: simzendesk.JobPartialFailure, Items: []int{0, 7, 30}, Times: 1}}},
		"a part fails, named so":     {faults: []simzendesk.Fault{{Kind: simzendesk.JobPartialFailure, Times: 1}}, config: simzendesk.Config{Switches: simzendesk.Switches{PartialJob: simzendesk.PartialFailed}}},
		"the job is killed":          {faults: []simzendesk.Fault{{Kind: simzendesk.JobKilled, Times: 1}}},
		"the job vanishes":           {faults: []simzendesk.Fault{{Kind: simzendesk.JobVanishes, Times: 1}}},
		"the job is lost":            {faults: []simzendesk.Fault{{Kind: simzendesk.JobLost, Times: 1}}},
		"the answer is lost":         {faults: []simzendesk.Fault{{Kind: simzendesk.ResetAfter, Path: "/api/v2/tickets/create_many", Times: 1}}},
		"lost, and not listed":       {faults: []simzendesk.Fault{{Kind: simzendesk.ResetAfter, Path: "/api/v2/tickets/create_many", Times: 1}}, config: simzendesk.Config{Switches: simzendesk.Switches{EndedJobsUnlisted: true}}},
		"the request is lost":        {faults: []simzendesk.Fault{{Kind: simzendesk.ResetBefore, Path: "/api/v2/tickets/create_many", Times: 1}}},
		"HTML after it was begun":    {faults: []simzendesk.Fault{{Kind: simzendesk.HTML502After, Path: "/api/v2/tickets/create_many", Times: 1}}},
		"too many jobs":              {faults: []simzendesk.Fault{{Kind: simzendesk.TooManyJobs, Path: "/api/v2/tickets/create_many", Times: 1}}},
		"bulk is refused":            {faults: []simzendesk.Fault{{Kind: simzendesk.Status, Status: 422, Path: "/api/v2/tickets/create_many"}}},
		"statuses cannot be read":    {faults: []simzendesk.Fault{{Kind: simzendesk.HTML502, Path: "/api/v2/job_statuses/show_many", Times: 4}}},
		"limited while it watches":   {faults: []simzendesk.Fault{{Kind: simzendesk.RateLimited, Path: "/api/v2/job_statuses/show_many", Times: 2, RetryAfter: 1}}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.config.JobDelay = 100 * time.Millisecond
			d := openDepot(t, c.config)
			for _, f := range c.faults {
				if strings.HasPrefix(string(f.Kind), "job_") {
					f.Path = "/api/v2/tickets/create_many"
				}
				d.account.Fault(f)
			}
			d.hold(t, n)
			d.work(t, BulkTerms{Jobs: 10, Import: c.imports})
			d.settled(t, n, 5*time.Second)
			d.right(t)
		})
	}
}

func TestAWorkerThatDiesInTheMiddleOfBulkJobs(t *testing.T) {
	d := openDepot(t, simzendesk.Config{JobDelay: 300 * time.Millisecond})
	const n = 1000
	d.hold(t, n)
	for i := range 8 {
		if err := d.queue.WakeNow(t.Context(), "acme"); err != nil {
			t.Fatal(err)
		}
		made, kill := d.work(t, BulkTerms{Jobs: 3})
		for range 20 + 10*i { // somewhere between two jobs, or in one
			<-made
		}
		kill()
	}
	d.work(t, BulkTerms{Jobs: 3})
	d.settled(t, n, 5*time.Second)
}

func TestTwoWorkersOnOneBacklog(t *testing.T) {
	d := openDepot(t, simzendesk.Config{JobDelay: 100 * time.Millisecond})
	const n = 300
	d.hold(t, n)
	for range 2 {
		d.work(t, BulkTerms{Jobs: 2})
	}
	d.settled(t, n, 0)
}

func (d *depot) wipeLedger(t *testing.T) {
	t.Helper()
	nc, err := nats.Connect("", nats.InProcessServer(d.server))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.Stream(t.Context(), "KV_ledger")
	if err == nil {
		err = stream.Purge(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestAWipedLedgerMakesNoSecondTicketInBulk(t *testing.T) {
	d := openDepot(t, simzendesk.Config{JobDelay: 100 * time.Millisecond})
	const n = 40
	d.hold(t, n)
	made, kill := d.work(t, BulkTerms{Jobs: 2})
	if err := d.queue.WakeNow(t.Context(), "acme"); err != nil {
		t.Fatal(err)
	}
	for range n {
		<-made
	}
	d.settled(t, n, 0)
	kill()
	d.wipeLedger(t)
	d.hold(t, n)
	d.work(t, BulkTerms{Jobs: 2})
	d.settled(t, n, 0)
}

func TestAPauseInTheMiddleOfBulkJobs(t *testing.T) {
	t.Parallel()
	d := openDepot(t, simzendesk.Config{JobDelay: 100 * time.Millisecond})
	const n = 600
	d.hold(t, n)
	made, _ := d.work(t, BulkTerms{Jobs: 2})
	ring := func() {
		if err := d.queue.WakeNow(t.Context(), "acme"); err != nil {
			t.Fatal(err)
		}
	}
	ring()
	for range 120 {
		<-made
	}
	if _, _, err := d.queue.PauseLane(t.Context(), "acme", "stocktaking", time.Now()); err != nil {
		t.Fatal(err)
	}
	rests := func() bool {
		story, err := d.queue.Trace(t.Context(), fmt.Sprint("c", n-1))
		return err == nil && time.Until(story.Alarm) > pausedLook/2
	}
	eventually(t, "the run ends, and the alarm is set far ahead", rests)
	before, _ := d.calls()
	ring()
	eventually(t, "another run does nothing but set the alarm again", rests)
	if after, _ := d.calls(); after != before || len(d.account.Tickets()) == n {
		t.Errorf("%d calls in a pause; %d of %d tickets", after-before, len(d.account.Tickets()), n)
	}
	if _, _, err := d.queue.ResumeLane(t.Context(), "acme", time.Now()); err != nil {
		t.Fatal(err)
	}
	d.settled(t, n, 0)
}

func TestNoBulkJobIsBegunWhileNoTicketIsAnswered(t *testing.T) {
	t.Parallel()
	d := openDepot(t, simzendesk.Config{JobDelay: 100 * time.Millisecond})
	mend := d.account.Fault(simzendesk.Fault{Kind: simzendesk.ResetAfter, Method: "POST", Path: "/api/v2/tickets"})
	const n = 40
	d.hold(t, n)
	d.work(t, BulkTerms{Jobs: 2})
	eventually(t, "three tickets are tried", func() bool {
		if err := d.queue.WakeNow(t.Context(), "acme"); err != nil {
			t.Fatal(err)
		}
		_, calls := d.calls()
		return calls["POST /api/v2/tickets"] >= 3
	})
	if _, calls := d.calls(); calls["POST /api/v2/tickets/create_many"] != 0 {
		t.Errorf("a bulk job is begun: %v", calls)
	}
	mend()
	d.settled(t, n, time.Second)
}

// A process that does not know the site, as while a configuration is rolled out, buries what another process has in a bulk
// job. The ticket counts.
func TestATicketOfABulkJobTakesItsDeadLetterAway(t *testing.T) {
	t.Parallel()
	d := openDepot(t, simzendesk.Config{JobDelay: 3 * time.Second})
	const n = 20
	d.hold(t, n)
	if err := d.queue.WakeNow(t.Context(), "acme"); err != nil {
		t.Fatal(err)
	}
	d.work(t, BulkTerms{Jobs: 1})
	var key string
	eventually(t, "a bulk job is at work", func() bool {
		batches, err := d.queue.Batches(t.Context(), "acme")
		if err != nil {
			t.Fatal(err)
		}
		if len(batches) == 0 || batches[0].Job == "" {
			return false
		}
		key = batches[0].Keys[3]
		return true
	})
	h, err := d.queue.HeldAt(t.Context(), "acme", key)
	if err != nil || h == nil {
		t.Fatalf("held: %v, %v", h, err)
	}
	why := &ticket.Failure{Trouble: ticket.TroubleJob, Reason: ticket.ReasonSiteUnknown}
	if err := d.queue.Bury(t.Context(), ticket.Bury(h.Event, why, time.Now())); err != nil {
		t.Fatal(err)
	}
	if err := d.queue.Release(t.Context(), *h); err != nil {
		t.Fatal(err)
	}
	d.settled(t, n, 0)
	if b, err := d.queue.DeadLetter(t.Context(), key); !errors.Is(err, queue.ErrNoDeadLetter) {
		t.Errorf("%+v, %v, want no dead letter", b, err)
	}
}
