package token

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Grant is what the exchange of a refresh token gives.
type Grant struct {
	Token
	Refresh          string    // the next refresh token; empty: the one that was used stays good
	RefreshExpiresAt time.Time // zero: not known
}

// What exchange gives must wrap one of these where it fits.
var (
	// ErrRefused says that the refresh token was used, was revoked or has expired. A person must get a new one.
	ErrRefused = errors.New("the refresh token was refused")
	// ErrUnanswered says that the refresh token may be used up, because there was no answer that tells.
	ErrUnanswered = errors.New("the exchange has no answer")
)

var (
	errNoStore = errors.New("a refresh token works once, and there is no store to keep the next one in")
	errBusy    = errors.New("another process is renewing the token")
	errMoving  = errors.New("other processes keep changing the stored refresh token")
)

// Times of an exchange. Whoever has the lease must be done before it ends, with the answer and with storing it; so a
// second process never uses a refresh token that a first one may still be using.
const (
	chainLease    = 60 * time.Second
	exchangeLimit = 20 * time.Second
	storeLimit    = 30 * time.Second
	storeEvery    = 250 * time.Millisecond
	finishEvery   = 50 * time.Millisecond
	lookEvery     = 5 * time.Second  // for another first refresh token
	askAgain      = 15 * time.Minute // whether a refresh token that was refused still is
	chainTries    = 5                // of writing the intent, while others write
)

// link is what is stored of a chain of refresh tokens: the newest one, and the access token that came with it. Both
// are one record, so that none is ever stored without the other.
type link struct {
	Refresh   string    `json:"refresh"`
	RefreshAt time.Time `json:"refresh_at,omitzero"` // when it was given out
	RefreshBy time.Time `json:"refresh_by,omitzero"` // when it ends; zero: not known
	Token     Token     `json:"token"`
	// TriedAt is when an exchange of Refresh began whose end nobody has written down: its process may have died, or its
	// answer was lost, and with it the next refresh token.
	TriedAt   time.Time `json:"tried_at,omitzero"`
	RefusedAt time.Time `json:"refused_at,omitzero"` // when Refresh was refused
	RefusedTo string    `json:"refused_to,omitzero"` // and to whom, where; see SetWay
}

// old tells whether the refresh token has lived half its life.
func (l link) old(now time.Time) bool {
	return l.RefreshBy.IsZero() || now.After(l.RefreshAt.Add(l.RefreshBy.Sub(l.RefreshAt)/2))
}

// chain is how a source renews by refresh tokens.
type chain struct {
	first    func() (string, error)
	exchange func(ctx context.Context, refresh string) (Grant, error)
	way      func() string // nil: always the same
	one      sync.Mutex    // held during a renewal

	// guarded by Source.mu
	key     string    // of the chain that current comes from
	looked  time.Time // at first
	pending *waiting
}

// waiting is a link that could not be stored yet. Its refresh token exists nowhere else.
type waiting struct {
	key, used string
	next      link
}

// NewRotating makes the source of a user's token that is renewed by refresh tokens, of which each works once. first
// gives the one that a person put into the configuration; exchange uses one. The newest refresh token is stored, sealed,
// before the access token that came with it is used. At most one process at a time exchanges; without the store nothing
// is exchanged at all.
//
// Each first refresh token has a chain of its own in the store. A new one therefore goes before whatever was stored,
// and a process that does not have it yet goes on with the old chain and disturbs nobody.
//
// What cannot be had back is a refresh token whose answer was lost, or whose process died between the answer and the
// store, some milliseconds later. The stored one is then tried again; if it was used up, the error wraps ErrRefused.
func NewRotating(name string, secret, first func() (string, error), store Store, exchange func(ctx context.Context, refresh string) (Grant, error)) *Source {
	return &Source{name: name, secret: secret, store: store, chain: &chain{first: first, exchange: exchange}, now: time.Now}
}

// Keep renews a refresh token that has lived half its life, so that an account without work keeps it, and uses a first
// one that was never used. It does nothing for other sources. It is meant to be called every hour or so.
func (s *Source) Keep(ctx context.Context) error {
	if s.chain == nil {
		return nil
	}
	// An exchange is not broken off: its answer is worth more than the time.
	_, err := s.rotate(context.WithoutCancel(ctx), func(at link) bool {
		return at.Token.Access != "" && at.RefusedAt.IsZero() && !at.old(s.now())
	})
	return err
}

// SetWay says by what an exchange is made beside the refresh token, as the address and the client's name: what was refused
// to one that was wrong is asked again when it is another one. It must be called before the first use of a rotating source.
func (s *Source) SetWay(way func() string) { s.chain.way = way }

// way is stored beside a refusal, and tells nobody what it is made of.
func (s *Source) way() string {
	if s.chain.way == nil {
		return ""
	}
	sum := sha256.Sum256([]byte(s.chain.way()))
	return hex.EncodeToString(sum[:8])
}

// Finish waits for an exchange in progress, for a few seconds at most. A process that ends in the middle of one loses
// its refresh token.
func (s *Source) Finish() {
	if s.chain == nil {
		return
	}
	for end := time.Now().Add(takeOver); time.Now().Before(end); <-time.After(finishEvery) {
		if s.chain.one.TryLock() {
			s.chain.one.Unlock()
			return
		}
	}
}

