package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/rs/zerolog"
)

func TestRolesThatNobodyElseCanPlayAreWarnedOf(t *testing.T) {
	for _, tc := range []struct {
		roles, nats, want string
	}{
		{"ingest,worker,console", "", ""},
		{"ingest,worker", "", ""},
		{"ingest", "", "worker"},
		{"ingest,console", "", "worker"},
		{"worker", "", "ingest"},
		{"console", "", "ingest, worker"},
		{"ingest", "nats://nats:4222", ""},
	} {
		t.Run(tc.roles+tc.nats, func(t *testing.T) {
			var out bytes.Buffer
			warnOfMissingRoles(environment{DataDir: "./data", NATSURL: tc.nats}, strings.Split(tc.roles, ","), zerolog.New(&out))
			if got := out.String(); (tc.want == "") != (got == "") || !strings.Contains(got, tc.want) {
				t.Errorf("log = %s, want %q", got, tc.want)
			}
		})
	}
}
