// Package bounded calls other people's servers, and reads no more of an answer than it has room for.
package bounded

import (
	"errors"
	"net/http"
)

// idlePerHost is how many connections to one host are kept for the next calls.
const idlePerHost = 64

// Transport is one of the standard library's, with connections of its own. The body of an answer, as it is when unpacked,
// fails after limit bytes with an error that TooLarge knows. It may be used concurrently.
//
// A resty client that uses it needs no limit of its own, and without one takes a fraction of the memory to read an answer.
func Transport(limit int64) http.RoundTripper {
	base := http.DefaultTransport.(*http.Transport).Clone() //nolint:forcetypeassert // the standard library's own
	base.MaxIdleConnsPerHost = idlePerHost
	return &transport{Transport: base, limit: limit}
}

// TooLarge tells whether a call failed because its answer was larger than its transport's limit.
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
