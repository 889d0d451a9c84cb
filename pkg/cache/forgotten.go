package cache

import (
	"sync"
	"time"
)

// maxForgotten bounds the keys whose forgetting is remembered one by one.
const maxForgotten = 4096

// forgotten knows what may no longer be used although it is on its way: loads that began before their key was
// forgotten, and values that Redis still holds because the deletion did not reach it. It is safe for concurrent use.
type forgotten struct {
	life time.Duration // how long a value may survive in Redis

	mu      sync.Mutex
	loading map[string][]*loading
	at      map[string]time.Time
	floor   time.Time // everything loaded before this counts as forgotten
}

// loading is one load under way. Its fields belong to the forgotten that made it.
type loading struct {
	key       string
	forgotten bool
}

func newForgotten(life time.Duration) *forgotten {
	return &forgotten{life: life, loading: map[string][]*loading{}, at: map[string]time.Time{}}
}

// begin registers a load. The caller must end it.
func (f *forgotten) begin(key string) *loading {
	f.mu.Lock()
	defer f.mu.Unlock()
	load := &loading{key: key}
	f.loading[key] = append(f.loading[key], load)
	return load
}

func (f *forgotten) end(load *loading) {
	f.mu.Lock()
	defer f.mu.Unlock()
	// A second load of a key runs beside the first only after Forget, so this list is one or two long.
	var left []*loading
	for _, other := range f.loading[load.key] {
		if other != load {
			left = append(left, other)
		}
	}
	if left == nil {
		delete(f.loading, load.key)
		return
	}
	f.loading[load.key] = left
}

// add marks the loads of key under way, and what Redis holds for it from before now.
func (f *forgotten) add(key string, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, load := range f.loading[key] {
		load.forgotten = true
	}
	if f.life <= 0 {
		return
	}
	if len(f.at) >= maxForgotten {
		f.prune(now)
	}
	f.at[key] = now
}

// prune drops what Redis cannot hold any more. When that is not enough, it forgets everything loaded so far rather
// than letting one old value through.
func (f *forgotten) prune(now time.Time) {
	for key, at := range f.at {
		if now.Sub(at) >= f.life {
			delete(f.at, key)
		}
	}
	if len(f.at) >= maxForgotten {
		clear(f.at)
		f.floor = now
	}
}

// covers says whether a value of key that was loaded at that time has been forgotten since.
func (f *forgotten) covers(key string, loadedAt time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return loadedAt.Before(f.floor) || loadedAt.Before(f.at[key])
}

// since says whether the key of load was forgotten since it began.
func (f *forgotten) since(load *loading) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return load.forgotten
}

// unlessForgotten calls store unless the key of load was forgotten since it began. No key is forgotten meanwhile.
func (f *forgotten) unlessForgotten(load *loading, store func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !load.forgotten {
		store()
	}
}