// fresh tells whether the link's access token will do.
func (s *Source) fresh(at link) bool { return s.good(at.Token) }

// replaced tells whether the configuration has another first refresh token than the one that the current token comes
// from. It looks at most every few seconds.
func (s *Source) replaced(now time.Time) bool {
	if s.chain == nil {
		return false
	}
	s.mu.Lock()
	key, due := s.chain.key, now.Sub(s.chain.looked) >= lookEvery
	if due {
		s.chain.looked = now
	}
	s.mu.Unlock()
	if !due || key == "" {
		return false
	}
	_, newest, err := s.origin()
	return err == nil && newest != key
}

// origin gives the first refresh token and the name of its chain in the store.
func (s *Source) origin() (first, key string, err error) {
	if first, err = s.chain.first(); err != nil {
		return "", "", err
	}
	secret, err := s.secret()
	if err != nil {
		return "", "", err
	}
	mark, err := fingerprint(secret, s.name, first)
	return first, s.name + "/refresh/" + mark, err
}

// rotate gives the stored access token if it will do, and otherwise exchanges the stored refresh token.
func (s *Source) rotate(ctx context.Context, enough func(link) bool) (Token, error) {
	if s.store == nil {
		return Token{}, errNoStore
	}
	s.chain.one.Lock()
	defer s.chain.one.Unlock()
	first, key, err := s.origin()
	if err != nil {
		return Token{}, err
	}
	if at, _, err := s.load(ctx, key); err == nil && at.Refresh != "" && enough(at) {
		return s.follow(key, at), nil
	}
	if err := s.storePending(ctx, key); err != nil {
		return Token{}, err
	}
	if err := s.resting(); err != nil {
		return Token{}, err
	}
	claimed, cancel := context.WithTimeout(ctx, chainLease-storeLimit)
	defer cancel()
	release, at, err := s.claim(claimed, key, enough)
	if err != nil {
		return Token{}, err
	}
	if release == nil {
		return s.follow(key, at), nil // another process was quicker
	}
	defer release()
	t, err := s.exchange(claimed, first, key, enough)
	if err != nil {
		return Token{}, s.failed(err)
	}
	return t, nil
}

// claim waits for the lease, or for what another process stores meanwhile: then release is nil. It never goes on
// without the lease, because two exchanges of one refresh token break the chain.
func (s *Source) claim(ctx context.Context, key string, enough func(link) bool) (release func(), at link, err error) {
	patience := time.NewTimer(takeOver)
	defer patience.Stop()
	for {
		release, ok, err := s.store.LeaseToken(ctx, s.name, chainLease)
		if err != nil {
			return nil, link{}, fmt.Errorf("renew the token %s: %w", s.name, err)
		}
		if ok {
			return release, link{}, nil
		}
		select {
		case <-patience.C:
			return nil, link{}, fmt.Errorf("renew the token %s: %w", s.name, errBusy)
		case <-time.After(pollEvery):
			if at, _, err := s.load(ctx, key); err == nil && at.Refresh != "" && enough(at) {
				return nil, at, nil
			}
		}
	}
}

// exchange uses the newest refresh token. The caller has the lease, and ctx ends well before it.
func (s *Source) exchange(ctx context.Context, first, key string, enough func(link) bool) (Token, error) {
	for range chainTries {
		at, revision, err := s.load(ctx, key)
		if err != nil {
			return Token{}, fmt.Errorf("read the refresh token of %s: %w", s.name, err)
		}
		if at.Refresh != "" && enough(at) {
			return s.follow(key, at), nil
		}
		if at.Refresh == "" {
			at.Refresh = first
		}
		now := s.now()
		if !at.RefusedAt.IsZero() && now.Before(at.RefusedAt.Add(askAgain)) && at.RefusedTo == s.way() {
			return Token{}, fmt.Errorf("%w at %s", ErrRefused, at.RefusedAt.UTC().Format(time.RFC3339))
		}
		// The intent is written first: a store that takes it will most likely take the answer too, and what was read from
		// a replica that lags behind is found out before it is used.
		lost := at.TriedAt
		at.TriedAt, at.RefusedAt = now, time.Time{}
		revision, ok, err := s.save(ctx, key, at, revision)
		if err != nil {
			return Token{}, fmt.Errorf("store before the refresh token of %s is used: %w", s.name, err)
		}
		if !ok { // it was read late, or a process without the lease stored the late answer to its exchange
			select {
			case <-ctx.Done():
			case <-time.After(storeEvery):
			}
			continue
		}
		limited, cancel := context.WithTimeout(ctx, exchangeLimit)
		grant, err := s.chain.exchange(limited, at.Refresh)
		cancel()
		switch {
		case err == nil:
			return s.advance(ctx, key, at, grant, revision)
		case errors.Is(err, ErrRefused):
			return s.refuse(ctx, key, at, lost, revision, err)
		case errors.Is(err, ErrUnanswered):
			return Token{}, err
		default: // it was answered, and the refresh token is what it was
			at.TriedAt = lost
			s.note(ctx, key, at, revision)
			return Token{}, err
		}
	}
	return Token{}, fmt.Errorf("renew the token %s: %w", s.name, errMoving)
}

