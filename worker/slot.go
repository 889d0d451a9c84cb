package worker

import (
	"context"
	"sync"
	"time"
)

// slots bound how many events are in work, live or as candidates for bulk jobs. An event whose answers are late gives its
// slot to another one and goes on beside: otherwise a few accounts that do not answer would hold all slots. How many go on
// beside is bounded too.
type slots struct {
	inside chan struct{}
	beside chan struct{}
	after  time.Duration
}

const besidePerSlot = 32

func newSlots(n, beside int, after time.Duration) *slots {
	return &slots{inside: make(chan struct{}, n), beside: make(chan struct{}, beside), after: after}
}

// wait takes a slot for what comes next. It gives false when ctx ends before.
func (s *slots) wait(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case s.inside <- struct{}{}:
		return true
	}
}

// free tells how many are free. That changes at once, and grows but for what wait takes.
func (s *slots) free() int { return cap(s.inside) - len(s.inside) }

// giveUp gives a slot back that was not used.
func (s *slots) giveUp() { <-s.inside }

// use begins the work for which the slot was taken. done ends it.
func (s *slots) use() (done func()) {
	var mu sync.Mutex
	ended, beside := false, false
	timer := time.AfterFunc(s.after, func() {
		mu.Lock()
		defer mu.Unlock()
		if ended {
			return
		}
		select {
		case s.beside <- struct{}{}:
			beside = true
			<-s.inside
		default: // too many already: it keeps its slot
		}
	})
	return func() {
		mu.Lock()
		defer mu.Unlock()
		ended = true
		timer.Stop()
		if beside {
			<-s.beside
		} else {
			<-s.inside
		}
	}
}
