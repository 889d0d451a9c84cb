package ticket

import (
	"html"
	"regexp"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var markup = regexp.MustCompile(`<[^>]*>`)

func unescaped(parts []string) string {
	text := strings.ReplaceAll(strings.Join(parts, ""), "<br>", "\n")
	return html.UnescapeString(markup.ReplaceAllString(text, ""))
}

func TestTranscript(t *testing.T) {
	zone := time.FixedZone("test", 2*3600)
	parts := Transcript([]Message{
		{At: time.Date(2026, 5, 1, 8, 0, 0, 0, time.UTC), Speaker: SpeakerVisitor, Text: "Where is <b>it</b>? {{ticket.id}}"},
		{Speaker: SpeakerAgent, Name: "Chloé", Text: "On its way", Attachments: []Attachment{{URL: "https://example.com/a.pdf", Name: "a.pdf"}, {URL: "javascript:alert(1)"}}},
	}, Speakers{Visitor: "Visitor"}, zone)
	if len(parts) != 1 {
		t.Fatalf("%d parts, want 1", len(parts))
	}
	for _, want := range []string{"<strong>Visitor</strong> (2026-05-01 10:00:00)", "&lt;b&gt;", "<strong>Chloé</strong>", `<a href="https://example.com/a.pdf">a.pdf</a>`} {
		if !strings.Contains(parts[0], want) {
			t.Errorf("%q lacks %q", parts[0], want)
		}
	}
	if strings.Contains(parts[0], "{{") || strings.Contains(parts[0], `href="javascript`) {
		t.Errorf("%q is not harmless", parts[0])
	}
	if Transcript(nil, Speakers{}, zone) != nil {
		t.Error("no message gave a part")
	}
}

// Whatever was said is in the ticket, in its order, whole, and harmless.
func TestEverythingThatWasSaidIsInTheTicket(t *testing.T) {
	piece := rapid.SampledFrom([]string{"{{", "{{ticket.id}}", "{%", "<b>", "</p>", "&lt;", "&amp;", "é", "👩‍👩‍👧", "שלום", "مرحبا", "\r\n", "\n", " ", "  ", "\t", "a", "\xff", "\x00", "<script>", "%}", "{"})
	text := rapid.Custom(func(t *rapid.T) string {
		words := rapid.OneOf(piece, rapid.String()).Draw(t, "word")
		return strings.Repeat(words, rapid.SampledFrom([]int{1, 1, 1, 3, 200, 20_000}).Draw(t, "times")) + rapid.String().Draw(t, "rest")
	})
	rapid.Check(t, func(t *rapid.T) {
		c, s, form, people := sound()
		c.Messages = nil
		for range rapid.IntRange(0, 12).Draw(t, "messages") {
			c.Messages = append(c.Messages, Message{
				At: time.Unix(rapid.Int64Range(0, 1<<33).Draw(t, "at"), 0), Speaker: Speaker(rapid.IntRange(0, 3).Draw(t, "speaker")),
				Name: text.Draw(t, "name"), Text: text.Draw(t, "text"),
			})
		}
		c.ClosingForm = ClosingForm{Known: true, Escalate: true, PrivateNote: text.Draw(t, "note")}
		d, err := Draw(c, s, PurposeEscalation, form, people)
		if err != nil {
			t.Fatal(err)
		}
		var texts []string
		for _, comment := range d.Comments {
			if len(comment.HTML) > MaxComment {
				t.Fatalf("a comment of %d bytes", len(comment.HTML))
			}
			for _, live := range []string{"{{", "{%", "<script", "</p></p>"} {
				if strings.Contains(comment.HTML, live) {
					t.Fatalf("%q is live", live)
				}
			}
			texts = append(texts, said(comment.HTML))
		}
		whole := strings.Join(texts, "")
		for _, m := range append(c.Messages, Message{Text: strings.TrimSpace(c.ClosingForm.PrivateNote)}) {
			want := strings.ReplaceAll(strings.ToValidUTF8(m.Text, "\uFFFD"), "\r\n", "\n")
			at := strings.Index(whole, want)
			if at < 0 {
				t.Fatalf("%.200q is not in the ticket after what came before", want)
			}
			whole = whole[at+len(want):]
		}
	})
}

// heading is what stands before each piece of a text.
var heading = regexp.MustCompile(`<p><strong>.*?</strong>[^<]*</p>`)

// said gives the texts of a comment as a person reads them.
func said(comment string) string { return unescaped([]string{heading.ReplaceAllString(comment, "")}) }

func FuzzTranscript(f *testing.F) {
	f.Add("hello {{x}}", "<i>", 3)
	f.Add(strings.Repeat("<é", 40_000), "a", 2)
	f.Fuzz(func(t *testing.T, text, name string, n int) {
		var messages []Message
		for range 1 + (n&0x7fffffff)%8 {
			messages = append(messages, Message{Text: text, Name: name, Speaker: SpeakerAgent})
		}
		parts := Transcript(messages, Speakers{}, time.UTC)
		for _, part := range parts {
			if len(part) > MaxComment || strings.Contains(part, "{{") {
				t.Fatalf("a part of %d bytes, or with a live placeholder", len(part))
			}
		}
		if len(text) < 1000 {
			want := strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\r\n", "\n")
			if got := strings.Count(unescaped(parts), want); want != "" && got < len(messages) {
				t.Fatalf("%q was found %d times, want %d", want, got, len(messages))
			}
		}
	})
}
