package token

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func (m *memory) LoadChain(_ context.Context, name string) ([]byte, uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken {
		return nil, 0, errors.New("broken")
	}
	return m.sealed["chain/"+name], m.revisions[name], nil
}

func (m *memory) SaveChain(_ context.Context, name string, sealed []byte, revision uint64) (uint64, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken {
		return 0, false, errors.New("broken")
	}
	if m.revisions == nil {
		m.revisions = map[string]uint64{}
	}
	if m.revisions[name] != revision {
		return 0, false, nil
	}
	m.revisions[name]++
	if m.sealed == nil {
		m.sealed = map[string][]byte{}
	}
	m.sealed["chain/"+name] = sealed
	return m.revisions[name], true, nil
}

func (m *memory) breaks(broken bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.broken = broken
}

// bank hands out refresh tokens that work once.
type bank struct {
	mu        sync.Mutex
	good      string // the refresh token that works
	n         int    // exchanges
	inside    int
	life      time.Duration
	down      bool          // answers nothing, and does nothing
	lose      bool          // does its work once and loses the answer
	takes     time.Duration // an exchange; 0: a second
	onWork    func()        // called when the exchange is done, before its answer; may be nil
	overlaps  bool
	refusals  int
	otherFail error
}

func (b *bank) exchange(ctx context.Context, refresh string) (Grant, error) {
	b.mu.Lock()
	b.inside++
	b.overlaps = b.overlaps || b.inside > 1
	takes := b.takes
	b.mu.Unlock()
	if takes == 0 {
		takes = time.Second
	}
	time.Sleep(takes) // on the bubble's clock
	b.mu.Lock()
	defer b.mu.Unlock()
	b.inside--
	switch {
	case b.down:
		return Grant{}, fmt.Errorf("down: %w", ErrUnanswered)
	case b.otherFail != nil:
		return Grant{}, b.otherFail
	case refresh != b.good:
		b.refusals++
		return Grant{}, fmt.Errorf("invalid_grant: %w", ErrRefused)
	}
	b.n++
	b.good = fmt.Sprintf("refresh-%d", b.n)
	now := time.Now()
	if b.onWork != nil {
		b.onWork()
	}
	if b.lose || ctx.Err() != nil {
		b.lose = false
		return Grant{}, fmt.Errorf("reset: %w", ErrUnanswered)
	}
	return Grant{Token: Token{Access: fmt.Sprintf("access-%d", b.n), ExpiresAt: now.Add(b.life)}, Refresh: b.good, RefreshExpiresAt: now.Add(30 * 24 * time.Hour)}, nil
}

func fixed(text string) func() (string, error) { return func() (string, error) { return text, nil } }

func rotating(store Store, b *bank, first string) *Source {
	return NewRotating("zendesk/acme", fixed("secret"), fixed(first), store, b.exchange)
}

func want(t *testing.T, s *Source, token string) {
	t.Helper()
	if got, err := s.Token(t.Context()); err != nil || got != token {
		t.Errorf("token = %q, %v; want %s", got, err, token)
	}
}

func wantError(t *testing.T, s *Source, target error) error {
	t.Helper()
	got, err := s.Token(t.Context())
	if err == nil || target != nil && !errors.Is(err, target) {
		t.Errorf("token = %q, %v; want the error %v", got, err, target)
	}
	return err
}

func TestARefreshTokenIsUsedOnceByAllProcesses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, b := &memory{}, &bank{good: "first", life: 5 * time.Minute}
		var sources []*Source
		for range 4 {
			sources = append(sources, rotating(store, b, "first"))
		}
		for range 15 * 60 / 5 {
			var wait sync.WaitGroup
			for _, s := range sources {
				for range 5 {
					wait.Go(func() {
						if _, err := s.Token(t.Context()); err != nil {
							t.Error(err)
						}
					})
				}
			}
			wait.Wait()
			time.Sleep(5 * time.Second)
		}
		if b.n < 3 || b.n > 4 || b.refusals != 0 || b.overlaps {
			t.Errorf("%d exchanges, %d refused, overlaps %v; want one a renewal", b.n, b.refusals, b.overlaps)
		}
		// A process that starts later goes on with what is stored.
		want(t, rotating(store, b, "first"), fmt.Sprintf("access-%d", b.n))
		for _, sealed := range store.sealed {
			if strings.Contains(string(sealed), "refresh-") || strings.Contains(string(sealed), "access-") {
				t.Error("a token is stored as it is")
			}
		}
		for key := range store.sealed {
			if strings.Contains(key, "first") {
				t.Errorf("the key %q tells the token", key)
			}
		}
	})
}

