package iadvize

import (
	"fmt"
	"strings"
	"time"
)

// ParseTime reads the three spellings that iAdvize publishes: with "Z", with an offset, and with a zone's name in
// brackets behind ("2017-11-22T12:04:00.762Z[Etc/UTC]"). The error does not quote a text of unknown content.
func ParseTime(s string) (time.Time, error) {
	plain, _, _ := strings.Cut(strings.TrimSpace(s), "[")
	t, err := time.Parse(time.RFC3339Nano, plain)
	if err != nil {
		return time.Time{}, fmt.Errorf("not a timestamp such as 2019-04-12T07:58:35.171Z (%d characters)", len(s))
	}
	return t.UTC(), nil
}
