package queue

import (
	"sync"
	"time"
)

// WorkingEvery is how often the server must be told that the work on something that it lent goes on.
const WorkingEvery = ackWait / 3

// KeepWorking tells the server from time to time that the work on an event or a run goes on, until stop is called, once.
func KeepWorking(lent interface{ Working() error }) (stop func()) {
	ticker := time.NewTicker(WorkingEvery)
	done := make(chan struct{})
	var wait sync.WaitGroup
	wait.Go(func() {
		for {
			select {
			case <-done:
				return
			case <-ticker.C:
				_ = lent.Working() // the next one may get through; what was lent comes back after three of them
			}
		}
	})
	return func() { ticker.Stop(); close(done); wait.Wait() }
}
