package worker

import (
	"sync"
	"testing"
	"time"

	"passerelle/pkg/sim/simzendesk"
	"passerelle/pkg/ticket"
)

// desk is where the conversations are read: each read waits there until it is let go.
type desk struct {
	mu    sync.Mutex
	moved *sync.Cond
	first bool // guarded by mu; the run's probe has passed
	open  bool // guarded by mu; nobody waits any more
	let   int  // guarded by mu; how many may go
	now   int  // guarded by mu; how many wait
	most  int  // guarded by mu
}

func newDesk() *desk {
	d := &desk{}
	d.moved = sync.NewCond(&d.mu)
	return d
}

func (d *desk) read(id string) (ticket.Conversation, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.first {
		d.first = true
		return conversation(id), nil
	}
	d.now++
	d.most = max(d.most, d.now)
	d.moved.Broadcast()
	for d.let == 0 && !d.open {
		d.moved.Wait()
	}
	d.let = max(d.let-1, 0)
	d.now--
	return conversation(id), nil
}

// waiting gives the most that have waited at once, as soon as n do.
func (d *desk) waiting(n int) (most int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for d.now < n {
		d.moved.Wait()
	}
	return d.most
}

func (d *desk) letGo(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.let = n
	d.moved.Broadcast()
}

// opened lets everybody go, now and from now on.
func (d *desk) opened() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open = true
	d.moved.Broadcast()
}

// readAtDesk lets a worker make a backlog of so many, whose conversations are read at a desk.
func readAtDesk(t *testing.T, settings Settings, n int) (*desk, makings) {
	t.Helper()
	d, desk := openDepot(t, simzendesk.Config{}), newDesk()
	d.town.read = desk.read
	d.hold(t, n)
	settings.LaneQuantum = time.Minute
	made, _ := d.workBy(t, settings, BulkTerms{Jobs: 10})
	t.Cleanup(desk.opened) // before the worker is waited for
	if err := d.queue.WakeNow(t.Context(), "acme"); err != nil {
		t.Fatal(err)
	}
	return desk, made
}

func TestConversationsForBulkJobsAreReadAFewAtOnce(t *testing.T) {
	t.Parallel()
	desk, made := readAtDesk(t, Settings{Slots: 4, SlotTime: time.Hour}, 101)
	for left := 100; left >= 4; left-- {
		if most := desk.waiting(4); most > 4 {
			t.Fatalf("%d conversations were read at once, of at most 4", most)
		}
		desk.letGo(1)
	}
	desk.opened()
	for range 101 {
		<-made
	}
}

func TestAConversationThatIsReadForLongHindersNoOther(t *testing.T) {
	t.Parallel()
	desk, made := readAtDesk(t, Settings{Slots: 2, SlotTime: time.Millisecond}, 31)
	desk.waiting(batchHands)
	desk.opened()
	for range 31 {
		<-made
	}
}
