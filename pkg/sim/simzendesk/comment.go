package simzendesk

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html"
)

// maxComment is the size of a comment body in bytes. What is longer is cut without a word:
// https://developer.zendesk.com/api-reference/ticketing/tickets/ticket_comments/
const maxComment = 64 << 10

var (
	liquid   = regexp.MustCompile(`(?s)\{\{.*?\}\}|\{%.*?%\}`)
	tag      = regexp.MustCompile(`(?s)</?[a-zA-Z][^>]*>|<!--.*?-->`)
	spaces   = regexp.MustCompile(` {2,}`)
	newlines = regexp.MustCompile(`\n{2,}`)
)

// rendered is a comment's text as it is kept.
type rendered struct {
	body, html string
	truncated  bool
}

// render makes the text of a comment out of what came. html_body goes before body.
func (d *draft) render(body, htmlBody string) rendered {
	if htmlBody != "" {
		text, cut := truncate(d.placeholders(htmlBody))
		return rendered{strings.TrimSpace(withoutTags(text)), `<div class="zd-comment" dir="auto">` + text + `</div>`, cut}
	}
	text := strings.ReplaceAll(d.placeholders(body), "\r\n", "\n")
	if strings.Contains(text, "<") {
		text = tag.ReplaceAllString(text, "")
	}
	text = newlines.ReplaceAllString(spaces.ReplaceAllString(text, " "), "\n")
	text, cut := truncate(text)
	return rendered{text, `<div class="zd-comment" dir="auto"><p dir="auto">` +
		strings.ReplaceAll(html.EscapeString(text), "\n", "<br>") + `</p></div>`, cut}
}

// withoutTags is what is left of an HTML text without its tags. Some of them end a line.
func withoutTags(text string) string {
	var out strings.Builder
	for z := html.NewTokenizer(strings.NewReader(text)); ; {
		switch z.Next() {
		case html.ErrorToken: // the end: a string cannot fail
			return out.String()
		case html.TextToken:
			out.Write(z.Text())
		case html.StartTagToken, html.SelfClosingTagToken:
			if name, _ := z.TagName(); string(name) == "br" {
				out.WriteByte('\n')
			}
		case html.EndTagToken:
			switch name, _ := z.TagName(); string(name) {
			case "p", "div", "li", "tr", "h1", "h2", "h3", "h4", "h5", "h6":
				out.WriteByte('\n')
			}
		case html.CommentToken, html.DoctypeToken:
		}
	}
}

func truncate(s string) (string, bool) {
	if len(s) <= maxComment {
		return s, false
	}
	cut := maxComment
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut], true
}

// placeholders renders the Liquid of a text: a few placeholders have a value, all others vanish.
func (d *draft) placeholders(s string) string {
	if !strings.Contains(s, "{{") && !strings.Contains(s, "{%") {
		return s
	}
	return liquid.ReplaceAllStringFunc(s, func(p string) string {
		switch strings.TrimSpace(strings.Trim(p, "{}%")) {
		case "ticket.id":
			return idText(d.ticket.ID)
		case "ticket.title":
			return d.ticket.Subject
		case "ticket.status":
			return d.ticket.Status
		case "ticket.account":
			return d.a.account.Name
		}
		return ""
	})
}

// addComment reads a comment. It is nil when there is no text.
func (d *draft) addComment(in input, first bool) {
	text := in.text("body")
	if text == "" {
		text = in.text("value") // as the import spells it
	}
	r := d.render(text, in.text("html_body"))
	if strings.TrimSpace(r.body) == "" {
		return
	}
	author := d.call.user.ID
	if first {
		author = d.ticket.SubmitterID
	}
	if in["author_id"] != nil {
		author = d.userID(in.number("author_id"), "author", "Author")
	}
	c := Comment{AuthorID: author, Body: r.body, HTMLBody: r.html, Truncated: r.truncated, CreatedAt: d.call.now}
	c.Public = d.ticket.IsPublic || first
	if in["public"] != nil {
		c.Public = in.flag("public")
	}
	if d.call.user.light() || d.call.user.OnlyPrivateComments {
		c.Public = false
	}
	if d.importing {
		c.CreatedAt = d.ticket.CreatedAt
		if at := in.text("created_at"); at != "" {
			c.CreatedAt = d.importTime("comments", at)
		}
	}
	if first {
		d.ticket.IsPublic = c.Public
		d.ticket.Description = c.Body
	}
	d.ticket.IsPublic = d.ticket.IsPublic || c.Public
	d.comments = append(d.comments, c)
}

// commentOf finds the first comment: comment, or the older description.
func commentOf(in input) (input, bool) {
	if c, ok := in["comment"].(map[string]any); ok {
		return c, true
	}
	if s := in.text("comment"); s != "" {
		return input{"body": s}, true
	}
	if s := in.text("description"); s != "" {
		return input{"body": s}, true
	}
	return nil, false
}
