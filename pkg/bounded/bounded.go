// Package bounded calls other people's servers within bounds of time and size.
package bounded

import (
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/go-resty/resty/v2"
)

// Settings of the connections.
const (
	idlePerHost = 64 // connections to one host that are kept for the next calls

	// An HTTP/2 connection carries the calls of all clients to its host. One on which nothing comes any more, though nobody
	// ended it, would fail them all until TCP gives it up, which takes a quarter of an hour: so it is asked whether it lives
	// when nothing has come for so long, and closed when no answer comes.
	silence = 20 * time.Second
	answers = 5 * time.Second
)

// connections are shared by all clients of the process, as https://pkg.go.dev/net/http#Transport advises: the clients of
// thousands of accounts with connections of their own, and settings for them, were a tenth of what a worker's collection
// of memory looks through.
var connections = sync.OnceValue(func() *http.Transport { return newConnections(silence, answers) })

func newConnections(silence, answers time.Duration) *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone() //nolint:forcetypeassert // the standard library's own
	t.MaxIdleConns, t.MaxIdleConnsPerHost = 0, idlePerHost
	t.HTTP2 = &http.HTTP2Config{SendPingTimeout: silence, PingTimeout: answers}
	return t
}

// Client makes a client. Its connections are those of all clients of the process: to close the idle ones closes them for
// all, which costs the others no more than new ones. A call takes timeout at most. The body of an answer, as it is when
// unpacked, fails after limit bytes with an error that TooLarge knows. The client follows no redirect, which could carry
// credentials elsewhere, and writes no log, which would show addresses and bodies. It may be used concurrently.
func Client(timeout time.Duration, limit int64) *resty.Client {
	// resty's own limit is not used: with one it reads by 512 bytes at a time, and takes many times the memory.
	return resty.NewWithClient(&http.Client{
		Timeout:       timeout,
		Transport:     &transport{Transport: connections(), limit: limit},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}).SetLogger(silent{}).SetDisableWarn(true).SetHeader("User-Agent", "passerelle")
}

// TooLarge tells whether a call failed because its answer was over the limit.
func TooLarge(err error) bool {
	var over *http.MaxBytesError
	return errors.As(err, &over)
}

type transport struct {
	*http.Transport

	limit int64 // bytes
}

// RoundTrip is that of http.RoundTripper.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := t.Transport.RoundTrip(r)
	if err != nil {
		return nil, err //nolint:wrapcheck // http.Client names the call
	}
	answer.Body = http.MaxBytesReader(nil, answer.Body, t.limit)
	return answer, nil
}

type silent struct{}

func (silent) Errorf(string, ...any) {}
func (silent) Warnf(string, ...any)  {}
func (silent) Debugf(string, ...any) {}
