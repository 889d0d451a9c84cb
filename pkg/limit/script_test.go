package limit

import (
	"context"
	"testing"
	"time"

	"pgregory.net/rapid"

	"passerelle/pkg/cache/redistest"
)

// The script and the tally in Go give the same leaves, whatever happens.
func TestScriptIsTheTally(t *testing.T) {
	url, _ := redistest.Start(t)
	r := openRedis(t, url)
	account := 0
	rapid.Check(t, func(t *rapid.T) {
		account++
		now := 1_763_984_000_000.0
		name := string(rune('a'+account%26)) + time.Duration(account).String()
		number := func(label string, from, to int) float64 { return float64(rapid.IntRange(from, to).Draw(t, label)) }
		model := &together{}
		quota := Quota{PerMinute: int(number("limit", 1, 800)), ReservePercent: int(number("percent", 0, 99))}
		underWay := [2]float64{}
		var calls []word
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			now += number("pass", 0, 1)*number("ms", 0, 20_000) + number("little", 0, 50)
			p := rapid.IntRange(0, 1).Draw(t, "process")
			m := message{ask: ask{quota: quota, want: [ranks]float64{number("backlog", 0, 9), number("live", 0, 3), number("urgent", 0, 2)}}}
			for range rapid.IntRange(0, min(3, len(calls))).Draw(t, "answers") {
				i := rapid.IntRange(0, len(calls)-1).Draw(t, "which")
				w := calls[i]
				calls = append(calls[:i], calls[i+1:]...)
				w.age, w.limit, w.left, w.reset = number("age", 0, 300), number("said", 100, 700), number("left", -2, 700), 1000*number("reset", 0, 60)
				if number("reset unsaid", 0, 9) == 0 {
					w.reset = unsaid
				}
				underWay[p] = max(0, underWay[p]-1)
				m.words = append(m.words, w)
			}
			if number("blocks", 0, 30) == 0 {
				m.block = time.Duration(number("block", 1, 5000)) * time.Millisecond
			}
			m.unused, m.underWay = int(number("unused", 0, 1)), underWay[p]
			s := shared{redis: r, process: string(rune('a' + p)), now: func() float64 { return now }}
			got, err := s.exchange(context.Background(), name, m)
			if err != nil {
				t.Fatal(err)
			}
			want, _ := model.exchange(p, now, m)
			if got.given != want.given || got.bound != want.bound {
				t.Fatalf("the script gives %v (bound %v), the tally %v (bound %v)\nscript %+v\ntally  %+v", got.given, got.bound, want.given, want.bound, got.tally, model.tally)
			}
			if got.tally != model.tally {
				t.Fatalf("script %+v\ntally  %+v", got.tally, model.tally)
			}
			for rank, wait := range want.wait {
				if d := got.wait[rank] - wait; d < 0 || d >= 1.001 {
					t.Fatalf("the script waits %v, the tally %v", got.wait, want.wait)
				}
			}
			n := got.given[0] + got.given[1] + got.given[2]
			underWay[p] += n
			for range int(n) {
				calls = append(calls, word{granted: now, bound: got.bound})
			}
		}
	})
}
