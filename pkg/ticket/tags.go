package ticket

import (
	"slices"
	"strings"
	"unicode"
)

// Tags makes valid Zendesk tags: lower case, without white space, each once, in the order given. Zendesk would split a
// tag at its spaces into several.
func Tags(lists ...[]string) []string {
	var tags []string
	for _, list := range lists {
		for _, raw := range list {
			tag := strings.Map(func(r rune) rune {
				switch {
				case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '/':
					return unicode.ToLower(r)
				default:
					return '_'
				}
			}, strings.TrimSpace(raw))
			if strings.Trim(tag, "_") != "" && !slices.Contains(tags, tag) {
				tags = append(tags, tag)
			}
		}
	}
	return tags
}
