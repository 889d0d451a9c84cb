package traffic

import (
	"time"

	"passerelle/pkg/sim/simiadvize"
)

// click is one answer of the visitor: exactly one part of the survey, or the site's own question.
type click struct {
	answer   simiadvize.Survey
	question bool
}

// answered adds the survey: clicks that come after the conversation, or before its end.
func (g *Generator) answered(d *draft) made {
	m := made{Conversation: d.c}
	if !chance(d.r, g.cfg.SatisfactionShare) || len(d.c.Agents) == 0 {
		return m
	}
	score := 1 + d.r.IntN(5)
	if chance(d.r, 0.15) { // a second thought: every click is an event
		first := 1 + d.r.IntN(5)
		m.clicks = append(m.clicks, click{answer: simiadvize.Survey{CustomerSatisfaction: &first}})
	}
	m.clicks = append(m.clicks, click{answer: simiadvize.Survey{CustomerSatisfaction: &score}})
	if chance(d.r, 0.5) {
		recommendation := d.r.IntN(11)
		m.clicks = append(m.clicks, click{answer: simiadvize.Survey{NetPromoterScore: &recommendation}})
	}
	if chance(d.r, 0.4) {
		m.clicks = append(m.clicks, click{answer: simiadvize.Survey{Comment: d.fill.Replace(one(d.r, d.book.comments))}})
	}
	if chance(d.r, 0.1) {
		m.clicks = append(m.clicks, click{question: true})
	}
	m.early, m.shuffle = chance(d.r, 0.3), chance(d.r, 0.2)
	if m.early {
		m.Survey = &simiadvize.Survey{}
		for _, c := range m.clicks {
			c.into(m.Survey)
		}
	}
	return m
}

func (c click) into(s *simiadvize.Survey) {
	switch {
	case c.answer.CustomerSatisfaction != nil:
		s.CustomerSatisfaction = c.answer.CustomerSatisfaction
	case c.answer.NetPromoterScore != nil:
		s.NetPromoterScore = c.answer.NetPromoterScore
	case c.answer.Comment != "":
		s.Comment = c.answer.Comment
	}
}

// events are the webhooks of the clicks, a millisecond apart.
func (g *Generator) events(m made) []simiadvize.Event {
	out := make([]simiadvize.Event, len(m.clicks))
	now := g.cfg.Now()
	for i, c := range m.clicks {
		switch a := c.answer; {
		case a.CustomerSatisfaction != nil:
			out[i] = g.server.CustomerSatisfactionEvent(m.Conversation, *a.CustomerSatisfaction)
		case a.NetPromoterScore != nil:
			out[i] = g.server.NetPromoterScoreEvent(m.Conversation, *a.NetPromoterScore)
		case a.Comment != "":
			out[i] = g.server.SatisfactionCommentEvent(m.Conversation, a.Comment)
		default:
			out[i] = g.server.CustomQuestionEvent(m.Conversation, c.question)
		}
		out[i].CreatedAt = now.Add(time.Duration(i) * time.Millisecond)
	}
	if m.shuffle {
		g.rand(uint64(m.LegacyID)).Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	}
	return out
}
