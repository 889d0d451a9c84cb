package bounded

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxRetryAfter bounds what a server may ask for. Larger values were seen and make no sense.
const maxRetryAfter = 15 * time.Minute

// RetryAfter reads the header of that name: whole seconds, or a date, which counts from the answer's own. It is 15 minutes
// at most. What is neither, or lies in the past, is 0. https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
func RetryAfter(header http.Header) time.Duration {
	text := strings.TrimSpace(header.Get("Retry-After"))
	if seconds, err := strconv.ParseInt(text, 10, 64); err == nil || errors.Is(err, strconv.ErrRange) {
		return time.Duration(max(0, min(seconds, int64(maxRetryAfter/time.Second)))) * time.Second
	}
	until, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	now, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		now = time.Now()
	}
	return max(0, min(until.Sub(now), maxRetryAfter))
}
