package queue_test

import (
	"net"
	"sync/atomic"

	"passerelle/pkg/queue/embed"
)

// moving leads to whichever server runs now, as an address does.
type moving struct{ server *atomic.Pointer[embed.Server] }

func (m moving) InProcessConn() (net.Conn, error) { return m.server.Load().InProcessConn() }