// advance stores what an exchange gave, and only then gives the access token out.
func (s *Source) advance(ctx context.Context, key string, at link, grant Grant, revision uint64) (Token, error) {
	now := s.now()
	next := link{Refresh: grant.Refresh, RefreshAt: now, RefreshBy: grant.RefreshExpiresAt, Token: grant.Token}
	if next.Refresh == "" {
		next.Refresh = at.Refresh
	}
	if next.Token.IssuedAt.IsZero() {
		next.Token.IssuedAt = now
	}
	s.mu.Lock()
	s.chain.pending = &waiting{key: key, used: at.Refresh, next: next}
	s.mu.Unlock()
	return s.settle(ctx, revision)
}

// settle stores the pending link. The store may be out of reach for a while, and a process that took the lease over
// may have written its own intent or a refusal meanwhile; neither may cost the only copy of the next refresh token.
func (s *Source) settle(ctx context.Context, revision uint64) (Token, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeLimit)
	defer cancel()
	s.mu.Lock()
	p := s.chain.pending
	s.mu.Unlock()
	for {
		_, ok, err := s.save(ctx, p.key, p.next, revision)
		if err == nil && !ok {
			revision, ok, err = s.yield(ctx, p)
		}
		if err == nil && ok {
			break
		}
		if err == nil {
			continue
		}
		select {
		case <-ctx.Done():
			return Token{}, fmt.Errorf("store the new refresh token of %s, which this process alone has: %w", s.name, err)
		case <-time.After(storeEvery):
		}
	}
	s.mu.Lock()
	s.chain.pending = nil
	s.mu.Unlock()
	return s.follow(p.key, p.next), nil
}

// yield looks at what was stored in between. done is true when nothing is left to store.
func (s *Source) yield(ctx context.Context, p *waiting) (revision uint64, done bool, err error) {
	there, revision, err := s.load(ctx, p.key)
	switch {
	case err != nil:
		return 0, false, err
	case there.Refresh == p.next.Refresh && there.Token.Access == p.next.Token.Access:
		return revision, true, nil // an earlier try got through without its answer
	case there.Refresh == p.used, there.Refresh == "":
		return revision, false, nil
	default:
		p.next = there // the other one's grant is the newer one
		return revision, true, nil
	}
}

// storePending tries again to store what an earlier exchange gave.
func (s *Source) storePending(ctx context.Context, key string) error {
	s.mu.Lock()
	p := s.chain.pending
	s.mu.Unlock()
	if p == nil {
		return nil
	}
	_, revision, err := s.load(ctx, p.key)
	if err == nil {
		_, err = s.settle(ctx, revision)
	}
	if err != nil && p.key != key {
		return nil // a new first refresh token has come meanwhile
	}
	return err
}

// refuse notes that a refresh token is worth nothing, unless the chain has gone on meanwhile.
func (s *Source) refuse(ctx context.Context, key string, at link, lost time.Time, revision uint64, cause error) (Token, error) {
	if there, _, err := s.load(ctx, key); err == nil && there.Refresh != at.Refresh {
		if s.fresh(there) {
			return s.follow(key, there), nil
		}
		return Token{}, fmt.Errorf("renew the token %s: %w", s.name, errMoving)
	}
	at.TriedAt, at.RefusedAt, at.RefusedTo = time.Time{}, s.now(), s.way()
	s.note(ctx, key, at, revision)
	if !lost.IsZero() {
		cause = fmt.Errorf("%w; the answer to the exchange of %s never came", cause, lost.UTC().Format(time.RFC3339))
	}
	return Token{}, cause
}

// follow makes the link's access token the current one, if it will do.
func (s *Source) follow(key string, at link) Token {
	if !s.fresh(at) {
		return at.Token
	}
	s.mu.Lock()
	s.chain.key, s.chain.looked = key, s.now()
	s.mu.Unlock()
	return s.keep(at.Token)
}

func (s *Source) load(ctx context.Context, key string) (link, uint64, error) {
	sealed, revision, err := s.store.LoadChain(ctx, key)
	if err != nil || sealed == nil {
		return link{}, revision, err
	}
	seal, err := s.seal(key)
	if err != nil {
		return link{}, 0, err
	}
	var at link
	err = seal.open(sealed, &at)
	return at, revision, err
}

func (s *Source) save(ctx context.Context, key string, at link, revision uint64) (uint64, bool, error) {
	seal, err := s.seal(key)
	if err != nil {
		return 0, false, err
	}
	sealed, err := seal.close(at)
	if err != nil {
		return 0, false, err
	}
	return s.store.SaveChain(ctx, key, sealed, revision)
}

// note stores what is good to know. Without it the next one asks Zendesk again.
func (s *Source) note(ctx context.Context, key string, at link, revision uint64) {
	_, _, _ = s.save(ctx, key, at, revision) //nolint:dogsled // see above
}
