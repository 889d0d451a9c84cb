package main

import (
	"context"
	"fmt"
	"os"
	"sync"

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
	s.queue.FollowConfig(ctx, s.applied)
}

// applied puts an applied configuration in force, or the file when it was taken back.
func (s *service) applied(a queue.AppliedConfig, err error) {
	if err == nil && a.Content == nil {
		s.accept()
		if s.works.directory.Unapply() {
			s.log.Info().Msg("the applied configuration was taken back: the file is in force again")
		}
		return
	}
	var config *site.Config
	if err == nil {
		config, err = s.works.directory.Apply(originOf(a), a.Content)
	}
	if err != nil {
		s.refused(a, err)
		return
	}
	s.accept()
	if config != nil {
		s.log.Info().Uint64("applied", a.Revision).Str("revision", config.Revision).Int("sites", len(config.Sites)).Msg("applied configuration in force")
		reportSecrets(config, s.log)
		s.warnOfAPITokens(config)
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
