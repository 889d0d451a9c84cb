package simiadvize

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
)

// record is a conversation with what the platform remembers about it. A record is replaced, never changed, because
// readers hold it without the lock.
type record struct {
	Conversation
	addedAt time.Time
	webhook webhookState
}

// webhookState is what became of the webhook that says the conversation is closed.
type webhookState string

const (
	webhookNone     webhookState = "none"
	webhookAccepted webhookState = "accepted"
	webhookRefused  webhookState = "refused"
)

// store holds the conversations. Safe for concurrent use.
type store struct {
	mu     sync.RWMutex
	byID   map[string]*record
	order  []string              // ids in the order of their first Add
	closed map[string][]closedAt // by platform, sorted
	users  map[userKey]Agent
}

// closedAt is a place in the list of closed conversations, and the meaning of its cursor.
type closedAt struct {
	millis int64
	id     string
}

func (a closedAt) compare(b closedAt) int {
	return cmp.Or(cmp.Compare(a.millis, b.millis), strings.Compare(a.id, b.id))
}

type userKey struct {
	platform string
	id       int64
}

func newStore() *store {
	return &store{byID: map[string]*record{}, closed: map[string][]closedAt{}, users: map[userKey]Agent{}}
}

func (s *store) put(r *record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.byID[r.ID]; old == nil {
		s.order = append(s.order, r.ID)
	} else {
		r.webhook = old.webhook
		list, at := s.closed[old.Platform], closedAt{old.ClosedAt.UnixMilli(), old.ID}
		if i, found := slices.BinarySearchFunc(list, at, closedAt.compare); found {
			s.closed[old.Platform] = slices.Delete(list, i, i+1)
		}
	}
	s.byID[r.ID] = r
	if !r.ClosedAt.IsZero() {
		at := closedAt{r.ClosedAt.UnixMilli(), r.ID}
		i, _ := slices.BinarySearchFunc(s.closed[r.Platform], at, closedAt.compare)
		s.closed[r.Platform] = slices.Insert(s.closed[r.Platform], i, at)
	}
	for _, a := range r.Agents {
		s.users[userKey{r.Platform, a.ID}] = a
	}
}

// change replaces the record, if there is one, by what edit makes of a copy.
func (s *store) change(id string, edit func(*record)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.byID[id]
	if old == nil {
		return
	}
	r := *old
	edit(&r)
	s.byID[id] = &r
}

func (s *store) get(id string) *record {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.byID[id]
}

func (s *store) user(platform string, id int64) (Agent, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	a, ok := s.users[userKey{platform, id}]
	return a, ok
}

// all returns the records in the order of their first Add.
func (s *store) all() []*record {
	s.mu.RLock()
	defer s.mu.RUnlock()
	out := make([]*record, len(s.order))
	for i, id := range s.order {
		out[i] = s.byID[id]
	}
	return out
}

// walk calls yield for the conversations of the platform that were closed in [from, to], behind the cursor, until it
// says false. Records are collected in portions, so that yield runs without the lock.
func (s *store) walk(platform string, from, to time.Time, after *closedAt, newestFirst bool, yield func(*record) bool) {
	const portion = 256
	low, high := closedAt{from.UnixMilli(), ""}, closedAt{to.UnixMilli() + 1, ""}
	for {
		list := make([]*record, 0, portion)
		s.mu.RLock()
		all := s.closed[platform]
		i, _ := slices.BinarySearchFunc(all, low, closedAt.compare)
		j, _ := slices.BinarySearchFunc(all, high, closedAt.compare)
		j = max(i, j)
		if after != nil {
			at, found := slices.BinarySearchFunc(all, *after, closedAt.compare)
			if newestFirst {
				j = max(i, min(j, at))
			} else {
				if found {
					at++
				}
				i = min(j, max(i, at))
			}
		}
		for n := range min(portion, j-i) {
			k := i + n
			if newestFirst {
				k = j - 1 - n
			}
			list = append(list, s.byID[all[k].id])
			after = &closedAt{all[k].millis, all[k].id}
		}
		s.mu.RUnlock()
		for _, r := range list {
			if !yield(r) {
				return
			}
		}
		if len(list) < portion {
			return
		}
	}
}

