package traffic

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/google/uuid"

	"passerelle/pkg/sim/simiadvize"
)

// NoteField is the closing form's text that goes with an escalation.
const NoteField = "private_note"

// made is a conversation with what its visitor says about it later.
type made struct {
	simiadvize.Conversation
	clicks  []click
	early   bool // the answers were given before the conversation was closed
	shuffle bool // the answers arrive in another order than they were given in
}

// Conversation makes the next conversation of a site, closed now. What it makes depends on the seed and on how many
// were made before, and not on the time but for the timestamps. Ids that the server has already are passed over, so
// that a restart with the same seed makes new ones. It does not add the conversation. Safe for concurrent use.
func (g *Generator) Conversation(site Site) simiadvize.Conversation {
	return g.make(g.next(), site).Conversation
}

// next is a number whose conversation the server does not have.
func (g *Generator) next() uint64 {
	for {
		n := g.made.Add(1)
		if _, known := g.server.Conversation(randomUUID(g.rand(n))); !known {
			return n
		}
	}
}

func (g *Generator) rand(n uint64) *rand.Rand {
	return rand.New(rand.NewPCG(uint64(g.cfg.Seed), n))
}

func randomUUID(r *rand.Rand) string {
	var id uuid.UUID
	for i := range id {
		id[i] = byte(r.Uint32())
	}
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80 // version 4
	return id.String()
}

// draft collects what the parts of a conversation are made from.
type draft struct {
	r        *rand.Rand
	book     book
	scenario scenario
	fill     *strings.Replacer
	c        simiadvize.Conversation
	at       time.Duration // since the beginning
}

func (g *Generator) make(n uint64, site Site) made {
	r := g.rand(n)
	d := &draft{r: r, c: simiadvize.Conversation{
		ID: randomUUID(r), LegacyID: 1_000_000 + int64(n), ProjectID: site.ProjectID, Platform: site.Platform,
		ProjectName: fmt.Sprintf("Shop %d", site.ProjectID),
	}}
	d.book = books[language(r, site.Locale)]
	d.c.Language = d.book.language
	escalated, botOnly := chance(r, g.cfg.EscalatedShare), chance(r, g.cfg.BotShare)
	empty, long := chance(r, g.cfg.EmptyShare), chance(r, g.cfg.LongShare)
	transferred := chance(r, g.cfg.TransferShare)
	if escalated { // an agent must have been there to ask for it
		botOnly, empty = false, false
	}
	d.c.Channel = channel(r, escalated || botOnly || long)
	offsite := d.c.Channel == "FACEBOOK" || d.c.Channel == "WHATSAPP"
	d.c.Visitor = visitor(r, d.book.language, offsite)

	switch {
	case botOnly:
		d.c.Agents, d.scenario = []simiadvize.Agent{bot(site)}, d.book.bot
	case transferred:
		d.c.Agents = humans(r, site, 2+r.IntN(2))
	default:
		d.c.Agents = humans(r, site, 1)
	}
	if !botOnly {
		d.scenario = one(r, d.book.humans)
		if chance(r, 0.15) {
			d.c.Agents = append([]simiadvize.Agent{bot(site)}, d.c.Agents...)
		}
	}
	d.fill = d.replacer()
	switch {
	case empty && chance(r, 0.5):
		d.c.Agents = nil // the visitor left before anyone got the conversation
	case empty:
	case d.c.Channel == "CALL":
		d.talk(nil)
	case long:
		d.talk(d.longLines())
	default:
		d.talk(d.scenario.lines)
	}
	d.end(g.cfg.Now())
	d.tags(empty)
	if !botOnly && !offsite && len(d.c.Agents) > 0 {
		d.closingForm(escalated)
	}
	if chance(r, 0.5) {
		d.c.CustomData = []simiadvize.CustomData{
			{Key: "order_id", Label: "Order", Value: d.fill.Replace("{order}")}, {Key: "cart_value", Value: d.fill.Replace("{price}")},
		}
	}
	return g.answered(d)
}

func language(r *rand.Rand, locale string) string {
	switch n := r.IntN(100); {
	case n < 5:
		return one(r, languages[commonLanguages:])
	case n < 20:
		return one(r, languages[:commonLanguages])
	}
	if _, ok := books[locale]; ok {
		return locale
	}
	return "en"
}

func channel(r *rand.Rand, chat bool) string {
	switch n := r.IntN(100); {
	case chat || n < 90:
		return "CHAT"
	case n < 94:
		return "CALL"
	case n < 95:
		return "VIDEO"
	case n < 98:
		return "FACEBOOK"
	}
	return "WHATSAPP"
}

