// Package traffic makes conversations as customers have them and lets a simulated iAdvize tell about them: in several
// languages, with transfers, bots, escalations, answers to the survey, and all the odd data that real ones have.
package traffic

import (
	"time"

	"passerelle/pkg/sim/simiadvize"
)

// Config says what traffic is wanted. A share is of all conversations, between 0 and 1; 0 takes the default and a
// negative one means none.
type Config struct {
	Seed  int64
	Rate  float64 // conversations a second; 0 = 1
	Sites []Site  // Run needs one

	EscalatedShare    float64 // an agent asks for an escalation ticket; 0.2
	SatisfactionShare float64 // the visitor answers the survey; 0.3
	TransferShare     float64 // two or three agents; 0.12
	BotShare          float64 // a bot alone; 0.08
	EmptyShare        float64 // no message at all; 0.02
	LongShare         float64 // several hundred messages, some over 64 kB of text; 0.01

	SatisfactionDelay time.Duration    // from the closing to the visitor's answers; 0 = 2 s, negative = at once
	InFlight          int              // conversations whose webhooks are under way at most; 0 = 1024. Run waits when they are
	DrainTimeout      time.Duration    // how long Run waits for what is under way when its context ends; 0 = until it is over
	Now               func() time.Time // nil = time.Now
}

// Site is a project at iAdvize and the webhook that hears of it.
type Site struct {
	Platform    string // ha (also when empty) or sd
	ProjectID   int64
	Locale      string   // fr en de es it nl pt; most of the site's visitors write in it. en when unknown
	AgentEmails []string // agents who exist in Zendesk too
	WebhookURL  string
	Secret      string
	Weight      int // share of the traffic in relation to the other sites; 0 = 1
}

func (s Site) webhook() simiadvize.Webhook {
	return simiadvize.Webhook{URL: s.WebhookURL, Secret: s.Secret}
}

func (cfg Config) withDefaults() Config {
	for _, share := range []struct {
		of    *float64
		value float64
	}{
		{&cfg.EscalatedShare, 0.2}, {&cfg.SatisfactionShare, 0.3}, {&cfg.TransferShare, 0.12},
		{&cfg.BotShare, 0.08}, {&cfg.EmptyShare, 0.02}, {&cfg.LongShare, 0.01},
	} {
		if *share.of == 0 {
			*share.of = share.value
		}
	}
	if cfg.Rate <= 0 {
		cfg.Rate = 1
	}
	if cfg.SatisfactionDelay == 0 {
		cfg.SatisfactionDelay = 2 * time.Second
	}
	if cfg.InFlight <= 0 {
		cfg.InFlight = 1024
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return cfg
}