// Add makes a conversation known, or takes the place of the one with the same id. With a journal it is written there
// first. The error says that the id is no UUID, the platform unknown, or the journal not writable.
func (s *Server) Add(c Conversation) error {
	now := s.cfg.Now()
	c = c.copied()
	if err := complete(&c, now); err != nil {
		return fmt.Errorf("add conversation: %w", err)
	}
	if err := s.journal.write(entry{Conversation: &c, AddedAt: now}); err != nil {
		return fmt.Errorf("add conversation %s: %w", c.ID, err)
	}
	s.store.put(&record{Conversation: c, addedAt: now, webhook: webhookNone})
	return nil
}

// complete fills what a caller may leave out and refuses what the platform cannot have.
func complete(c *Conversation, now time.Time) error {
	if c.ID == "" {
		c.ID = uuid.NewString()
	}
	id, err := uuid.Parse(c.ID)
	if err != nil {
		return fmt.Errorf("id is not a UUID: %w", err)
	}
	c.ID = id.String()
	c.Platform = cmp.Or(strings.ToLower(c.Platform), "ha")
	if c.Platform != "ha" && c.Platform != "sd" {
		return fmt.Errorf("platform of %s is neither ha nor sd", c.ID)
	}
	c.Channel = cmp.Or(c.Channel, "CHAT")
	if c.CreatedAt.IsZero() {
		c.CreatedAt = now
		if !c.ClosedAt.IsZero() {
			c.CreatedAt = c.ClosedAt
		}
	}
	for i := range c.Messages {
		if c.Messages[i].ID == "" {
			c.Messages[i].ID = c.ID + "-" + strconv.Itoa(i+1)
		}
		if c.Messages[i].At.IsZero() {
			c.Messages[i].At = c.CreatedAt
		}
	}
	return nil
}

// Answer adds a survey's answers to a conversation, as a visitor's click does; what the survey leaves empty stays as
// it was. The error says that there is no such conversation or the journal is not writable.
func (s *Server) Answer(id string, answer Survey) error {
	if s.store.get(id) == nil {
		return fmt.Errorf("answer survey: no conversation %s", id)
	}
	if err := s.journal.write(entry{ID: id, Survey: &answer}); err != nil {
		return fmt.Errorf("answer survey of %s: %w", id, err)
	}
	s.store.change(id, answer.applyTo)
	return nil
}

func (a Survey) applyTo(r *record) {
	var merged Survey
	if r.Survey != nil {
		merged = *r.Survey
	}
	merged.CustomerSatisfaction = cmp.Or(a.CustomerSatisfaction, merged.CustomerSatisfaction)
	merged.NetPromoterScore = cmp.Or(a.NetPromoterScore, merged.NetPromoterScore)
	merged.Comment = cmp.Or(a.Comment, merged.Comment)
	r.Survey = &merged
}

// Conversations returns all conversations in the order in which they were added. Their slices and pointers are the
// server's own: they are to be read only.
func (s *Server) Conversations() []Conversation {
	records := s.store.all()
	out := make([]Conversation, len(records))
	for i, r := range records {
		out[i] = r.Conversation
	}
	return out
}

// Conversation returns one conversation, to be read only, and whether there is one.
func (s *Server) Conversation(id string) (Conversation, bool) {
	if r := s.store.get(id); r != nil {
		return r.Conversation, true
	}
	return Conversation{}, false
}

// Count is the number of conversations.
func (s *Server) Count() int {
	s.store.mu.RLock()
	defer s.store.mu.RUnlock()
	return len(s.store.order)
}

// readable says whether the platform shows the conversation yet.
func (s *Server) readable(r *record) bool {
	return r.ClosedAt.IsZero() || s.passed(r.addedAt, r.ReadableAfter, s.cfg.ReadableAfter)
}

// passed says whether the wait is over that began at start: own is the conversation's wait, general the server's.
func (s *Server) passed(start time.Time, own, general time.Duration) bool {
	return !s.cfg.Now().Before(start.Add(max(0, cmp.Or(own, general))))
}
