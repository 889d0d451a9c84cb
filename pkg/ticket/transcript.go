package ticket

import (
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"
)

// Speakers are the words for those who have no name of their own in a transcript.
type Speakers struct {
	Visitor, Agent, Bot, System string
}

// Transcript writes the messages as HTML, in order, in as many parts as it takes to keep each at most MaxComment bytes
// long. A message that is longer than a part goes on in the next one. Times are those of zone.
func Transcript(messages []Message, words Speakers, zone *time.Location) []string {
	var parts []string
	var part strings.Builder
	flush := func() {
		if part.Len() > 0 {
			parts = append(parts, part.String())
			part.Reset()
		}
	}
	// The text has a paragraph of its own, so that it runs from right to left where it must, whatever the name is.
	const before, between, after = "<p>", `</p><p dir="auto">`, "</p>"
	room := 0
	for _, m := range messages {
		room += len(m.Name) + len(m.Text) + 3*len(between) + len("(2006-01-02 15:04:05)")
	}
	part.Grow(min(room, MaxComment)) // about what there will be: to grow step by step takes twice the memory
	for _, m := range messages {
		head := m.head(words, zone)
		around := len(before) + len(head) + len(between) + len(after)
		for _, piece := range m.body(MaxComment - around) {
			if part.Len()+around+len(piece) > MaxComment {
				flush()
			}
			part.WriteString(before)
			part.WriteString(head)
			part.WriteString(between)
			part.WriteString(piece)
			part.WriteString(after)
		}
	}
	flush()
	return parts
}

func (m Message) head(words Speakers, zone *time.Location) string {
	name := m.Name
	if name == "" {
		name = map[Speaker]string{SpeakerVisitor: words.Visitor, SpeakerAgent: words.Agent, SpeakerBot: words.Bot, SpeakerSystem: words.System}[m.Speaker]
	}
	const longName = 200 // runes; longer ones are no names and would leave no room for the text
	if utf8.RuneCountInString(name) > longName {
		name = string([]rune(name)[:longName])
	}
	at := ""
	if !m.At.IsZero() {
		at = " (" + m.At.In(zone).Format("2006-01-02 15:04:05") + ")"
	}
	return fmt.Sprintf("<strong>%s</strong>%s", Escape(name), at)
}

// body gives the message, escaped, in pieces of at most limit bytes: nearly always one.
func (m Message) body(limit int) []string {
	var links []string
	for _, a := range m.Attachments {
		links = append(links, a.link())
	}
	if whole := Escape(m.Text) + strings.Join(links, ""); len(whole) <= limit {
		return []string{whole}
	}
	return pieces(append(tokens(m.Text), links...), limit)
}

// tokens gives a text as escaped parts that must not be cut.
func tokens(text string) (all []string) {
	for _, r := range strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\r\n", "\n") {
		all = append(all, Escape(string(r)))
	}
	return all
}

// link shows an address that is not plain http or https, or too long to be one, as text.
func (a Attachment) link() string {
	const longURL = 4000
	name := a.Name
	if name == "" {
		name = a.URL
	}
	if len(name) > longURL {
		name = strings.ToValidUTF8(name[:longURL], "")
	}
	u, err := url.Parse(a.URL)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || len(a.URL) > longURL {
		return "<br>" + Escape(name)
	}
	return fmt.Sprintf(`<br><a href="%s">%s</a>`, Escape(a.URL), Escape(name))
}

// pieces joins tokens to strings of at most limit bytes.
func pieces(tokens []string, limit int) []string {
	var out []string
	var piece strings.Builder
	for _, token := range tokens {
		if piece.Len() > 0 && piece.Len()+len(token) > limit {
			out = append(out, piece.String())
			piece.Reset()
		}
		piece.WriteString(token)
	}
	return append(out, piece.String())
}
