package check

// verdict says whether a condition holds for the tickets of a site. What cannot be told is maybe.
type verdict int

const (
	never verdict = iota
	maybe
	always
)

func (v verdict) not() verdict { return always - v }

func told(holds bool) verdict {
	if holds {
		return always
	}
	return never
}

// all is what holds when every one of them does; an empty list holds.
func all(verdicts []verdict) verdict {
	v := always
	for _, one := range verdicts {
		v = min(v, one)
	}
	return v
}

// some is what holds when one of them does; an empty list holds.
func some(verdicts []verdict) verdict {
	if len(verdicts) == 0 {
		return always
	}
	v := never
	for _, one := range verdicts {
		v = max(v, one)
	}
	return v
}

// overall is what holds of values of which each is possible.
func overall(verdicts []verdict) verdict {
	if len(verdicts) == 0 {
		return maybe
	}
	low, high := always, never
	for _, one := range verdicts {
		low, high = min(low, one), max(high, one)
	}
	if low == high {
		return low
	}
	return maybe
}