func (d *draft) replacer() *strings.Replacer {
	name := ""
	if d.c.Visitor != nil && d.c.Visitor.FirstName != "" {
		name = " " + d.c.Visitor.FirstName
	}
	agent := ""
	if n := len(d.c.Agents); n > 0 && d.c.Agents[n-1].FirstName != "" {
		agent = " " + d.c.Agents[n-1].FirstName
	}
	price := fmt.Sprintf("%d,%02d €", 5+d.r.IntN(200), d.r.IntN(100))
	if d.book.language == "en" {
		price = "£" + strings.Replace(strings.TrimSuffix(price, " €"), ",", ".", 1)
	}
	return strings.NewReplacer(
		" {visitor}", name, " {agent}", agent, "{price}", price,
		"{order}", fmt.Sprintf("CMD-%07d", d.r.IntN(10_000_000)),
		"{date}", fmt.Sprintf("%02d/%02d", 1+d.r.IntN(28), 1+d.r.IntN(12)),
		"{product}", one(d.r, products[d.book.language]),
	)
}

// talk writes the lines down. The conversation is given to the agents one after the other, at even distances.
func (d *draft) talk(lines []line) {
	current := 0
	for i, a := range d.c.Agents {
		d.say(simiadvize.Message{Kind: simiadvize.Pushed, AgentID: a.ID})
		until := len(lines) * (i + 1) / len(d.c.Agents)
		for ; current < until; current++ {
			d.speak(lines[current], a.ID)
			if chance(d.r, 0.04) {
				d.speak(line{'V', one(d.r, odd)}, a.ID)
			}
		}
	}
}

func (d *draft) speak(l line, agentID int64) {
	switch text := d.fill.Replace(l.text); l.speaker {
	case 'A':
		d.say(simiadvize.Message{Kind: simiadvize.AgentSaid, AgentID: agentID, Text: text})
	case 'F':
		d.say(simiadvize.Message{Kind: simiadvize.VisitorSaid, Attachments: []simiadvize.Attachment{{
			URL: "https://files.example.com/" + d.c.ID + "/" + text, Name: text, ContentType: "image/jpeg",
		}}})
	default:
		d.say(simiadvize.Message{Kind: simiadvize.VisitorSaid, Text: text})
	}
}

// say appends a message; its time is since the beginning until end knows when that was.
func (d *draft) say(m simiadvize.Message) {
	d.at += time.Duration(2000+d.r.IntN(30_000)) * time.Millisecond
	m.At = time.UnixMilli(0).Add(d.at)
	d.c.Messages = append(d.c.Messages, m)
}

// longLines are at least three hundred, with pasted texts between them: from about 20 to over 128 kB.
func (d *draft) longLines() []line {
	var lines []line
	want := 20_000 + d.r.IntN(110_000)
	for size := 0; len(lines) < 300 || size < want; {
		for _, l := range one(d.r, d.book.humans).lines {
			lines = append(lines, l)
			size += len(l.text)
		}
		paste := strings.Repeat(one(d.r, d.book.humans).note+"\n", 1+d.r.IntN(12))
		lines = append(lines, line{'V', paste})
		size += len(paste)
	}
	return lines
}

// end closes the conversation and moves its beginning to where its length wants it.
func (d *draft) end(now time.Time) {
	now = now.UTC().Truncate(time.Millisecond)
	if len(d.c.Messages) > 0 {
		d.say(simiadvize.Message{Kind: simiadvize.Closed})
	} else {
		d.at = time.Minute
	}
	d.c.CreatedAt, d.c.ClosedAt = now.Add(-d.at), now
	for i := range d.c.Messages {
		sinceBeginning := d.c.Messages[i].At.Sub(time.UnixMilli(0))
		d.c.Messages[i].At = d.c.CreatedAt.Add(sinceBeginning)
		d.c.Messages[i].ID = fmt.Sprintf("%s-%d", d.c.ID, i+1)
	}
}

// tags are set by agents, who leave them out in a quarter of the conversations.
func (d *draft) tags(empty bool) {
	if empty || chance(d.r, 0.25) {
		return
	}
	names := []string{d.scenario.tag}
	if chance(d.r, 0.3) {
		names = append(names, one(d.r, []string{"VIP", "Service après-vente", "first contact", "À rappeler", "Größe/Farbe", "client fidèle, newsletter"}))
	}
	for _, name := range names {
		hash := fnv.New32a()
		fmt.Fprint(hash, name)
		d.c.Tags = append(d.c.Tags, simiadvize.Tag{ID: int64(hash.Sum32() % 100_000), Name: name})
	}
}

// closingForm is what the agent left in the form: a form without escalation is unticked, empty or was not shown.
func (d *draft) closingForm(escalated bool) {
	ticked := simiadvize.FormValue{FieldID: simiadvize.EscalationField, Value: "true", Checkbox: true}
	if !escalated {
		ticked.Value = "false"
		d.c.ClosingForm = [][]simiadvize.FormValue{nil, {}, {ticked}}[d.r.IntN(3)]
		return
	}
	note := d.fill.Replace(d.scenario.note)
	switch n := d.r.IntN(100); {
	case n < 8:
		note = ""
	case n < 12:
		note = strings.Repeat(note+" ", 20) // iAdvize keeps 1024 characters
	case n < 16:
		note += "\n<i>voir dossier</i> {{ticket.id}} 📌"
	}
	d.c.ClosingForm = []simiadvize.FormValue{ticked, {FieldID: NoteField, Value: note}}
}
