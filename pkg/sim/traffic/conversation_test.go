package traffic

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"passerelle/pkg/sim/simiadvize"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

var noon = time.Date(2026, 3, 5, 12, 0, 0, 0, time.UTC)

var shop = Site{
	Platform: "ha", ProjectID: 1234, Locale: "fr",
	AgentEmails: []string{"luc.petit@example.fr", "ana@example.com", "Eva.Roth@example.com"},
}

func server(t *testing.T, cfg simiadvize.Config) *simiadvize.Server {
	t.Helper()
	if cfg.RetryDelays == nil {
		cfg.RetryDelays = []time.Duration{0, 0}
	}
	s, err := simiadvize.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func fixed() time.Time { return noon }

func TestScenariosAreComplete(t *testing.T) {
	placeholder := regexp.MustCompile(`\{\w+\}`)
	known := []string{"{visitor}", "{agent}", "{order}", "{date}", "{price}", "{product}"}
	for _, language := range languages {
		b := books[language]
		if len(b.humans) == 0 || len(b.bot.lines) < 3 || len(b.comments) == 0 || b.bot.tag == "" {
			t.Errorf("%s: %d scenarios, bot of %d lines, %d comments", language, len(b.humans), len(b.bot.lines), len(b.comments))
		}
		if len(firstNames[language]) == 0 || len(lastNames[language]) == 0 || len(products[language]) == 0 {
			t.Errorf("%s has no names or products", language)
		}
		for _, s := range b.humans {
			if len(s.lines) < 3 || s.note == "" || s.tag == "" {
				t.Errorf("%s: incomplete scenario %+v", language, s)
			}
			for _, l := range append(slices.Clone(s.lines), line{'A', s.note}) {
				text := strings.ReplaceAll(strings.ReplaceAll(l.text, "{{", ""), "}}", "")
				for _, p := range placeholder.FindAllString(text, -1) {
					if !slices.Contains(known, p) {
						t.Errorf("%s: unknown placeholder %s", language, p)
					}
				}
			}
		}
	}
}

func TestConversationIsDeterministic(t *testing.T) {
	all := func(seed int64) string {
		g := New(Config{Seed: seed, Now: fixed}, server(t, simiadvize.Config{}))
		var list []simiadvize.Conversation
		for range 50 {
			list = append(list, g.Conversation(shop))
		}
		out, err := json.Marshal(list)
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	if all(1) != all(1) {
		t.Error("the same seed gives other conversations")
	}
	if all(1) == all(2) {
		t.Error("another seed gives the same conversations")
	}
}

func TestKnownConversationsArePassedOver(t *testing.T) {
	s := server(t, simiadvize.Config{})
	first := New(Config{Seed: 3}, s)
	seen := map[string]bool{}
	for range 5 {
		c := first.Conversation(shop)
		seen[c.ID] = true
		if err := s.Add(c); err != nil {
			t.Fatal(err)
		}
	}
	if c := New(Config{Seed: 3}, s).Conversation(shop); seen[c.ID] {
		t.Error("a restarted generator makes the same conversation again")
	}
}

// TestVariety makes many conversations and looks for each kind that the real world has.
func TestVariety(t *testing.T) {
	const many = 4000
	g := New(Config{Seed: 1, Now: fixed}, server(t, simiadvize.Config{}))
	seen := map[string]int{}
	ids := map[string]bool{}
	for range many {
		m := g.make(g.next(), shop)
		c := m.Conversation
		ids[c.ID] = true
		check(t, c)
		note := func(kind string, is bool) {
			if is {
				seen[kind]++
			}
		}
		size := 0
		kinds := map[simiadvize.MessageKind]int{}
		text := ""
		for _, msg := range c.Messages {
			size += len(msg.Text)
			kinds[msg.Kind]++
			text += msg.Text
			note("attachment", len(msg.Attachments) > 0)
		}
		note("language "+c.Language, true)
		note("channel "+c.Channel, true)
		note("escalated", c.Escalated())
		note("empty", len(c.Messages) == 0)
		note("several hundred messages", len(c.Messages) >= 300)
		note("over 64 kB", size > 64<<10)
		note("bot only", len(c.Agents) == 1 && c.Agents[0].Kind == simiadvize.Bot)
		note("three agents", len(c.Agents) >= 3 && kinds[simiadvize.Pushed] >= 3)
		note("no agent", len(c.Agents) == 0)
		for _, a := range c.Agents {
			note("agent without e-mail", a.Kind == simiadvize.Expert && a.Email == "")
			note("unknown agent", a.Email == "former.colleague@example.com")
			note("known agent", slices.Contains(shop.AgentEmails, a.Email))
		}
		note("no visitor", c.Visitor == nil)
		if v := c.Visitor; v != nil {
			note("visitor without e-mail", v.Email == "" && v.FirstName != "")
			note("visitor without name", v.Email != "" && v.FirstName+v.LastName == "")
			note("visitor without both", v.Email == "" && v.FirstName+v.LastName == "")
			note("upper-case e-mail", v.Email != "" && v.Email == strings.ToUpper(v.Email))
		}
		note("template", strings.Contains(text, "{{ticket.id}}") && strings.Contains(text, "{%"))
		note("html", strings.Contains(text, "<script>"))
		note("emoji", strings.Contains(text, "👩‍👩‍👧‍👦"))
		note("no tags", len(c.Tags) == 0)
		note("tag with spaces", len(c.Tags) > 0 && strings.Contains(c.Tags[0].Name, " "))
		note("form null", c.ClosingForm == nil)
		note("form empty", c.ClosingForm != nil && len(c.ClosingForm) == 0)
		note("form unticked", len(c.ClosingForm) == 1 && !c.Escalated())
		note("escalated with note", c.Escalated() && c.ClosingForm[1].Value != "")
		note("escalated without note", c.Escalated() && c.ClosingForm[1].Value == "")
		note("long note", c.Escalated() && len([]rune(c.ClosingForm[1].Value)) > 1024)
		note("survey filled", c.Survey != nil)
		note("survey later", len(m.clicks) > 0 && !m.early)
		note("second thought", len(m.clicks) > 1 && m.clicks[1].answer.CustomerSatisfaction != nil)
		note("custom data", len(c.CustomData) > 0)
	}
	for _, kind := range []string{
		"language fr", "language en", "language de", "language es", "language it", "language nl", "language pt", "language ar", "language he",
		"channel CHAT", "channel CALL", "channel VIDEO", "channel FACEBOOK", "channel WHATSAPP",
		"escalated", "empty", "several hundred messages", "over 64 kB", "bot only", "three agents", "no agent", "agent without e-mail",
		"unknown agent", "known agent", "no visitor", "visitor without e-mail", "visitor without name", "visitor without both",
		"upper-case e-mail", "template", "html", "emoji", "no tags", "tag with spaces", "form null", "form empty", "form unticked",
		"escalated with note", "escalated without note", "long note", "survey filled", "survey later", "second thought", "custom data", "attachment",
	} {
		if seen[kind] < 5 {
			t.Errorf("%s: only %d of %d", kind, seen[kind], many)
		}
	}
	for kind, share := range map[string]float64{"escalated": 0.2, "empty": 0.016, "bot only": 0.062, "several hundred messages": 0.009} {
		if got := float64(seen[kind]) / many; got < share*0.6 || got > share*1.4 {
			t.Errorf("%s: share %.3f, want about %.3f", kind, got, share)
		}
	}
	if len(ids) != many {
		t.Errorf("%d different ids of %d", len(ids), many)
	}
}

// check holds for every conversation.
func check(t *testing.T, c simiadvize.Conversation) {
	t.Helper()
	if !c.ClosedAt.Equal(noon) || c.CreatedAt.After(c.ClosedAt) {
		t.Errorf("from %v to %v", c.CreatedAt, c.ClosedAt)
	}
	at := c.CreatedAt
	for _, m := range c.Messages {
		if m.At.Before(at) || m.At.After(c.ClosedAt) {
			t.Fatalf("message at %v in a conversation from %v to %v", m.At, c.CreatedAt, c.ClosedAt)
		}
		at = m.At
		for _, p := range []string{"{visitor}", "{order}", "{price}", "{date}", "{product}", "{agent}"} {
			if strings.Contains(m.Text, p) {
				t.Errorf("%s is left in %q", p, m.Text)
			}
		}
	}
	if len(c.Messages) > 0 && c.Messages[len(c.Messages)-1].Kind != simiadvize.Closed {
		t.Errorf("the last message is %s", c.Messages[len(c.Messages)-1].Kind)
	}
	if v := c.Visitor; v != nil && v.Email != "" {
		if _, domain, _ := strings.Cut(strings.ToLower(v.Email), "@"); domain != "example.com" && domain != "example.fr" {
			t.Errorf("e-mail at %s", domain)
		}
	}
}

func TestSharesOfNone(t *testing.T) {
	g := New(Config{
		EscalatedShare: -1, SatisfactionShare: -1, TransferShare: -1, BotShare: -1, EmptyShare: -1, LongShare: -1,
	}, server(t, simiadvize.Config{}))
	for range 500 {
		m := g.make(g.next(), Site{ProjectID: 1, Locale: "xx"})
		if m.Escalated() || len(m.clicks) > 0 || m.Survey != nil || len(m.Messages) == 0 || len(m.Messages) > 100 || len(m.Agents) > 2 {
			t.Fatalf("%d messages, %d agents, %d clicks, escalated %v", len(m.Messages), len(m.Agents), len(m.clicks), m.Escalated())
		}
	}
}

func BenchmarkConversation(b *testing.B) {
	s, err := simiadvize.New(simiadvize.Config{})
	if err != nil {
		b.Fatal(err)
	}
	g := New(Config{}, s)
	for b.Loop() {
		g.Conversation(shop)
	}
}
