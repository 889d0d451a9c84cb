package main

import (
	"encoding/json"
	"strings"
	"sync"
)

// stories are what the workers' own logs say of each conversation: how many calls had an uncertain outcome, what the
// look-ups found, and how it ended. Its methods may be called concurrently.
type stories struct {
	mu       sync.Mutex
	all      map[string]*story // guarded by mu; by conversation
	failures map[string]int    // guarded by mu; uncertain outcomes by what went wrong
	lookups  map[string]int    // guarded by mu; by what was found
	levels   map[string]int    // guarded by mu; log lines by level
	messages map[string]int    // guarded by mu; warnings and errors by their text
}

// story is one conversation's.
type story struct {
	uncertain int
	lookups   map[string]int
	found     bool // the look-up that went before the end found the ticket
	end       string
}

func newStories() *stories {
	return &stories{
		all: map[string]*story{}, failures: map[string]int{}, lookups: map[string]int{}, levels: map[string]int{}, messages: map[string]int{},
	}
}

// attempt is a worker's canonical log line.
type attempt struct {
	Level        string `json:"level"`
	Message      string `json:"message"`
	Conversation string `json:"conversation"`
	Event        string `json:"event"`
	Result       string `json:"result"`
	Failure      string `json:"failure"`
	Lookup       string `json:"lookup"`
	Uncertain    bool   `json:"uncertain"`
}

// hear takes in one log line.
func (s *stories) hear(text string) {
	var a attempt
	if json.Unmarshal([]byte(text), &a) != nil {
		return // a stack trace, or a line that was cut off by a kill
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.levels[a.Level]++
	if a.Level == "warn" || a.Level == "error" {
		s.messages[a.Message]++
	}
	if a.Event != "closed" || !strings.HasPrefix(a.Message, "conversation ") {
		return
	}
	c := s.all[a.Conversation]
	if c == nil {
		c = &story{lookups: map[string]int{}}
		s.all[a.Conversation] = c
	}
	if a.Uncertain {
		c.uncertain++
		s.failures[a.Failure]++
	}
	if a.Lookup != "" {
		c.lookups[a.Lookup]++
		s.lookups[a.Lookup]++
	}
	switch a.Result {
	case "created", "dead", "skipped":
		c.end, c.found = a.Result, a.Lookup == "found"
	}
}

// uncertainty is the report on outcomes that were not known at once.
type uncertainty struct {
	Outcomes      int            `json:"outcomes"`      // calls after which the ticket might or might not exist
	Conversations int            `json:"conversations"` // that had one at least
	Causes        map[string]int `json:"causes"`
	Lookups       map[string]int `json:"lookups"` // found, absent, failed; after crashes too
	Ended         map[string]int `json:"ended"`   // how those conversations ended
}

func (s *stories) uncertainty() uncertainty {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := uncertainty{Causes: s.failures, Lookups: s.lookups, Ended: map[string]int{}}
	for _, c := range s.all {
		if c.uncertain == 0 {
			continue
		}
		u.Outcomes += c.uncertain
		u.Conversations++
		switch {
		case c.end == "created" && c.found:
			u.Ended["the look-up found the ticket"]++
		case c.end == "created" && c.lookups["absent"] > 0:
			u.Ended["no ticket was there, and one was made"]++
		case c.end == "created":
			u.Ended["known to the ledger as made"]++
		case c.end == "":
			u.Ended["settled by a process that was killed before it said so"]++
		default:
			u.Ended[c.end]++
		}
	}
	return u
}
