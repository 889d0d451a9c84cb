package main

import (
	"strings"
	"testing"
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
