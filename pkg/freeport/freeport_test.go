package freeport

import (
	"fmt"
	"net"
	"sync"
	"testing"
)

func TestFind(t *testing.T) {
	var wait sync.WaitGroup
	var mu sync.Mutex
	found := map[int]bool{}
	for range 50 {
		wait.Go(func() {
			port, err := Find()
			if err != nil {
				t.Error(err)
				return
			}
			listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
			if err != nil {
				t.Errorf("a port that is not free: %v", err)
				return
			}
			defer listener.Close()
			mu.Lock()
			defer mu.Unlock()
			if found[port] || port < lowest || port > highest {
				t.Errorf("port %d, which was given before: %v", port, found[port])
			}
			found[port] = true
		})
	}
	wait.Wait()
}
