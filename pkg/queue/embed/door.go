package embed

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// socketName is the file in the data folder that holds the path of the socket. A Unix socket's path is limited to
// about 100 bytes, so the socket itself stands elsewhere when the folder's path is long.
const (
	socketName  = "passerelle.socket"
	maxSockPath = 100
	dialTimeout = 5 * time.Second
)

// door lets other processes of the same user in, by a Unix socket that only this user may open.
type door struct {
	listener net.Listener
	dir      string // of the socket, removed at close; empty when it is the data folder
	name     string // the file that says where the socket is
	wait     sync.WaitGroup

	mu     sync.Mutex
	open   map[net.Conn]struct{} // guarded by mu
	closed bool                  // guarded by mu
}

func openDoor(dataDir string, connect func() (net.Conn, error)) (*door, error) {
	dir, err := filepath.Abs(dataDir)
	if err != nil {
		return nil, err
	}
	d := &door{open: map[net.Conn]struct{}{}, name: filepath.Join(dir, socketName)}
	path := filepath.Join(dir, "nats.sock")
	if len(path) > maxSockPath {
		if d.dir, err = os.MkdirTemp("", "passerelle-"); err != nil {
			return nil, err
		}
		path = filepath.Join(d.dir, "nats.sock")
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	if d.listener, err = net.Listen("unix", path); err != nil {
		return nil, err
	}
	// A socket that a killed process left behind is replaced; its owner is gone, because the folder's lock is ours.
	if err := errors.Join(os.Chmod(path, 0o600), os.WriteFile(d.name, []byte(path), 0o600)); err != nil {
		d.close()
		return nil, err
	}
	d.wait.Go(func() { d.serve(connect) })
	return d, nil
}

func (d *door) serve(connect func() (net.Conn, error)) {
	for {
		outside, err := d.listener.Accept()
		if err != nil {
			return // closed
		}
		inside, err := connect()
		if err != nil {
			_ = outside.Close()
			continue
		}
		if !d.keep(outside, inside) {
			return
		}
		d.wait.Go(func() { d.splice(outside, inside) })
		d.wait.Go(func() { d.splice(inside, outside) })
	}
}

// keep remembers the pair, so that close ends it, and closes it at once when the door is closed already.
func (d *door) keep(pair ...net.Conn) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range pair {
		if d.closed {
			_ = c.Close()
			continue
		}
		d.open[c] = struct{}{}
	}
	return !d.closed
}

func (d *door) splice(to, from net.Conn) {
	_, _ = io.Copy(to, from) // how a connection ends is its client's affair
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range []net.Conn{to, from} {
		_ = c.Close()
		delete(d.open, c)
	}
}

func (d *door) close() {
	_ = d.listener.Close()
	d.mu.Lock()
	d.closed = true
	for c := range d.open {
		_ = c.Close()
	}
	d.mu.Unlock()
	d.wait.Wait()
	_ = os.Remove(d.name)
	if d.dir != "" {
		_ = os.RemoveAll(d.dir)
	}
}

// Dialer reaches the server of another process through its data folder.
type Dialer struct{ path string }

// Reach gives a dialer to the process that has the folder. It fails when none has.
func Reach(dataDir string) (Dialer, error) {
	raw, err := os.ReadFile(filepath.Join(dataDir, socketName))
	if err != nil {
		return Dialer{}, fmt.Errorf("find the process that uses %s: %w", dataDir, err)
	}
	return Dialer{path: strings.TrimSpace(string(raw))}, nil
}

// InProcessConn connects. The name is the one that nats.go asks for.
func (d Dialer) InProcessConn() (net.Conn, error) {
	return net.DialTimeout("unix", d.path, dialTimeout)
}
