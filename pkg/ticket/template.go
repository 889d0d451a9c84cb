package ticket

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Template is a text in which {name} stands for something known of the conversation. What else stands in braces stays
// as it is. Variables lists the names; {custom.KEY} is the conversation's custom data of that key.
type Template string

var variable = regexp.MustCompile(`\{([a-z_]+|custom\.[^{}\s]+)\}`)

// Variables gives the names that a template may hold, besides custom.KEY.
func Variables() []string {
	return slices.Sorted(maps.Keys(variablesOf(Conversation{}, Site{}, PurposeNone)))
}

// Unknown gives the variables of the template that there are not.
func (t Template) Unknown() []string {
	known := Variables()
	var unknown []string
	for _, match := range variable.FindAllStringSubmatch(string(t), -1) {
		if name := match[1]; !slices.Contains(known, name) && !strings.HasPrefix(name, "custom.") {
			unknown = append(unknown, name)
		}
	}
	return unknown
}

// Fill puts the words in. A template with variables of which none has a value gives the empty text, so that "Order
// {custom.order}" is nothing when there is no order.
func (t Template) Fill(words map[string]string) string {
	asked, filled := false, false
	text := variable.ReplaceAllStringFunc(string(t), func(match string) string {
		asked = true
		word := words[match[1:len(match)-1]]
		filled = filled || word != ""
		return word
	})
	if asked && !filled {
		return ""
	}
	return strings.TrimSpace(text)
}

// variablesOf gives the words of a conversation. The names are part of the configuration's public face.
func variablesOf(c Conversation, s Site, purpose Purpose) map[string]string {
	agent, _ := c.HandledBy()
	labels := LabelsIn(s.Locale)
	words := map[string]string{
		"conversation_id": c.ID,
		"channel":         c.Channel,
		"language":        c.Language,
		"site":            s.Name,
		"purpose":         string(purpose),
		"tags":            strings.Join(c.Tags, ", "),
		"visitor_name":    c.Visitor.name(),
		"visitor_email":   c.Visitor.Email,
		"visitor_phone":   c.Visitor.Phone,
		"visitor_id":      c.Visitor.ExternalID,
		"agent_name":      agent.Name,
		"label":           labels.Subject,
		"opened_on":       day(c.CreatedAt, s),
		"closed_on":       day(c.ClosedAt, s),
		"score":           "",
		"recommendation":  "",
	}
	if purpose == PurposeEscalation {
		words["label"] = labels.Escalated
	}
	if c.Survey.Score != nil {
		words["score"] = fmt.Sprint(*c.Survey.Score)
	}
	if c.Survey.Recommendation != nil {
		words["recommendation"] = fmt.Sprint(*c.Survey.Recommendation)
	}
	for key, value := range c.CustomData {
		words["custom."+key] = value
	}
	return words
}

// day writes a date as Zendesk's date fields take it, in the site's time zone.
func day(t time.Time, s Site) string {
	if t.IsZero() {
		return ""
	}
	return t.In(s.zone()).Format(time.DateOnly)
}

// subjectOf fills the site's template, or the usual one. Line ends would end up in mail headers, and Zendesk renders
// placeholders in subjects too.
func subjectOf(template Template, words map[string]string) string {
	if template == "" {
		template = "{label} {conversation_id}"
	}
	text := strings.Join(strings.Fields(strings.ToValidUTF8(template.Fill(words), "\uFFFD")), " ")
	for _, opening := range []string{"{{", "{%"} {
		for strings.Contains(text, opening) {
			text = strings.ReplaceAll(text, opening, "{ "+opening[1:])
		}
	}
	return shortened(text, longSubject)
}

const longSubject = 255 // runes; Zendesk's own limit is not documented

func shortened(text string, limit int) string {
	if runes := []rune(text); len(runes) > limit {
		return string(runes[:limit])
	}
	return text
}
