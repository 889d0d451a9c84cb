// Package embed runs a NATS server inside the process: the default for those who have none of their own.
package embed

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofrs/flock"
	"github.com/nats-io/nats-server/v2/server"
)

// ErrInUse says that another process works on the same folder.
var ErrInUse = errors.New("the data folder is in use by another passerelle process")

// Options for Start.
type Options struct {
	Dir      string        // the store; created when it is missing
	MaxStore int64         // bytes on disk; 0 means 10 GiB
	Key      string        // encrypts what is on the disk; empty: not encrypted. At least 16 bytes
	Logger   server.Logger // may be nil: silent
	Patience time.Duration // how long to wait for another process that has the folder; 0: not at all
}

const (
	storeName       = "nats"
	defaultMaxStore = 10 << 30
	maxMemory       = 64 << 20
	startTimeout    = 30 * time.Second
	lockLook        = 50 * time.Millisecond
)

// Server is a running server. Its methods may be called concurrently.
type Server struct {
	nats atomic.Pointer[server.Server] // nil while it starts anew, see keepWritable
	lock *flock.Flock
	door *door

	stop    sync.Once
	closing chan struct{} // closed by Close
	watch   sync.WaitGroup
}

// Start locks the folder and starts the server on it, without a listening port. Every publish is on the disk before it
// is acknowledged. Other processes of the same user get in by the folder's socket (see Dial), which the commands use.
// The error wraps ErrInUse when another process keeps the folder: nats-server itself would start on it and damage it. It
// wraps ErrKey when the key is not the store's, and ErrUnreadable when a stream on the disk is not read. A disk that was
// full is written again once there is room, without the caller's doing.
func Start(o Options) (*Server, error) {
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("create data folder: %w", err)
	}
	lock := flock.New(filepath.Join(o.Dir, "passerelle.lock"))
	locked, err := take(lock, o.Patience)
	if err != nil {
		return nil, fmt.Errorf("lock data folder %s: %w", o.Dir, err)
	}
	if !locked {
		return nil, fmt.Errorf("%w: %s; stop that process, or set PASSERELLE_DATA_DIR to another folder", ErrInUse, o.Dir)
	}
	nats, err := start(o)
	if err != nil {
		return nil, errors.Join(err, lock.Unlock())
	}
	s := &Server{lock: lock, closing: make(chan struct{})}
	s.nats.Store(nats)
	s.door, err = openDoor(o.Dir, s.InProcessConn)
	if err != nil {
		s.Close()
		return nil, fmt.Errorf("open the data folder's socket: %w", err)
	}
	s.watch.Go(func() { s.keepWritable(o) })
	return s, nil
}

// take tries to lock until patience is over, and once at least.
func take(lock *flock.Flock, patience time.Duration) (bool, error) {
	for end := time.Now().Add(patience); ; <-time.After(lockLook) {
		locked, err := lock.TryLock()
		if locked || err != nil || !time.Now().Before(end) {
			return locked, err
		}
	}
}

func start(o Options) (*server.Server, error) {
	if err := checkKey(o.Dir, o.Key); err != nil {
		return nil, err
	}
	maxStore := o.MaxStore
	if maxStore == 0 {
		maxStore = defaultMaxStore
	}
	nats, err := server.NewServer(&server.Options{
		ServerName: "embedded", DontListen: true, NoSigs: true,
		JetStream: true, StoreDir: filepath.Join(o.Dir, storeName), SyncAlways: true,
		JetStreamKey: o.Key, JetStreamCipher: server.AES,
		JetStreamMaxStore: maxStore, JetStreamMaxMemory: maxMemory,
	})
	if err != nil {
		return nil, fmt.Errorf("configure the embedded NATS server: %w", err)
	}
	if o.Logger != nil {
		nats.SetLoggerV2(o.Logger, false, false, false)
	}
	nats.Start()
	if !nats.ReadyForConnections(startTimeout) {
		nats.Shutdown()
		nats.WaitForShutdown()
		return nil, fmt.Errorf("the embedded NATS server was not ready after %s; its log says why", startTimeout)
	}
	if err := whole(o.Dir, nats); err != nil {
		nats.Shutdown()
		nats.WaitForShutdown()
		return nil, err
	}
	return nats, nil
}

// InProcessConn gives a connection to the server that uses no network.
func (s *Server) InProcessConn() (net.Conn, error) {
	nats := s.nats.Load()
	if nats == nil {
		return nil, errStopped
	}
	return nats.InProcessConn()
}

// Healthy gives an error when the store can no longer be written.
func (s *Server) Healthy() error {
	nats := s.nats.Load()
	if nats == nil {
		return errStopped
	}
	if status := nats.Healthz(&server.HealthzOptions{}); status.Error != "" {
		return fmt.Errorf("embedded NATS server: %s", status.Error)
	}
	return nil
}

// Close stops the server and unlocks the folder. Clients must be closed before. It may be called twice.
func (s *Server) Close() {
	s.stop.Do(func() {
		close(s.closing)
		s.watch.Wait()
		if s.door != nil {
			s.door.close()
		}
		s.stopNATS()
		if s.lock != nil {
			_ = s.lock.Unlock() // the lock ends with the process at the latest
		}
	})
}
