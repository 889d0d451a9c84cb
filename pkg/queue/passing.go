package queue

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// ErrFull says that the store has no room: the stream is as large as it may be, or the server's store is.
var ErrFull = errors.New("the store is full")

// Codes of the server. https://github.com/nats-io/nats-server/blob/main/server/errors.json
const (
	codeAccountFull   jetstream.ErrorCode = 10002
	codeNoPeers       jetstream.ErrorCode = 10005 // too few servers of the cluster are there yet
	codeServerFull    jetstream.ErrorCode = 10023
	codeMemoryFull    jetstream.ErrorCode = 10028
	codeAccountOff    jetstream.ErrorCode = 10039
	codeStorageFull   jetstream.ErrorCode = 10047
	codeJetStreamOff  jetstream.ErrorCode = 10076
	codeStreamRefused jetstream.ErrorCode = 10077 // a full stream, and a subject that is taken: only the words tell the two apart
)

// Passing tells of an error of this package whether its cause is one that passes by itself within seconds: the server
// is out of reach or starts again, a leader is being elected, an answer did not come in time. A full store is none: it
// drains as conversations are dealt with, over minutes.
func Passing(err error) bool {
	var api *jetstream.APIError
	if errors.As(err, &api) {
		return passingCode(api)
	}
	var address *url.Error
	var network net.Error
	switch {
	case err == nil, errors.Is(err, context.Canceled), errors.Is(err, ErrFull), errors.As(err, &address):
		return false
	case errors.As(err, &network): // context.DeadlineExceeded and names that are not known yet too
		return true
	}
	return slices.ContainsFunc([]error{
		nats.ErrTimeout, nats.ErrNoServers, nats.ErrDisconnected, nats.ErrStaleConnection, nats.ErrReconnectBufExceeded, nats.ErrConnectionReconnecting,
		nats.ErrNoResponders, jetstream.ErrNoStreamResponse, io.EOF, io.ErrUnexpectedEOF, io.ErrClosedPipe,
	}, func(known error) bool { return errors.Is(err, known) })
}

func passingCode(api *jetstream.APIError) bool {
	code := api.ErrorCode
	switch {
	case code == codeNoPeers:
		return true
	case code == codeAccountOff, code == codeJetStreamOff, code == codeStreamRefused:
		return false
	}
	return api.Code >= http.StatusInternalServerError && !fullCode(api)
}

func fullCode(api *jetstream.APIError) bool {
	if api.ErrorCode == codeStreamRefused {
		return strings.Contains(api.Description, "maximum bytes") || strings.Contains(api.Description, "maximum messages exceeded")
	}
	return slices.Contains([]jetstream.ErrorCode{codeAccountFull, codeServerFull, codeMemoryFull, codeStorageFull}, api.ErrorCode)
}

func full(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && fullCode(api)
}
