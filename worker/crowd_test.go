package worker

import (
	"testing"
	"time"
)

// An account that falls silent gets few deliveries that hang, even where there is room for more.
func TestNothingMoreBeginsAtAnAccountThatFellSilent(t *testing.T) {
	for name, tc := range map[string]struct {
		took  time.Duration // usually; 0: nothing has ended yet
		hang  int           // deliveries that do
		other bool          // one that began later ends well meanwhile
		after time.Duration // from the beginning of one that hangs
		want  room
	}{
		"a moment, as yet":                {hang: 2, took: 50 * time.Millisecond, after: slowLeast, want: roomFree},
		"a moment":                        {hang: 2, took: 50 * time.Millisecond, after: slowLeast + time.Millisecond, want: roomLate},
		"a moment, and one alone is slow": {hang: 1, took: 50 * time.Millisecond, after: hanging, want: roomFree},
		"a moment, and others end":        {hang: 2, took: 50 * time.Millisecond, other: true, after: hanging, want: roomFree},
		"a moment, and too long":          {hang: 2, took: 50 * time.Millisecond, other: true, after: hanging + time.Millisecond, want: roomLate},
		"always slow":                     {hang: 2, took: time.Second, after: 4 * time.Second, want: roomFree},
		"always slow, and longer so":      {hang: 2, took: time.Second, after: 4*time.Second + time.Millisecond, want: roomLate},
		"always very slow":                {hang: 2, took: 3 * time.Second, after: hanging, want: roomFree},
		"not known":                       {hang: 2, after: hanging, want: roomFree},
		"not known, and longer than any":  {hang: 2, after: hanging + time.Millisecond, want: roomLate},
	} {
		t.Run(name, func(t *testing.T) {
			now := time.Unix(1000, 0)
			c := newCrowd(func() time.Time { return now }, 8)
			p := c.party(partyName{account: "acme"})
			begin := func() *attendance {
				place, room := c.take(p)
				if room != roomFree {
					t.Fatalf("room %d", room)
				}
				return place
			}
			if tc.took > 0 {
				place := begin()
				now = now.Add(tc.took)
				place.leave(true)
			}
			began := now
			for range tc.hang {
				begin()
			}
			if tc.other {
				place := begin()
				now = now.Add(tc.took)
				place.leave(true)
			}
			now = began.Add(tc.after)
			if got := p.room(now); got != tc.want {
				t.Errorf("room %d, want %d", got, tc.want)
			}
		})
	}
}
