package token

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// memory is a store shared by the sources of one test.
type memory struct {
	mu     sync.Mutex
	sealed map[string][]byte
	leased map[string]bool
	broken bool

	revisions map[string]uint64
}

func (m *memory) LoadToken(_ context.Context, name string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken {
		return nil, errors.New("broken")
	}
	return m.sealed[name], nil
}

func (m *memory) SaveToken(_ context.Context, name string, sealed []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.sealed == nil {
		m.sealed = map[string][]byte{}
	}
	m.sealed[name] = sealed
	return nil
}

func (m *memory) LeaseToken(_ context.Context, name string, _ time.Duration) (func(), bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken {
		return nil, false, errors.New("broken")
	}
	if m.leased[name] {
		return nil, false, nil
	}
	m.leased = map[string]bool{name: true}
	return func() { m.mu.Lock(); defer m.mu.Unlock(); m.leased[name] = false }, true, nil
}

// desk counts log-ins.
type desk struct {
	mu   sync.Mutex
	n    int
	life time.Duration
	err  error
}

func (d *desk) logIn(context.Context) (Token, error) {
	time.Sleep(time.Second) // on the bubble's clock
	d.mu.Lock()
	defer d.mu.Unlock()
	d.n++
	if d.err != nil {
		return Token{}, d.err
	}
	return Token{Access: fmt.Sprintf("token-%d", d.n), ExpiresAt: time.Now().Add(d.life)}, nil
}

func TestOneLogInServesAllProcesses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, d := &memory{}, &desk{life: 5 * time.Minute}
		var sources []*Source
		for range 4 {
			sources = append(sources, NewSource("iadvize/main", fixed("secret"), store, d.logIn))
		}
		// Fifteen minutes with a token of five: each ends at nine tenths of its life.
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
		if d.n < 3 || d.n > 5 {
			t.Errorf("%d log-ins in fifteen minutes, want one a renewal", d.n)
		}
	})
}

func TestARefusedTokenIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, d := &memory{}, &desk{life: time.Hour}
		a, b := NewSource("n", fixed("secret"), store, d.logIn), NewSource("n", fixed("secret"), store, d.logIn)
		first, err := a.Token(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if same, err := b.Token(t.Context()); err != nil || same != first {
			t.Fatalf("token = %s, %v; want the shared one", same, err)
		}
		a.Refused(first)
		second, err := a.Token(t.Context())
		if err != nil || second == first {
			t.Fatalf("token = %s, %v; want another one", second, err)
		}
		b.Refused(first)
		if got, err := b.Token(t.Context()); err != nil || got != second || d.n != 2 {
			t.Errorf("token = %s, %v after %d log-ins; want the renewed one", got, err, d.n)
		}
	})
}

func TestAnotherSecretDoesNotReadTheToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, d := &memory{}, &desk{life: time.Hour}
		for i, secret := range []string{"old", "new"} {
			if _, err := NewSource("n", fixed(secret), store, d.logIn).Token(t.Context()); err != nil || d.n != i+1 {
				t.Errorf("%s: %d log-ins, %v", secret, d.n, err)
			}
		}
	})
}

func TestLogInsThatFailAreSpaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &desk{life: time.Hour, err: errors.New("refused")}
		s := NewSource("n", fixed("secret"), nil, d.logIn)
		for range 60 {
			if _, err := s.Token(t.Context()); err == nil {
				t.Fatal("no error")
			}
			time.Sleep(time.Second)
		}
		if d.n > 7 {
			t.Errorf("%d log-ins in a minute, want at most 7", d.n)
		}
		d.err = nil
		time.Sleep(restAfter)
		if _, err := s.Token(t.Context()); err != nil {
			t.Error(err)
		}
		d.err = errors.New("refused") // an early renewal that fails leaves the old token in use
		time.Sleep(56 * time.Minute)
		if _, err := s.Token(t.Context()); err != nil {
			t.Errorf("with four minutes left: %v", err)
		}
	})
}

func TestAStoreThatFailsCostsALogIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &desk{life: time.Hour}
		if _, err := NewSource("n", fixed("secret"), &memory{broken: true}, d.logIn).Token(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestACallerThatGivesUpFailsNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &desk{life: time.Hour}
		s := NewSource("n", fixed("secret"), nil, d.logIn)
		ctx, cancel := context.WithCancel(t.Context())
		gaveUp, got := make(chan error), make(chan error)
		go func() { _, err := s.Token(ctx); gaveUp <- err }()
		synctest.Wait()
		go func() { _, err := s.Token(t.Context()); got <- err }()
		synctest.Wait()
		cancel()
		if err := <-gaveUp; !errors.Is(err, context.Canceled) {
			t.Errorf("error = %v", err)
		}
		if err := <-got; err != nil || d.n != 1 {
			t.Errorf("error = %v after %d log-ins", err, d.n)
		}
	})
}

func TestALeaseOfADeadProcessIsNotWaitedForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, d := &memory{leased: map[string]bool{"n": true}}, &desk{life: time.Hour}
		before := time.Now()
		if _, err := NewSource("n", fixed("secret"), store, d.logIn).Token(t.Context()); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(before); took > 7*time.Second {
			t.Errorf("took %v", took)
		}
	})
}
