package main

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/google/uuid"

	"passerelle/pkg/queue"
	"passerelle/pkg/site"
)

// stance is what this process answers to those who ask for the configuration that it has in force.
type stance struct {
	host, id string
	roles    []string

	mu      *sync.Mutex
	refused uint64 // guarded by mu; the applied revision that could not be used, 0: none
	why     string // guarded by mu
}

func newStance(roles []string) stance {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return stance{host: fmt.Sprintf("%s/%d", host, os.Getpid()), id: uuid.NewString(), roles: roles, mu: &sync.Mutex{}}
}

// standing tells what is in force here.
func (s *service) standing() queue.Standing {
	s.stance.mu.Lock()
	defer s.stance.mu.Unlock()
	return queue.Standing{
		Process: s.stance.host, ID: s.stance.id, Roles: s.stance.roles, Revision: s.works.directory.Applied().Revision,
		Content: s.works.directory.Config().Revision, Refused: s.stance.refused, Why: s.stance.why,
	}
}

// followApplied puts in force what is applied, until ctx ends.
func (s *service) followApplied(ctx context.Context) {
	stop, err := s.queue.AnswerStanding(s.standing)
	if err != nil {
		s.log.Warn().Err(err).Msg("passerelle sites apply will not hear of this process")
	} else {
		defer stop()
	}
	if stop, err := s.queue.AnswerInForce(s.stance.id, s.inForceHere); err != nil {
		s.log.Warn().Err(err).Msg("commands whose configuration file is bad will not learn from this process what is in force")
	} else {
		defer stop()
	}
	f := &appliedFollower{service: s}
	var again sync.WaitGroup
	defer again.Wait()
	again.Go(func() { f.tryAgain(ctx) })
	s.queue.FollowConfig(ctx, f.applied)
}

// secretsEvery is how often the references of a configuration that is not in force for want of them are tried again.
const secretsEvery = 2 * time.Second

// appliedFollower puts in force what is applied. One whose references cannot be resolved waits for them: a file may
// come later than the process.
type appliedFollower struct {
	*service

	mu     sync.Mutex
	waits  *site.Config        // guarded by mu; nil: none
	origin queue.AppliedConfig // guarded by mu; of waits
}

// applied puts an applied configuration in force, or the file when it was taken back.
func (f *appliedFollower) applied(a queue.AppliedConfig, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.waits = nil
	if err == nil && a.Content == nil {
		f.accept()
		if f.works.directory.Unapply() {
			f.log.Info().Msg("the applied configuration was taken back: the file is in force again")
		}
		return
	}
	if err == nil && f.works.directory.Applied() == originOf(a) { // since the start, whatever it lacks
		f.accept()
		return
	}
	var config *site.Config
	if err == nil {
		defer giveBack()
		config, err = site.Parse(a.Name, a.Content)
	}
	if err != nil {
		f.refused(a, err)
		return
	}
	f.use(a, config)
}

// use puts a sound one in force, or lets it wait. It is called with mu held.
func (f *appliedFollower) use(a queue.AppliedConfig, config *site.Config) {
	if err := config.Resolvable(usesOf(f.stance.roles)); err != nil {
		f.waits, f.origin = config, a
		f.refused(a, err)
		return
	}
	f.waits = nil
	f.accept()
	f.works.directory.Apply(originOf(a), config)
	f.log.Info().Uint64("applied", a.Revision).Str("revision", config.Revision).Int("sites", len(config.Sites)).Msg("applied configuration in force")
	reportSecrets(config, f.log)
	f.warnOfAPITokens(config)
}

func (f *appliedFollower) tryAgain(ctx context.Context) {
	ticker := time.NewTicker(secretsEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		f.mu.Lock()
		if f.waits != nil {
			f.use(f.origin, f.waits)
		}
		f.mu.Unlock()
	}
}

// refused notes and tells that this process cannot use an applied configuration.
func (s *service) refused(a queue.AppliedConfig, err error) {
	s.stance.mu.Lock()
	news := s.stance.refused < a.Revision
	if news {
		s.stance.refused, s.stance.why = a.Revision, err.Error()
	}
	s.stance.mu.Unlock()
	if news {
		s.log.Error().Err(err).Uint64("applied", a.Revision).Msg("the applied configuration is refused; the old one stays in force")
	}
}

func (s *service) accept() {
	s.stance.mu.Lock()
	defer s.stance.mu.Unlock()
	s.stance.refused, s.stance.why = 0, ""
}
