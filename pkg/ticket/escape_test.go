package ticket

import (
	"html"
	"strings"
	"testing"
)

func TestEscape(t *testing.T) {
	for in, want := range map[string]string{
		"a < b & c":      "a &lt; b &amp; c",
		"{{ticket.id}}":  "&#123;&#123;ticket.id}}",
		"one\r\ntwo\n":   "one<br>two<br>",
		"bad \xff bytes": "bad \uFFFD bytes",
	} {
		if got := Escape(in); got != want {
			t.Errorf("Escape(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzEscape(f *testing.F) {
	f.Add("{{x}} <b>{%")
	f.Fuzz(func(t *testing.T, in string) {
		got := Escape(in)
		if strings.Contains(got, "{{") || strings.Contains(got, "{%") {
			t.Fatalf("%q keeps a live placeholder", got)
		}
		back := html.UnescapeString(strings.ReplaceAll(got, "<br>", "\n"))
		if want := strings.ToValidUTF8(strings.ReplaceAll(in, "\r\n", "\n"), "\uFFFD"); back != want {
			t.Fatalf("reads as %q, want %q", back, want)
		}
		if cut := strings.Join(tokens(in), ""); cut != got {
			t.Fatalf("%q is %q in tokens", got, cut)
		}
	})
}
