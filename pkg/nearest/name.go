package nearest

import "strings"

// Name gives the name that was probably meant: the one with the fewest letters changed, and not more than a third.
func Name(given string, names []string) (name string, ok bool) {
	best := max(len(given)/3, 1) + 1
	for _, candidate := range names {
		if d := distance(strings.ToLower(given), strings.ToLower(candidate)); d < best {
			name, best, ok = candidate, d, true
		}
	}
	return name, ok
}

// distance is Levenshtein's, in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0] // of the row above, one to the left
		row[0] = i + 1
		for j := range len(b) {
			change := before
			if a[i] != b[j] {
				change++
			}
			before = row[j+1]
			row[j+1] = min(change, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
