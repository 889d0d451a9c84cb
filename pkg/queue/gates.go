package queue

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/nats-io/nats.go"

	"passerelle/pkg/ticket"
)

// LaneState is how an account fares. The words are part of the product's public face.
type LaneState string

// The states.
const (
	LaneOpen    LaneState = "open"
	LaneLimited LaneState = "limited" // well, and without a call left for now
	LaneDown    LaneState = "down"    // in trouble
	LanePaused  LaneState = "paused"  // by an operator
	LaneUnknown LaneState = "unknown" // not paused; no worker process runs that could tell more
)

// GateNews is what a process tells the others when it shuts or opens a gate. It is sent as a plain message: who does not
// hear of it finds out by itself.
type GateNews struct {
	Process string        `json:"process"`             // of this start of the process
	Gate    string        `json:"gate"`                // as "zendesk/acme" or "iadvize/main"
	State   LaneState     `json:"state"`               // open, limited or down
	Wait    time.Duration `json:"wait_ns"`             // shut for so long: clocks of machines differ
	Lasted  time.Duration `json:"lasted_ns,omitempty"` // it has been like that for so long
	Named   time.Duration `json:"named_ns,omitempty"`  // the other side named this time itself, in trouble
	Reason  ticket.Reason `json:"reason,omitempty"`
	Failure string        `json:"failure,omitempty"`
	Status  int           `json:"status,omitempty"`
	Hint    string        `json:"hint,omitempty"`
}

// Bounds of what is taken from others.
const (
	gatesSubject = "gates."
	maxGateNews  = 4 << 10
	maxGateName  = 200
	maxGateText  = 400
	maxGateWait  = time.Hour
	maxLasted    = 365 * 24 * time.Hour
	newsBacklog  = 10_000
)

// TellGate tells the other processes. It does not wait until they have heard it.
func (q *Queue) TellGate(n GateNews) error {
	n.Failure, n.Hint = plain(n.Failure, maxGateText), plain(n.Hint, maxGateText)
	body, err := json.Marshal(n)
	if err != nil {
		return fmt.Errorf("tell of gate %s: %w", n.Gate, err)
	}
	kind, name, _ := strings.Cut(n.Gate, "/")
	if err := q.nc.Publish(gatesSubject+accountToken(kind)+"."+accountToken(name), body); err != nil {
		return fmt.Errorf("tell of gate %s: %w", n.Gate, err)
	}
	return nil
}

// FollowGates tells of what all processes say, this one included, until the returned function is called. What is told
// is within bounds and of known words. told must not block.
func (q *Queue) FollowGates(told func(GateNews)) (stop func(), err error) {
	sub, err := q.nc.Subscribe(gatesSubject+">", func(m *nats.Msg) {
		if n, ok := readGateNews(m.Data); ok {
			told(n)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("listen to what other processes say of accounts: %w", err)
	}
	_ = sub.SetPendingLimits(newsBacklog, newsBacklog*maxGateNews) // who falls behind finds out by itself
	return func() { _ = sub.Unsubscribe() }, nil
}

func readGateNews(data []byte) (GateNews, bool) {
	var n GateNews
	if len(data) > maxGateNews || json.Unmarshal(data, &n) != nil {
		return n, false
	}
	kind, name, named := strings.Cut(n.Gate, "/")
	if !named || kind == "" || name == "" || len(n.Gate) > maxGateName || plain(n.Gate, maxGateName) != n.Gate || n.Process == "" {
		return n, false
	}
	if n.State != LaneOpen && n.State != LaneLimited && n.State != LaneDown {
		return n, false
	}
	if !slices.Contains(ticket.Reasons(), n.Reason) {
		n.Reason = ""
	}
	n.Wait, n.Lasted, n.Named = min(max(n.Wait, 0), maxGateWait), min(max(n.Lasted, 0), maxLasted), min(max(n.Named, 0), maxGateWait)
	if n.Status < 100 || n.Status > 599 {
		n.Status = 0
	}
	n.Failure, n.Hint = plain(n.Failure, maxGateText), plain(n.Hint, maxGateText)
	return n, true
}

// plain gives a text of printable characters, most of them at most, in one line.
func plain(text string, most int) string {
	var out strings.Builder
	n := 0
	for _, r := range text {
		if n == most {
			break
		}
		n++
		if !unicode.IsPrint(r) {
			r = ' '
		}
		out.WriteRune(r)
	}
	return strings.TrimSpace(out.String())
}
