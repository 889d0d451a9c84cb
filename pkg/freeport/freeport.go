// Package freeport finds ports for the servers that tests and benchmarks start, in this process or in another one.
package freeport

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
)

// The ports lie below those that Linux gives to outgoing connections by itself, 32768 to 60999: one of these may be taken
// by a connection of any program between the moment in which it is found and that in which its server starts.
// https://docs.kernel.org/networking/ip-sysctl.html
const (
	lowest, highest = 10000, 32767
	attempts        = 1000
)

var (
	mu    sync.Mutex
	given = map[int]bool{} // guarded by mu
)

// Of is Find for a test, which fails when there is none.
func Of(t interface {
	Helper()
	Fatal(args ...any)
}) int {
	t.Helper()
	port, err := Find()
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// Find gives a TCP port of 127.0.0.1 at which nobody listens, and which it has not given in this process before. Another
// process may take it before it is used, which is unlikely. It may be called concurrently.
func Find() (int, error) {
	mu.Lock()
	defer mu.Unlock()
	err := errors.New("all were given already")
	for range attempts {
		port := lowest + rand.IntN(highest-lowest+1) //nolint:gosec // any will do
		if given[port] {
			continue
		}
		var listener net.Listener
		if listener, err = net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port}); err != nil {
			continue
		}
		_ = listener.Close()
		given[port] = true
		return port, nil
	}
	return 0, fmt.Errorf("find a free port: %w", err)
}
