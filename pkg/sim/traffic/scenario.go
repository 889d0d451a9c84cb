package traffic

import (
	"embed"
	"path"
	"strings"
)

//go:embed scenarios/*.txt
var scenarioFiles embed.FS

// scenario is a conversation to be filled in.
type scenario struct {
	lines []line
	note  string // what the agent writes when escalating
	tag   string
}

// line is what one of the two says; speaker is V for the visitor, A for the agent, F for a file of the visitor.
type line struct {
	speaker byte
	text    string
}

// book is what is said in one language.
type book struct {
	language string
	humans   []scenario
	bot      scenario
	comments []string // of the survey
}

// books is read once; the files are part of the program, and a test reads them all.
var books = readBooks()

func readBooks() map[string]book {
	out := map[string]book{}
	for _, language := range languages {
		// The file is embedded: a test would fail long before it could be missing here.
		text, _ := scenarioFiles.ReadFile(path.Join("scenarios", language+".txt"))
		out[language] = readBook(language, string(text))
	}
	return out
}

func readBook(language, text string) book {
	b := book{language: language}
	for block := range strings.SplitSeq("\n"+text, "\n# ") {
		title, rest, _ := strings.Cut(block, "\n")
		var s scenario
		for l := range strings.Lines(rest) {
			kind, said, _ := strings.Cut(strings.TrimSpace(l), ": ")
			switch kind {
			case "V", "A", "F":
				s.lines = append(s.lines, line{kind[0], said})
			case "note":
				s.note = said
			case "tag":
				s.tag = said
			case "C":
				b.comments = append(b.comments, said)
			}
		}
		switch {
		case title == "bot":
			b.bot = s
		case len(s.lines) > 0:
			b.humans = append(b.humans, s)
		}
	}
	return b
}

// languages are those that conversations are in. The first six are common, the others rare.
var languages = []string{"fr", "en", "de", "es", "it", "nl", "pt", "ar", "he"}

const commonLanguages = 6

// odd are lines that break software which is not careful: markup, templates, emoji, both writing directions.
var odd = []string{
	"<b>URGENT</b> <script>alert('x')</script> <img src=x onerror=alert(1)>",
	"{{ticket.id}} {{ticket.requester.email}} {% if ticket.status == 'open' %}x{% endif %}",
	"😀👍🏽👩‍👩‍👧‍👦🇫🇷 ❤️",
	"هل تتكلمون العربية؟ order 12/34",
	"אפשר בעברית? (order 56)",
	"Obrigado, até amanhã! Não se esqueçam da minha encomenda, por favor.",
	"a < b && c > d; \"quoted\" 'single' \\ backslash %s %d ${HOME} &amp; &lt;p&gt;",
	"line one\nline two\r\n\n- a list\n- of two\t(tab)",
	"see https://www.example.com/search?q=a%20b&lang=fr#top and shop@example.com",
	"z\u0335a\u0335l\u0335g\u0335o \u202eright to left\u202c zero\u200bwidth",
}
