// Package token keeps the access token of one user for all processes that act for that user. iAdvize allows ten
// log-ins a minute and user, and a Zendesk refresh token is worth nothing once another process has used it.
//
// A token comes from a log-in, which may be repeated (NewSource), or from a refresh token, which works once (NewRotating).
package token

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// Token is what a log-in gives.
type Token struct {
	Access    string    `json:"access"`
	ExpiresAt time.Time `json:"expires_at"`
	IssuedAt  time.Time `json:"issued_at"`
}

// due tells whether the token should be renewed: when a tenth of its life is left, and at the latest 5 minutes before
// its end if it lives long enough for that.
func (t Token) due(now time.Time) bool {
	margin := min(t.ExpiresAt.Sub(t.IssuedAt)/10, maxMargin)
	return t.Access == "" || !now.Before(t.ExpiresAt.Add(-margin))
}

// usable tells whether the token still works, with a few seconds left for the call itself.
func (t Token) usable(now time.Time) bool {
	return t.Access != "" && now.Add(minMargin).Before(t.ExpiresAt)
}

const (
	maxMargin  = 5 * time.Minute
	minMargin  = 3 * time.Second
	logInLimit = 10 * time.Second // one log-in, and so one lease, takes no longer
	takeOver   = 5 * time.Second  // the process with the lease may be dead; after this its log-in is not waited for
	restAfter  = 10 * time.Second // after a log-in that failed: six a minute stay below iAdvize's ten
	pollEvery  = 250 * time.Millisecond
)

// Store keeps sealed tokens where every process sees them. Its methods must be safe for concurrent use.
type Store interface {
	// LoadToken gives nil when there is none.
	LoadToken(ctx context.Context, name string) ([]byte, error)
	SaveToken(ctx context.Context, name string, sealed []byte) error
	// LeaseToken gives the right to renew to one process at a time, for at most that long; ok is false while another
	// one has it.
	LeaseToken(ctx context.Context, name string, life time.Duration) (release func(), ok bool, err error)
	// LoadChain gives a sealed refresh token with the revision that SaveChain wants; nil and 0 when there is none. It
	// must be kept for 90 days at least, which is as long as a refresh token may live.
	LoadChain(ctx context.Context, name string) (sealed []byte, revision uint64, err error)
	// SaveChain replaces what LoadChain gave, durably; ok is false, and nothing is stored, when it changed meanwhile.
	SaveChain(ctx context.Context, name string, sealed []byte, revision uint64) (stored uint64, ok bool, err error)
}

// Source gives a user's token. Its methods may be called concurrently.
type Source struct {
	name   string
	secret func() (string, error)
	store  Store // may be nil: this process alone
	logIn  func(ctx context.Context) (Token, error)
	chain  *chain // instead of logIn
	now    func() time.Time

	flight singleflight.Group

	mu      sync.Mutex
	current Token     // guarded by mu
	refused string    // guarded by mu; a token that was answered 401
	rest    time.Time // guarded by mu; no log-in before
	failure error     // guarded by mu; why the last log-in failed
}

// NewSource makes the source of a user's token. The name tells the user apart from others in the store; the secret is
// the user's own, and whoever does not have it cannot read the stored token. It is asked for when it is needed; while
// it cannot be had nothing is shared. logIn gets a new token.
func NewSource(name string, secret func() (string, error), store Store, logIn func(ctx context.Context) (Token, error)) *Source {
	return &Source{name: name, secret: secret, store: store, logIn: logIn, now: time.Now}
}

// SetClock makes the source take the lives of tokens from another clock than the machine's. It must be called before
// the first use.
func (s *Source) SetClock(now func() time.Time) { s.now = now }

