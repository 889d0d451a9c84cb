package main

import (
	"slices"
	"strings"
	"testing"
)

func TestWhatRunsUntilItIsStopped(t *testing.T) {
	for line, want := range map[string]bool{
		"serve --roles worker": true, "-o json demo": true, "simulate zendesk --addr 127.0.0.1:0": true,
		"": false, "health": false, "deadletters list": false, "backfill --from 2026-11-01": false, "--help": false,
	} {
		if got := slices.ContainsFunc(strings.Fields(line), lasts); got != want {
			t.Errorf("passerelle %s: %v, want %v", line, got, want)
		}
	}
}
