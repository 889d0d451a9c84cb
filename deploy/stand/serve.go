package stand

import (
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"passerelle/ingest"
)

// Serve answers at a free port of this machine. end is called before the server is stopped, so that requests that hang give
// up; stop returns when nothing runs any more.
func Serve(h http.Handler, end func() error) (address string, stop func(), err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, fmt.Errorf("listen for a simulator: %w", err)
	}
	server := ingest.Server(h)
	server.WriteTimeout = time.Minute // longer than a client waits, so that a late answer is late and not cut off
	var wait sync.WaitGroup
	wait.Go(func() { _ = server.Serve(listener) }) // it ends when it is closed
	return listener.Addr().String(), func() { _ = end(); _ = server.Close(); wait.Wait() }, nil
}
