package ticket

import (
	"html"
	"regexp"
	"strings"
	"testing"
	"time"
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
