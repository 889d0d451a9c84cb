package ticket

import (
	"html"
	"strings"
)

// Escape makes a text safe inside a ticket's HTML comment: markup shows as text, line ends stay, and "{{" and "{%" no
// longer open a placeholder, which Zendesk would render. What a person reads does not change.
func Escape(text string) string {
	text = strings.ToValidUTF8(strings.ReplaceAll(text, "\r\n", "\n"), "\uFFFD")
	text = strings.ReplaceAll(html.EscapeString(text), "{", "&#123;")
	return strings.ReplaceAll(text, "\n", "<br>")
}
