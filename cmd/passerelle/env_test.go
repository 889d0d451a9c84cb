package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/rs/zerolog"
)

func TestAddressesOfServersMayBeReferences(t *testing.T) {
	t.Setenv("PASSERELLE_NATS_URL", "${file:"+write(t, "nats", "nats://user:secret@nats:4222\n")+"}")
	t.Setenv("PASSERELLE_REDIS_URL", "redis://:${TEST_REDIS_PASSWORD}@redis:6379")
	if _, err := readEnvironment(); err == nil || !strings.Contains(err.Error(), "PASSERELLE_REDIS_URL: environment variable TEST_REDIS_PASSWORD") {
		t.Errorf("error = %v", err)
	}
	t.Setenv("TEST_REDIS_PASSWORD", "secret")
	e, err := readEnvironment()
	if err != nil || e.NATSURL != "nats://user:secret@nats:4222" || e.RedisURL != "redis://:secret@redis:6379" {
		t.Errorf("%q %q %v", e.NATSURL, e.RedisURL, err)
	}
}

func TestAWrongSettingIsNamed(t *testing.T) {
	for name, tc := range map[string]struct{ value, want string }{
		"PASSERELLE_WORKER_SLOTS":  {"many", `environment: PASSERELLE_WORKER_SLOTS: "many" is not a whole number`},
		"PASSERELLE_DRAIN_TIMEOUT": {"45", `environment: PASSERELLE_DRAIN_TIMEOUT: "45" is not a time such as 45s or 15m`},
		"PASSERELLE_TIMER_SLACK":   {"1s", `environment: PASSERELLE_TIMER_SLACK: expected 0 to 100ms`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(name, tc.value)
			if _, err := readEnvironment(); err == nil || err.Error() != tc.want || exitStatus(err) != exitUsage {
				t.Errorf("error = %v, want %s", err, tc.want)
			}
		})
	}
}

func TestAVariableThatIsNoSettingIsWarnedOf(t *testing.T) {
	t.Setenv("PASSERELLE_NATSURL", "nats://user:hunter2@nats")
	var out bytes.Buffer
	warnOfUnknown(zerolog.New(&out))
	if got := out.String(); !strings.Contains(got, "PASSERELLE_NATSURL") || strings.Contains(got, "hunter2") {
		t.Errorf("log = %s", got)
	}
}
