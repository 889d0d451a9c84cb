package limit

import "math"

// ask is a wish for leave.
type ask struct {
	quota    Quota
	workers  float64        // that share the account without knowing of each other; 1: the tally knows of all
	underWay float64        // calls that got leave and have no answer
	want     [ranks]float64 // by rank
}

// leave is the answer to an ask.
type leave struct {
	given [ranks]float64 // of what was wanted
	wait  [ranks]float64 // milliseconds after which asking again has sense, for a few at a time; for ranks that did not get all
	first [ranks]float64 // milliseconds after which the first of these may have a call
	bound float64        // left after the call before the first of these, at least, were there nobody else; or unsaid
}

const (
	soon    = 200.0 // an answer may come at any time
	soonest = 20.0
	handful = 4.0   // calls of backlog that are worth an exchange
	gather  = 500.0 // for so long, where calls come slowly
)

// share is an account's limit and what of it is ours.
type share struct {
	limit, ours float64
	reserve     float64
	margin      float64 // for what others take while a call is under way
	floor       float64 // left after a call of ours, at least
}

func (t *tally) share(q Quota, workers float64) share {
	s := share{limit: t.limit}
	if s.limit == 0 {
		s.limit = float64(q.PerMinute)
	}
	s.reserve = q.reserve(s.limit)
	s.ours = s.limit - s.reserve
	s.margin = min(max(t.surprise, t.before, 1), math.Floor(s.ours/50))
	s.floor = s.reserve + s.margin
	if workers > 1 {
		s.floor = s.reserve + min(workers+math.Floor(s.ours/20), math.Floor(s.ours/8))
	}
	return s
}

// grant gives leave to as many of the calls that are wanted as may be made now.
func (t *tally) grant(now float64, a ask) leave {
	t.turn(now)
	l := leave{bound: unsaid}
	s := t.share(a.quota, a.workers)
	switch {
	case now < t.blocked:
		l.wait = same(t.blocked - now)
		l.first = l.wait
	case t.heard:
		l = t.fromWhatIsLeft(now, a, s)
	default:
		l = t.beforeTheFirstWord(now, a, s)
	}
	given := l.given[Urgent] + l.given[Live] + l.given[Backlog]
	t.used += given
	t.above += l.given[Urgent] + l.given[Live]
	if given > 0 {
		t.last = now
	}
	return l
}

// fromWhatIsLeft gives leave after the account has said what is left of this window.
func (t *tally) fromWhatIsLeft(now float64, a ask, s share) leave {
	l := leave{bound: unsaid}
	ahead := min(max(t.hi-now, 0), minute)
	end := ahead
	if t.slides {
		ahead = 2 * leftovers // its end is nothing to spread work over
	}

	// What was heard a while ago is worth less: others may have gone on, three times as fast as they did so far. Where
	// other processes of ours cannot be seen they may have gone twice as fast as all of us are to go.
	age := max(0, now-t.at-fresh)
	behind := max(minute-ahead, 5000) // what was done so far is done again
	others := max(0, s.limit-t.left-(t.used-a.underWay)) / behind
	pace := s.ours / minute
	if tried, doubtful := t.onTrial(now, age, a, s); doubtful {
		return tried
	}
	left := t.left - age*max(3*others, pace/4)
	likely := t.left - age*max(2*others, pace/4)
	if a.workers > 1 {
		left, likely = t.left-age*2*pace, t.left-age*pace/2
	}
	above := t.above * a.workers / behind
	var free, known float64
	if a.workers > 1 {
		free, known = t.apart(left, a, s), t.apart(t.left, a, s)
		likely = min(known, likely-s.reserve-2*a.workers) // the floor is high enough for one call of each
		left -= a.underWay * (a.workers - 1)              // they have as many under way, and their pace is the same
		others = 0                                        // nobody knows which are others
	} else {
		if age == 0 {
			l.bound = t.left - a.underWay
		}
		free = math.Floor(left - s.floor - a.underWay)
		known = t.left - s.floor - a.underWay
		likely = math.Floor(likely - s.floor - a.underWay)
	}
	if free < 1 && likely >= 1 && now-t.last >= again {
		free = 1
		left = max(left, t.left)
	}

	// What each rank leaves to those above it, and backlog to others too.
	keep := [ranks]float64{Urgent: 0}
	keep[Live] = math.Floor(s.ours*0.005+0.5) + s.ours*0.05*ahead/minute
	if a.workers > 1 {
		keep[Live] += 2 * a.workers
	}
	keep[Backlog] = keep[Live] + s.ours*max(0, ahead-leftovers)/minute + (others+above)*min(ahead, leftovers)
	over := left - s.floor - a.underWay // the shares are of this, however many may be under way at a time
	for r := Urgent; r >= Backlog; r-- {
		n := max(0, min(a.want[r], free, math.Floor(over-keep[r])))
		l.given[r] = n
		free, over = free-n, over-n
		if n == a.want[r] {
			continue
		}
		switch {
		case known+a.underWay < 1:
			l.wait[r] = end + 1
			if t.slides && a.workers > 1 {
				l.wait[r] = min(l.wait[r], recovery)
			}
		case over-keep[r] < 1 && over >= 1:
			l.wait[r] = min(max((min(a.want[r]-n, handful)+keep[r]-over)*minute/s.ours, soonest), max(ahead-leftovers, soon))
			l.first[r] = min((1+keep[r]-over)*minute/s.ours, l.wait[r])
			continue
		default:
			l.wait[r] = soon
		}
		l.first[r] = l.wait[r]
	}
	return l
}

