package queue

import (
	"errors"
	"testing"
)

func TestNewEnough(t *testing.T) {
	for version, want := range map[string]bool{
		"2.14.0": true, "2.15.2": true, "2.14.0-RC.1": true, "3.0.0": true,
		"2.13.9": false, "2.9.25": false, "1.99.0": false, "": false, "x.y.z": false,
	} {
		if err := newEnough(version); (err == nil) != want || err != nil && !errors.Is(err, ErrServerTooOld) {
			t.Errorf("newEnough(%q) = %v, want ok %v", version, err, want)
		}
	}
}
