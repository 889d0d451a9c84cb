package ingest

import (
	"context"
	"sync"
	"time"

	"passerelle/pkg/queue"
)

const (
	settleTime = 15 * time.Second // for writing down that a sweep ended
	sweepRetry = 5 * time.Second  // after the store failed
)

// Run waits for this process's turn to sweep, again and again, until ctx ends. It sets the alarm clock at the start if a
// sweep is due, and whenever it finds that the alarm was lost.
func (s *Sweep) Run(ctx context.Context) {
	var loops sync.WaitGroup
	loops.Go(func() { s.heal(ctx) })
	loops.Go(func() { s.turns(ctx) })
	loops.Wait()
}

// heal looks after the alarm clock.
func (s *Sweep) heal(ctx context.Context) {
	tick := time.NewTicker(s.Every)
	defer tick.Stop()
	for {
		s.report(ctx, "alarm clock", s.healOnce(ctx))
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (s *Sweep) healOnce(ctx context.Context) error {
	alarm, err := s.store.SweepAlarm(ctx)
	if err != nil || alarm.Rang {
		return err // whoever has the right to sweep sets the next alarm; it comes back if its process dies
	}
	due, now := alarm.Swept.Add(s.Every), s.now()
	switch {
	case !now.Before(due):
		return s.store.RingSweep(ctx, now)
	case !alarm.Set:
		return s.store.RingSweep(ctx, due)
	default:
		return nil
	}
}

// turns sweeps whenever it is this process's turn.
func (s *Sweep) turns(ctx context.Context) {
	for ctx.Err() == nil {
		s.report(ctx, "turn", s.takeTurns(ctx))
		select {
		case <-ctx.Done():
		case <-time.After(sweepRetry):
		}
	}
}

func (s *Sweep) takeTurns(ctx context.Context) error {
	runs, err := s.store.SweepRuns(ctx)
	if err != nil {
		return err
	}
	defer runs.Close()
	for {
		run, err := runs.Next(ctx)
		if err != nil {
			return err
		}
		s.report(ctx, "turn", s.turn(ctx, run))
	}
}

// turn sweeps and sets the next alarm. A process that dies in between gives its turn to another one.
func (s *Sweep) turn(ctx context.Context, run queue.SweepRun) error {
	alarm, err := s.store.SweepAlarm(ctx)
	if err == nil && run.At.Before(alarm.Swept) {
		return run.Drop(ctx) // two alarms rang, and the other one's sweep has ended by now
	}
	start := s.now()
	if err == nil {
		stop := queue.KeepWorking(run)
		err = s.sweep(ctx)
		stop()
	}
	settle, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	if ctx.Err() != nil {
		return run.GiveBack(0)
	}
	if err == nil {
		err = s.store.RingSweep(settle, later(start.Add(s.Every), s.now()))
	}
	if err == nil {
		err = run.Done(settle, s.store)
	}
	if err != nil {
		_ = run.GiveBack(sweepRetry) // at worst it comes back by itself
		return err
	}
	s.log.Debug().Dur("took_ms", s.now().Sub(start)).Msg("sweep ended")
	return nil
}

// report logs trouble with the store when it is news.
func (s *Sweep) report(ctx context.Context, of string, err error) {
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		s.trouble("", of, err)
	} else {
		s.well(of)
	}
}