// onTrial gives leave to one call, where only a call can tell what is left.
func (t *tally) onTrial(now, age float64, a ask, s share) (l leave, doubtful bool) {
	switch {
	case t.copied > 0 && a.workers > 1 && age > 0 && t.apart(t.left, a, s) >= 1:
		// The others may have spent all of it in the meantime, at any speed.
		if a.underWay > 0 && now-t.last < again {
			return leave{bound: unsaid, wait: same(soon), first: same(soon)}, true
		}
	case age >= recovery && t.inDoubt(a, s):
	default:
		return leave{}, false
	}
	return one(a.want), true
}

// inDoubt tells whether a process that has used its part may be wrong about the window, which only a call tells: its end was
// never told, and the others cannot be seen.
func (t *tally) inDoubt(a ask, s share) bool {
	return t.slides && a.workers > 1 && t.left-s.reserve-a.underWay > 2*a.workers && t.apart(t.left, a, s) < 1
}

// apart gives how many calls a process may have more under way when the others do the same and none knows of the
// others. While an answer is on its way each of them may send as many calls again as it has under way, and these may
// stand before ours: a third of an equal part is safe.
func (t *tally) apart(left float64, a ask, s share) float64 {
	over := left - s.floor
	if s.ours < 10*a.workers { // too little for such parts: each process counts its own
		part := max(1, math.Floor((s.ours-s.margin)/a.workers))
		return math.Floor(min(part-t.used, over-a.underWay))
	}
	part := math.Floor(over / (3 * a.workers))
	if part < 1 && over >= 2*a.workers {
		part = 1
	}
	return part - a.underWay
}

// beforeTheFirstWord gives leave as long as it is not known what is left: to few at a time, by GCRA at nine tenths of the
// pace of what is ours with the last tenth as burst, which is within the limit in any minute, wherever windows begin.
// https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm
func (t *tally) beforeTheFirstWord(now float64, a ask, s share) leave {
	l := leave{bound: unsaid}
	ours := s.ours / a.workers
	few := 1.0
	if t.leaps || t.mute >= 3 || t.hi > 0 && t.left-s.floor > s.ours/2 {
		few = max(1, math.Floor(ours/20))
	}
	free := few - a.underWay
	if free < 1 && now-t.last >= again {
		free = 1
	}
	interval := minute / (0.9 * ours)
	tat := max(t.tat, now-interval*max(1, ours/10))
	burst := math.Floor(ours / 10)
	keep := [ranks]float64{Backlog: math.Floor(burst / 4), Live: math.Floor(burst / 20)}
	paced := math.Floor((now-tat)/interval + 0.001) // now is too large a number to be exact
	for r := Urgent; r >= Backlog; r-- {
		n := max(0, min(a.want[r], free, paced-keep[r]))
		l.given[r] = n
		free, paced = free-n, paced-n
		tat += n * interval
		if n < a.want[r] {
			l.wait[r], l.first[r] = soon, soon
			if paced-keep[r] < 1 {
				l.first[r] = math.Ceil((1 + keep[r] - paced) * interval)
				l.wait[r] = max(min(math.Ceil((min(a.want[r]-n, handful)+keep[r]-paced)*interval), gather), l.first[r], soonest)
			}
		}
	}
	t.tat = max(t.tat, math.Floor(tat))
	return l
}

// one gives leave to one call, of the highest rank.
func one(want [ranks]float64) leave {
	l := leave{bound: unsaid, wait: same(soon), first: same(soon)}
	for r := Urgent; r >= Backlog; r-- {
		if want[r] > 0 {
			l.given[r] = 1
			break
		}
	}
	return l
}

func same(wait float64) [ranks]float64 { return [ranks]float64{wait, wait, wait} }
