package site

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"passerelle/pkg/cache"
	"passerelle/pkg/ticket"
)

// staff is an account with agents, and counts what it is asked.
type staff struct {
	mu      sync.Mutex
	agents  map[string]ticket.AgentUser // by e-mail
	err     error                       // of the list
	lists   int
	looks   map[string]int
	blocked chan struct{} // when set, lists wait for it
}

func newStaff(agents ...ticket.AgentUser) *staff {
	s := &staff{agents: map[string]ticket.AgentUser{}, looks: map[string]int{}}
	for _, a := range agents {
		s.agents[a.Email] = a
	}
	return s
}

func (s *staff) set(a ticket.AgentUser) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.agents[a.Email] = a
}

func (s *staff) Agents(ctx context.Context) ([]ticket.AgentUser, error) {
	s.mu.Lock()
	s.lists++
	blocked := s.blocked
	s.mu.Unlock()
	if blocked != nil {
		select {
		case <-blocked:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []ticket.AgentUser
	for _, a := range s.agents {
		all = append(all, a)
	}
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all, s.err
}

func (s *staff) Agent(_ context.Context, email string) (ticket.AgentUser, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.looks[email]++
	a, found := s.agents[email]
	return a, found, nil
}

func (s *staff) FormLayout(_ context.Context, id int64) (ticket.FormLayout, error) {
	return ticket.FormLayout{ID: id}, nil
}

func (s *staff) FormFields(context.Context) ([]ticket.Field, error) { return nil, nil }

func (s *staff) CustomStatuses(context.Context) ([]ticket.CustomStatus, error) { return nil, nil }

// asked gives how often the list and an agent were asked for.
func (s *staff) asked(email string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return fmt.Sprintf("%d lists, %d looks", s.lists, s.looks[email])
}

func (s *staff) directory(t *testing.T, redis *cache.Redis) *Directory {
	t.Helper()
	config, err := Parse("x.yaml", []byte(sound))
	if err != nil {
		t.Fatal(err)
	}
	return NewDirectory(config, redis, func(name string) (Account, bool) { return s, name == "acme" })
}

func agentOf(id int64, email string, groups ...int64) ticket.AgentUser {
	return ticket.AgentUser{ID: id, Email: email, Active: true, GroupIDs: groups}
}

func wantAgent(t *testing.T, d *Directory, email string, id int64) {
	t.Helper()
	a, found, err := d.Agent(t.Context(), "acme", email)
	if err != nil || found != (id != 0) || a.ID != id {
		t.Fatalf("Agent(%s) = %+v, %v, %v, want %d", email, a, found, err, id)
	}
}

func TestAgentsAreListedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStaff(agentOf(1, "a@example.com", 5), agentOf(2, "b@example.com"), agentOf(3, "c/d@example.com"))
		d := s.directory(t, nil)
		for range 3 {
			wantAgent(t, d, "A@example.com ", 1)
			wantAgent(t, d, "b@example.com", 2)
			wantAgent(t, d, "c/d@example.com", 3)
			wantAgent(t, d, "nobody@example.com", 0)
		}
		if got := s.asked("nobody@example.com"); got != "1 lists, 1 looks" {
			t.Errorf("asked for %s", got)
		}
		// Who came since is found at once, because nobody asked for them before.
		s.set(agentOf(4, "new/one@example.com"))
		wantAgent(t, d, "new/one@example.com", 4)
		wantAgent(t, d, "new/one@example.com", 4)
		if got := s.asked("new/one@example.com"); got != "1 lists, 1 looks" {
			t.Errorf("asked for %s", got)
		}
		time.Sleep(rosterPolicy.Ahead)
		wantAgent(t, d, "a@example.com", 1)
		synctest.Wait()
		wantAgent(t, d, "new/one@example.com", 4)
		wantAgent(t, d, "nobody@example.com", 0)
		if got := s.asked("nobody@example.com"); got != "2 lists, 2 looks" {
			t.Errorf("asked for %s", got)
		}
	})
}

func TestAMendedAgentIsSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		suspended := agentOf(1, "support@acme.fr")
		suspended.Suspended = true
		s := newStaff(suspended, agentOf(2, "well@example.com"), agentOf(3, "away@example.com"))
		d := s.directory(t, nil)
		for _, email := range []string{"support@acme.fr", "well@example.com", "gone@example.com"} {
			_, _, err := d.Agent(t.Context(), "acme", email)
			if err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Second)
		s.set(agentOf(1, "support@acme.fr"))
		s.set(agentOf(5, "gone@example.com"))
		mended := time.Now()
		for range 3 { // dead letters of one replay
			d.Refresh(t.Context(), "ha", 1234, mended)
			a, _, err := d.Agent(t.Context(), "acme", "support@acme.fr")
			if err != nil || a.Suspended {
				t.Errorf("the fallback assignee = %+v, %v", a, err)
			}
			wantAgent(t, d, "gone@example.com", 5)
			wantAgent(t, d, "well@example.com", 2)
		}
		for email, want := range map[string]string{"support@acme.fr": "1 lists, 1 looks", "gone@example.com": "1 lists, 2 looks", "well@example.com": "1 lists, 0 looks"} {
			if got := s.asked(email); got != want {
				t.Errorf("%s: asked for %s, want %s", email, got, want)
			}
		}
		// The next list is believed again.
		time.Sleep(rosterPolicy.Ahead)
		wantAgent(t, d, "support@acme.fr", 1)
		synctest.Wait()
		wantAgent(t, d, "support@acme.fr", 1)
		wantAgent(t, d, "gone@example.com", 5)
		if d.doubted("acme", mustRoster(t, d), "support@acme.fr") != (time.Time{}) {
			t.Error("the list is still in doubt")
		}
	})
}

