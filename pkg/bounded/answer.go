package bounded

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/go-resty/resty/v2"
)

// Answer is the body of an answer, in memory that the next answers use again: a third of what a worker's tickets left to be
// collected was the reading of answers.
type Answer struct{ buffer *bytes.Buffer }

var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// keptBuffer bounds what is kept for the next answers, in bytes: one long conversation is not to hold its memory for good.
const keptBuffer = 256 << 10

// Read reads the answer to a request that had SetDoNotParseResponse. Whoever has no error must call Done.
func Read(response *resty.Response) (Answer, error) {
	body := response.RawBody()
	a := Answer{buffers.Get().(*bytes.Buffer)} //nolint:forcetypeassert // the pool holds nothing else
	_, err := a.buffer.ReadFrom(body)
	_ = body.Close() // it was read to its end, or its connection is of no use any more
	if err != nil {
		a.Done()
		return Answer{}, fmt.Errorf("read the answer: %w", err)
	}
	return a, nil
}

// Bytes gives the body. It must not be used after Done.
func (a Answer) Bytes() []byte { return a.buffer.Bytes() }

// Done gives the memory back.
func (a Answer) Done() {
	if a.buffer.Cap() > keptBuffer {
		return
	}
	a.buffer.Reset()
	buffers.Put(a.buffer)
}