// Token gives a token that works as far as is known: the one in memory, another process's, or a new one. A log-in that
// failed is not tried again for some seconds; its error is given meanwhile.
func (s *Source) Token(ctx context.Context) (string, error) {
	s.mu.Lock()
	current, now := s.current, s.now()
	s.mu.Unlock()
	if !current.due(now) && !s.replaced(now) {
		return current.Access, nil
	}
	// The renewal has a context of its own, so that a caller who gives up fails nobody else.
	done := s.flight.DoChan("", func() (any, error) {
		if s.chain != nil {
			return s.rotate(context.WithoutCancel(ctx), s.fresh)
		}
		renewing, cancel := context.WithTimeout(context.WithoutCancel(ctx), takeOver+logInLimit)
		defer cancel()
		return s.renew(renewing)
	})
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case result := <-done:
		if result.Err == nil {
			return result.Val.(Token).Access, nil //nolint:forcetypeassert // renew gives nothing else
		}
		if current.usable(now) {
			return current.Access, nil // renewing early failed; there is time left
		}
		return "", result.Err
	}
}

// Refused says that the server answered 401 to that token. The next call of Token looks for another one.
func (s *Source) Refused(access string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refused = access
	if s.current.Access == access {
		s.current = Token{}
	}
}

func (s *Source) renew(ctx context.Context) (Token, error) {
	if t, ok := s.shared(ctx); ok {
		return s.keep(t), nil
	}
	if err := s.resting(); err != nil {
		return Token{}, err
	}
	release, err := s.lease(ctx)
	if err != nil {
		return Token{}, err
	}
	defer release()
	if t, ok := s.shared(ctx); ok { // another process renewed it while we waited
		return s.keep(t), nil
	}
	limited, cancel := context.WithTimeout(ctx, logInLimit)
	defer cancel()
	t, err := s.logIn(limited)
	if err != nil {
		return Token{}, s.failed(err)
	}
	if t.IssuedAt.IsZero() {
		t.IssuedAt = s.now()
	}
	s.share(ctx, t)
	return s.keep(t), nil
}

// failed notes why there is no new token, so that it is not tried again at once.
func (s *Source) failed(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rest, s.failure = s.now().Add(restAfter), err
	return err
}

func (s *Source) resting() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.now().Before(s.rest) {
		return s.failure
	}
	return nil
}

func (s *Source) keep(t Token) Token {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current, s.failure = t, nil
	return t
}

// lease waits for the right to renew. Without a store, when it fails, or when the process with the right does not
// finish, this process renews for itself: a log-in too many is better than none.
func (s *Source) lease(ctx context.Context) (release func(), err error) {
	if s.store == nil {
		return func() {}, nil
	}
	patience := time.NewTimer(takeOver)
	defer patience.Stop()
	for {
		release, ok, err := s.store.LeaseToken(ctx, s.name, logInLimit)
		if err != nil {
			return func() {}, nil
		}
		if ok {
			return release, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for another process to renew the token %s: %w", s.name, ctx.Err())
		case <-patience.C:
			return func() {}, nil
		case <-time.After(pollEvery):
			if t, ok := s.shared(ctx); ok {
				s.keep(t)
				return func() {}, nil
			}
		}
	}
}

// shared gives another process's token, unless it is old, or known to be refused.
func (s *Source) shared(ctx context.Context) (Token, bool) {
	if s.store == nil {
		return Token{}, false
	}
	sealed, err := s.store.LoadToken(ctx, s.name)
	if err != nil || sealed == nil {
		return Token{}, false
	}
	seal, err := s.seal(s.name)
	if err != nil {
		return Token{}, false
	}
	var t Token
	if err := seal.open(sealed, &t); err != nil {
		return Token{}, false // sealed with another secret: it was changed since
	}
	return t, s.good(t)
}

// good tells whether a token works as far as is known and need not be renewed yet.
func (s *Source) good(t Token) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !t.due(s.now()) && t.Access != s.refused
}

// seal gives what seals under that name. It is made anew each time, because the secret may change.
func (s *Source) seal(name string) (seal, error) {
	secret, err := s.secret()
	if err != nil {
		return seal{}, err
	}
	return newSeal(name, secret)
}

// share keeps the new token for the others. If that fails they log in themselves.
func (s *Source) share(ctx context.Context, t Token) {
	if s.store == nil {
		return
	}
	seal, err := s.seal(s.name)
	if err != nil {
		return
	}
	if sealed, err := seal.close(t); err == nil {
		_ = s.store.SaveToken(ctx, s.name, sealed)
	}
}
