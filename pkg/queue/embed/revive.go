package embed

import (
	"errors"
	"os"
	"strings"
	"time"
)

const (
	reviveEvery = 3 * time.Second
	reviveRoom  = 1 << 20 // bytes that can be written before another start is worth it
)

// keepWritable starts the server again when it gave a stream up. After a write that failed, as on a full disk, nats-server
// never writes to that stream again, and leaves its publishers without an answer, though there may be room long since. Its
// clients connect again by themselves.
func (s *Server) keepWritable(o Options) {
	tick := time.NewTicker(reviveEvery)
	defer tick.Stop()
	for {
		select {
		case <-s.closing:
			return
		case <-tick.C:
		}
		// Healthz knows more troubles; a start helps against this one.
		trouble := s.Healthy()
		gaveUp := s.nats.Load() == nil || trouble != nil && strings.Contains(trouble.Error(), "write error")
		if !gaveUp || !roomIn(o.Dir) {
			continue
		}
		if o.Logger != nil {
			o.Logger.Warnf("the store can be written again: starting the server on it anew")
		}
		s.stopNATS()
		fresh, err := start(o)
		if err != nil {
			if o.Logger != nil {
				o.Logger.Errorf("%v; trying again", err)
			}
			continue
		}
		s.nats.Store(fresh)
	}
}

// stopNATS leaves nothing that could write to the store.
func (s *Server) stopNATS() {
	if old := s.nats.Swap(nil); old != nil {
		old.Shutdown()
		old.WaitForShutdown()
	}
}

// roomIn tries whether the folder can be written.
func roomIn(dir string) bool {
	file, err := os.CreateTemp(dir, "passerelle-room-")
	if err != nil {
		return false
	}
	_, err = file.Write(make([]byte, reviveRoom))
	return errors.Join(err, file.Sync(), file.Close(), os.Remove(file.Name())) == nil
}

var errStopped = errors.New("embedded NATS server: it is stopped until its store can be written again")
