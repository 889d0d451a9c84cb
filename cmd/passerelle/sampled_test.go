package main

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestASampleIsReadOnceInAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, failure := 0, error(nil)
		s := &sampled[int]{every: time.Minute, read: func() (int, error) { n++; return n, failure }}
		for _, step := range []struct {
			after   time.Duration
			failure error
			value   int
			known   bool
		}{{0, nil, 1, true}, {30 * time.Second, nil, 1, true}, {30 * time.Second, errors.New("no answer"), 2, false}, {30 * time.Second, nil, 2, false}, {30 * time.Second, nil, 3, true}} {
			time.Sleep(step.after) // of the bubble
			failure = step.failure
			if value, known := s.look(); value != step.value || known != step.known {
				t.Errorf("%+v: %d, %v", step, value, known)
			}
		}
	})
}

func TestASampleThatTakesLongHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sampled[int]{every: time.Minute, read: func() (int, error) {
			time.Sleep(5 * time.Second)
			return 1, nil
		}}
		began := time.Now()
		for range 2 { // the second waits for the same reading
			if _, known := s.look(); known {
				t.Error("known")
			}
		}
		if took := time.Since(began); took != 2*scrapePatience {
			t.Errorf("took %s", took)
		}
		time.Sleep(time.Second) // it is there now
		if value, known := s.look(); value != 1 || !known {
			t.Errorf("%d, %v", value, known)
		}
	})
}
