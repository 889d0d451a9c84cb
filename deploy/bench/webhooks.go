package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"
	"time"

	"passerelle/pkg/sim/simiadvize"
)

// webhook is the end of a conversation as iAdvize posts it. It is written before the measurement, and posted on a
// connection of our own: with the standard library's client, whose connections have two goroutines each, it takes a sixth
// of the processor time of simulators and load.
type webhook struct {
	host string
	text []byte // the whole request
}

func (r *rig) webhookOf(ctx context.Context, c simiadvize.Conversation) (webhook, error) {
	hook := simiadvize.Webhook{URL: r.webhookAddress(), Secret: worldSecret}
	request, err := r.iadvize.Request(ctx, hook, r.iadvize.ClosedEvent(c))
	if err != nil {
		return webhook{}, err
	}
	var text bytes.Buffer
	if err := request.Write(&text); err != nil {
		return webhook{}, fmt.Errorf("write a webhook: %w", err)
	}
	return webhook{request.URL.Host, text.Bytes()}, nil
}

// webhookTime bounds the way of a webhook, as the simulator's own does.
const webhookTime = 10 * time.Second

// lines are connections to ingest that wait for the next webhook. They may be used concurrently.
type lines chan *line

type line struct {
	net.Conn

	host string
	in   *bufio.Reader
}

func newLines() lines { return make(lines, inFlight) }

// post posts a webhook, and tells whether it was accepted. On a line that ingest has ended meanwhile nothing gets through:
// then it takes a new one.
func (l lines) post(ctx context.Context, w webhook) (accepted bool) {
	select {
	case kept := <-l:
		if kept.host != w.host {
			_ = kept.Close()
			break
		}
		status, err := l.on(ctx, kept, w)
		if !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
			return status/100 == 2
		}
	default:
	}
	fresh, err := (&net.Dialer{Timeout: webhookTime}).DialContext(ctx, "tcp", w.host)
	if err != nil {
		return false
	}
	status, _ := l.on(ctx, &line{fresh, w.host, bufio.NewReader(fresh)}, w)
	return status/100 == 2
}

// on posts it on a line, which is kept if it can be used again.
func (l lines) on(ctx context.Context, line *line, w webhook) (status int, err error) {
	hurry := context.AfterFunc(ctx, func() { _ = line.SetDeadline(time.Now()) })
	status, again, err := line.exchange(w.text)
	if !hurry() || err != nil || !again {
		_ = line.Close()
		return status, err
	}
	select {
	case l <- line:
	default:
		_ = line.Close()
	}
	return status, nil
}

// exchange sends a request, reads the answer, and tells whether the line can be used again.
func (l *line) exchange(request []byte) (status int, again bool, err error) {
	if err := l.SetDeadline(time.Now().Add(webhookTime)); err != nil {
		return 0, false, err
	}
	if _, err := l.Write(request); err != nil {
		return 0, false, err
	}
	answer, err := http.ReadResponse(l.in, nil)
	if err != nil {
		return 0, false, err
	}
	defer func() { _ = answer.Body.Close() }() // it was read to its end, or the line is of no use any more
	_, err = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode, !answer.Close, err
}

// close ends those that wait.
func (l lines) close() {
	for {
		select {
		case kept := <-l:
			_ = kept.Close()
		default:
			return
		}
	}
}