func TestANewRefreshTokenInTheConfigurationGoesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, b := &memory{}, &bank{good: "first", life: time.Hour}
		first := "first"
		s := NewRotating("zendesk/acme", fixed("secret"), func() (string, error) { return first, nil }, store, b.exchange)
		want(t, s, "access-1")
		b.good, first = "second", "second"
		time.Sleep(lookEvery)
		want(t, s, "access-2") // at once, though the token of the old chain lives
		want(t, rotating(store, b, "second"), "access-2")
		// A process that has the old one still goes on with its own chain and spoils nothing.
		want(t, rotating(store, b, "first"), "access-1")
		// A bad one does not stop what works.
		first = "mistyped"
		time.Sleep(lookEvery)
		want(t, s, "access-2")
		if b.n != 2 {
			t.Errorf("%d exchanges", b.n)
		}
	})
}

func TestWhatWasRefusedIsAskedAgainInAnotherWay(t *testing.T) {
	store, b := &memory{}, &bank{good: "other", life: time.Hour}
	through := func(address string) *Source {
		s := rotating(store, b, "first")
		s.SetWay(func() string { return address })
		return s
	}
	for range 2 {
		wantError(t, through("wrong.example"), ErrRefused)
	}
	b.good = "first" // at the other address
	wantError(t, through("wrong.example"), ErrRefused)
	if b.refusals != 1 {
		t.Errorf("asked %d times where it was refused", b.refusals)
	}
	want(t, through("right.example"), "access-1")
}

func TestABrokenChainIsSaidAndNotAskedForAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, b := &memory{}, &bank{good: "other", life: time.Hour}
		a, c := rotating(store, b, "first"), rotating(store, b, "first")
		for range 10 {
			wantError(t, a, ErrRefused)
			wantError(t, c, ErrRefused)
			time.Sleep(restAfter)
		}
		if b.refusals != 1 {
			t.Errorf("asked %d times", b.refusals)
		}
		b.mu.Lock()
		b.good = "first" // Zendesk had refused it for a while only
		b.mu.Unlock()
		time.Sleep(askAgain)
		want(t, a, "access-1")
		want(t, c, "access-1")
	})
}

func TestALostAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// Nothing arrived: the same refresh token works at the next try.
		store, b := &memory{}, &bank{good: "first", life: time.Hour, down: true}
		s := rotating(store, b, "first")
		wantError(t, s, ErrUnanswered)
		b.down = false
		time.Sleep(restAfter)
		want(t, s, "access-1")
		// It arrived, and its answer was lost with the next token.
		b.lose = true
		s.Refused("access-1")
		wantError(t, s, ErrUnanswered)
		time.Sleep(restAfter)
		other := rotating(store, b, "first")
		other.Refused("access-1") // Zendesk ended it with its refresh token
		if err := wantError(t, other, ErrRefused); err == nil || !strings.Contains(err.Error(), "never came") {
			t.Errorf("error = %v", err)
		}
		// A refusal of another kind says nothing of the refresh token.
		store, b = &memory{}, &bank{good: "first", life: time.Hour, otherFail: errors.New("invalid_client")}
		s = rotating(store, b, "first")
		wantError(t, s, b.otherFail)
		b.otherFail, b.good = nil, "other"
		time.Sleep(restAfter)
		if err := wantError(t, s, ErrRefused); strings.Contains(err.Error(), "never came") {
			t.Errorf("error = %v", err)
		}
	})
}

func TestAnAccessTokenIsNotUsedBeforeItsRefreshTokenIsStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, b := &memory{}, &bank{good: "first", life: time.Hour}
		b.onWork = func() { store.breaks(true) } // the store goes away during the exchange
		s := rotating(store, b, "first")
		if err := wantError(t, s, nil); !strings.Contains(err.Error(), "this process alone has") {
			t.Errorf("error = %v", err)
		}
		wantError(t, s, nil)
		store.breaks(false)
		// Another process, meanwhile, uses the old one, and notes that it is refused. That does not bury the new one.
		other := rotating(store, b, "first")
		time.Sleep(chainLease)
		store.leased = nil
		wantError(t, other, ErrRefused)
		want(t, s, "access-1")
		time.Sleep(restAfter)
		want(t, other, "access-1")
		if b.n != 1 {
			t.Errorf("%d exchanges", b.n)
		}
	})
}