func mustRoster(t *testing.T, d *Directory) roster {
	t.Helper()
	list, err := d.roster(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestAgentsThatCannotBeListed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// The plan or the token does not let us.
		s := newStaff(agentOf(1, "a@example.com"))
		s.err = &ticket.Failure{Trouble: ticket.TroubleAccount, Detail: ticket.Detail{Status: 403}}
		d := s.directory(t, nil)
		wantAgent(t, d, "a@example.com", 1)
		wantAgent(t, d, "a@example.com", 1)
		if got := s.asked("a@example.com"); got != "1 lists, 1 looks" {
			t.Errorf("asked for %s", got)
		}
		// The account is in trouble: nothing more is asked of it.
		s = newStaff(agentOf(1, "a@example.com"))
		s.err = &ticket.Failure{Trouble: ticket.TroubleAccount, Detail: ticket.Detail{Status: 500}}
		d = s.directory(t, nil)
		if _, _, err := d.Agent(t.Context(), "acme", "a@example.com"); !errors.Is(err, s.err) {
			t.Errorf("error = %v", err)
		}
		if got := s.asked("a@example.com"); got != "1 lists, 0 looks" {
			t.Errorf("asked for %s", got)
		}
		// A list that takes long holds up nobody.
		s = newStaff(agentOf(1, "a@example.com"))
		s.blocked = make(chan struct{})
		d = s.directory(t, nil)
		wantAgent(t, d, "a@example.com", 1)
		close(s.blocked)
		synctest.Wait()
		wantAgent(t, d, "a@example.com", 1)
		if got := s.asked("a@example.com"); got != "1 lists, 1 looks" {
			t.Errorf("asked for %s", got)
		}
		// Whoever asks may be gone before.
		s = newStaff()
		s.err = errors.New("odd")
		d = s.directory(t, nil)
		wantAgent(t, d, "a@example.com", 0)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, _, err := d.Agent(ctx, "acme", "a@example.com"); !errors.Is(err, context.Canceled) {
			t.Errorf("error = %v", err)
		}
	})
}

func manyAgents(n int) []ticket.AgentUser {
	agents := make([]ticket.AgentUser, n)
	for i := range agents {
		agents[i] = agentOf(360_000_000_000+int64(i)*7919, fmt.Sprintf("%x.%x@support.example.com", rand.Uint32(), rand.Uint32()), 360_000_000_001, 360_000_000_002+int64(i%40))
	}
	return agents
}

func TestALongListFitsRedis(t *testing.T) {
	list := newRoster(manyAgents(5000), time.Now())
	text, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	var read roster
	if err := json.Unmarshal(text, &read); err != nil {
		t.Fatal(err)
	}
	t.Logf("5000 agents: %d bytes in Redis, %d in memory", len(text), list.Size())
	if len(text) > cache.MaxValue || list.Size() > 1<<20 {
		t.Errorf("5000 agents take %d bytes in Redis and %d in memory", len(text), list.Size())
	}
	if fmt.Sprint(read.agents) != fmt.Sprint(list.agents) || !read.asked.Equal(list.asked) {
		t.Error("the list is not what was written")
	}
	if got := list.Ahead(); got != 38*time.Minute { // 152 calls
		t.Errorf("a list of 5000 agents is asked for every %s", got)
	}
	for _, bad := range []string{`{"packed":"AAAA"}`, `{"packed":4}`, `{}`} {
		if json.Unmarshal([]byte(bad), &read) == nil {
			t.Errorf("%s was read", bad)
		}
	}
}

func TestTwoAgentsOfOneAddress(t *testing.T) {
	gone := agentOf(1, "A@example.com")
	gone.Active = false
	list := newRoster([]ticket.AgentUser{gone, agentOf(2, "a@example.com"), agentOf(3, "A@EXAMPLE.com")}, time.Time{})
	if a, found := list.find("a@example.com"); !found || a.ID != 2 {
		t.Errorf("found %+v", a)
	}
}

func FuzzRoster(f *testing.F) {
	text, err := json.Marshal(newRoster(manyAgents(3), time.Now()))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(text))
	f.Fuzz(func(t *testing.T, text string) {
		var r roster
		if json.Unmarshal([]byte(text), &r) == nil {
			for _, a := range r.agents {
				if _, found := r.find(a.Email); !found && strings.ToLower(a.Email) == a.Email {
					t.Errorf("%q is lost", a.Email)
				}
			}
		}
	})
}
