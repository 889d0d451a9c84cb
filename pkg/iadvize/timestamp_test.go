package iadvize

import (
	"testing"
	"time"
)

func TestParseTime(t *testing.T) {
	for _, tc := range []struct {
		in   string
		want time.Time
	}{
		{"2019-04-12T07:58:35.171Z", time.Date(2019, 4, 12, 7, 58, 35, 171e6, time.UTC)},
		{"2017-04-22T11:01:00+02:00", time.Date(2017, 4, 22, 9, 1, 0, 0, time.UTC)},
		{"2017-11-22T12:04:00.762Z[Etc/UTC]", time.Date(2017, 11, 22, 12, 4, 0, 762e6, time.UTC)},
	} {
		if got, err := ParseTime(tc.in); err != nil || !got.Equal(tc.want) {
			t.Errorf("ParseTime(%q) = %v, %v; want %v", tc.in, got, err, tc.want)
		}
	}
	for _, in := range []string{"", "yesterday", "2019-04-12", "[Etc/UTC]", "2019-13-40T00:00:00Z"} {
		if got, err := ParseTime(in); err == nil {
			t.Errorf("ParseTime(%q) = %v, want an error", in, got)
		}
	}
}