func TestNothingIsExchangedWithoutTheStoreOrTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bank{good: "first", life: time.Hour}
		wantError(t, rotating(nil, b, "first"), errNoStore)
		wantError(t, rotating(&memory{broken: true}, b, "first"), nil)
		before := time.Now()
		store := &memory{leased: map[string]bool{"zendesk/acme": true}}
		wantError(t, rotating(store, b, "first"), errBusy)
		if took := time.Since(before); took > 7*time.Second {
			t.Errorf("waited %v", took)
		}
		failing := errors.New("ZENDESK_REFRESH_TOKEN is not set")
		wantError(t, NewRotating("n", fixed("secret"), func() (string, error) { return "", failing }, store, b.exchange), failing)
		wantError(t, NewRotating("n", func() (string, error) { return "", failing }, fixed("first"), store, b.exchange), failing)
		wantError(t, NewRotating("n", fixed(""), fixed("first"), store, b.exchange), errNoSecret)
		if b.n != 0 {
			t.Errorf("%d exchanges", b.n)
		}
	})
}

// A process that was stopped between its exchange and the store wakes up when another one has the lease.
func TestALateProcessFindsItsChainGoneOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, b := &memory{}, &bank{good: "first", life: time.Hour}
		late, other := rotating(store, b, "first"), rotating(store, b, "first")
		b.onWork = func() {
			b.onWork = nil
			store.mu.Lock()
			store.leased = nil // it slept over its lease
			store.mu.Unlock()
			b.mu.Unlock()
			wantError(t, other, ErrRefused)
			b.mu.Lock()
		}
		want(t, late, "access-1")
		time.Sleep(restAfter)
		want(t, other, "access-1")
	})
}

func TestAnIdleAccountKeepsItsRefreshToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, b := &memory{}, &bank{good: "first", life: time.Hour}
		a, c := rotating(store, b, "first"), rotating(store, b, "first")
		for range 24 * 60 { // sixty days, of refresh tokens that live thirty
			for _, s := range []*Source{a, c} {
				if err := s.Keep(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(time.Hour)
		}
		if b.n < 4 || b.n > 5 || b.refusals > 0 {
			t.Errorf("%d exchanges", b.n)
		}
		if err := NewSource("n", fixed("s"), nil, nil).Keep(t.Context()); err != nil {
			t.Error(err)
		}
		b.mu.Lock()
		n := b.n
		b.mu.Unlock()
		want(t, a, fmt.Sprintf("access-%d", n+1)) // the stored access token ended long ago
	})
}

func TestAServerThatDoesNotRotate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		s := NewRotating("n", fixed("secret"), fixed("first"), &memory{}, func(_ context.Context, refresh string) (Grant, error) {
			n++
			return Grant{Token: Token{Access: fmt.Sprintf("access-%d", n), ExpiresAt: time.Now().Add(time.Hour)}}, map[bool]error{true: nil, false: ErrRefused}[refresh == "first"]
		})
		want(t, s, "access-1")
		time.Sleep(time.Hour)
		want(t, s, "access-2")
	})
}

func TestAnExchangeIsFinishedAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, b := &memory{}, &bank{good: "first", life: time.Hour}
		s := rotating(store, b, "first")
		ctx, giveUp := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { _, err := s.Token(ctx); done <- err }()
		synctest.Wait()
		giveUp()
		<-done
		s.Finish()
		want(t, rotating(store, b, "first"), "access-1")
		if b.n != 1 {
			t.Errorf("%d exchanges", b.n)
		}
		NewSource("n", fixed("s"), nil, nil).Finish()
		b.takes = time.Minute
		s.Refused("access-1")
		go func() { _, err := s.Token(t.Context()); done <- err }()
		synctest.Wait()
		before := time.Now()
		s.Finish()
		if took := time.Since(before); took > takeOver+time.Second {
			t.Errorf("waited %v", took)
		}
		<-done
	})
}
