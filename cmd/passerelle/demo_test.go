package main

import (
	"bytes"
	"context"
	"testing"
	"time"
)

func TestADemonstrationThatRunsOutOfTimeCountsAllTheSame(t *testing.T) {
	var out, log bytes.Buffer
	d, err := openDemo(t.Context(), demoCommand{Rate: 1, Sites: 1, Seed: 1}, streams{out: &out, err: &log}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	defer d.done.run()
	over, cancel := context.WithCancel(t.Context())
	cancel()
	sum, err := d.settle(over)
	if err != nil || sum.Conversations != 0 {
		t.Errorf("settle = %+v, %v; want a summary of no conversations", sum, err)
	}
}
