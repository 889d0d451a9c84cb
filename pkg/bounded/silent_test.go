package bounded

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// line lets connections through to a server until it is cut: what it carries then gets lost, and nobody is told.
type line struct {
	to    string
	cut   atomic.Bool // the first connection
	lines atomic.Int32
	done  sync.WaitGroup
}

func (l *line) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	server, err := new(net.Dialer).DialContext(ctx, "tcp", l.to)
	if err != nil {
		return nil, err
	}
	first := l.lines.Add(1) == 1
	near, far := net.Pipe()
	carry := func(to io.Writer, from io.Reader) {
		buffer := make([]byte, 32<<10)
		for {
			n, err := from.Read(buffer)
			if err != nil {
				break
			}
			if first && l.cut.Load() {
				continue
			}
			if _, err := to.Write(buffer[:n]); err != nil {
				break
			}
		}
		_, _ = far.Close(), server.Close()
	}
	l.done.Go(func() { carry(server, far) })
	l.done.Go(func() { carry(far, server) })
	return near, nil
}

// A connection that went silent, as behind a firewall that forgot it, is given up: the calls after it get through.
func TestASilentConnectionIsGivenUp(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Proto) }))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	l := &line{to: server.Listener.Addr().String()}
	defer l.done.Wait()
	transport := newConnections(50*time.Millisecond, 50*time.Millisecond)
	transport.DialContext = l.dial
	transport.TLSClientConfig = server.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	transport.TLSClientConfig.MinVersion = tls.VersionTLS12
	defer transport.CloseIdleConnections()
	get := func(patience time.Duration) (string, error) {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil)
		if err != nil {
			return "", err
		}
		response, err := transport.RoundTrip(request)
		if err != nil {
			return "", err
		}
		defer func() { _ = response.Body.Close() }()
		body, err := io.ReadAll(response.Body)
		return string(body), err
	}
	if got, err := get(time.Minute); got != "HTTP/2.0" || err != nil {
		t.Fatalf("%q, %v; expected HTTP/2", got, err)
	}
	l.cut.Store(true)
	if got, err := get(time.Minute); err == nil && l.lines.Load() == 1 {
		t.Fatalf("%q came through a line that is cut", got)
	}
	if got, err := get(time.Minute); got != "HTTP/2.0" || err != nil {
		t.Errorf("the next call: %q, %v; expected another connection", got, err)
	}
}
