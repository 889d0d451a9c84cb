package main

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// state is what a line does with what passes through it.
type state int

const (
	open   state = iota
	cut          // connections are reset, and new ones too
	silent       // connections stay, and nothing passes until the line is open again
)

// line is a TCP proxy on a free port of this machine, which can be cut, silenced and slowed down. Its methods may be
// called concurrently.
type line struct {
	listener net.Listener
	next     atomic.Uint64
	wait     sync.WaitGroup

	mu      sync.Mutex
	targets []string              // guarded by mu; addresses, taken in turn
	state   state                 // guarded by mu
	delay   time.Duration         // guarded by mu; of each chunk, in both directions
	changed chan struct{}         // guarded by mu; closed and replaced when the state changes
	conns   map[net.Conn]struct{} // guarded by mu
	closed  bool                  // guarded by mu
}

const dialTime = 2 * time.Second

func newLine(targets ...string) (*line, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("open a line: %w", err)
	}
	l := &line{listener: listener, targets: targets, changed: make(chan struct{}), conns: map[net.Conn]struct{}{}}
	l.wait.Go(l.accept)
	return l, nil
}

func (l *line) address() string { return l.listener.Addr().String() }

// lead says where new connections go. One that does not answer is passed over.
func (l *line) lead(targets ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.targets = targets
}

func (l *line) set(s state, delay time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state, l.delay = s, delay
	close(l.changed)
	l.changed = make(chan struct{})
	if s == cut {
		l.resetLocked()
	}
}

func (l *line) resetLocked() {
	for c := range l.conns {
		reset(c)
	}
}

func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // an orderly end is the next best
	}
	_ = c.Close()
}

func (l *line) close() {
	_ = l.listener.Close()
	l.mu.Lock()
	l.closed = true
	close(l.changed)
	l.changed = make(chan struct{})
	l.resetLocked()
	l.mu.Unlock()
	l.wait.Wait()
}

func (l *line) accept() {
	for {
		conn, err := l.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		if !l.keep(conn) {
			continue
		}
		l.wait.Go(func() { l.join(conn) })
	}
}

// keep notes a connection, so that a cut ends it. It refuses it while the line is cut.
func (l *line) keep(c net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || l.state == cut {
		reset(c)
		return false
	}
	l.conns[c] = struct{}{}
	return true
}

func (l *line) drop(c net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, c)
	_ = c.Close()
}

func (l *line) join(near net.Conn) {
	defer l.drop(near)
	far, err := l.dial()
	if err != nil {
		reset(near)
		return
	}
	if !l.keep(far) {
		return
	}
	defer l.drop(far)
	var both sync.WaitGroup
	for _, way := range [2][2]net.Conn{{near, far}, {far, near}} {
		both.Go(func() {
			l.pump(way[0], way[1])
			_ = way[0].Close()
			_ = way[1].Close()
		})
	}
	both.Wait()
}

func (l *line) dial() (net.Conn, error) {
	l.mu.Lock()
	targets := l.targets
	l.mu.Unlock()
	err := errors.New("no target")
	first := l.next.Add(1)
	for i := range targets {
		var far net.Conn
		far, err = net.DialTimeout("tcp", targets[(first+uint64(i))%uint64(len(targets))], dialTime)
		if err == nil {
			return far, nil
		}
	}
	return nil, err
}

func (l *line) pump(from, to net.Conn) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			if !l.pass() {
				return
			}
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// pass waits until the line lets something through. It reports false when it is closed.
func (l *line) pass() bool {
	for {
		l.mu.Lock()
		state, delay, changed, closed := l.state, l.delay, l.changed, l.closed
		l.mu.Unlock()
		switch {
		case closed || state == cut:
			return false
		case state == silent:
			<-changed
		case delay > 0:
			timer := time.NewTimer(delay)
			defer timer.Stop()
			select {
			case <-timer.C:
			case <-changed:
			}
			return true
		default:
			return true
		}
	}
}
