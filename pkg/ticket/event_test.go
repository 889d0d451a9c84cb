package ticket

import (
	"regexp"
	"testing"
	"time"
)

func TestAnswersOfOneIDAreTold(t *testing.T) {
	one, keys := 1, map[string]bool{}
	for _, s := range []*Satisfaction{nil, {}, {Score: &one}, {Recommendation: &one}, {Comment: "c"}} {
		e := Event{ID: "d36cd3c4-2d16-4a77-97c2-620bde859b29", Kind: KindSatisfaction, ConversationID: "c1", Satisfaction: s}
		keys[e.Key()] = true
	}
	if len(keys) != 4 { // no answer is no answer
		t.Errorf("keys = %v", keys)
	}
}

func TestJobOf(t *testing.T) {
	safe := regexp.MustCompile(`^[a-z0-9_-]+$`)
	for _, tc := range []struct{ name, id, want string }{
		{"uuid", "4c8c7408-f73c-42cd-89e9-afbbee7d9024", "4c8c7408-f73c-42cd-89e9-afbbee7d9024"},
		{"upper case", "4C8C7408-F73C-42CD-89E9-AFBBEE7D9024", "4c8c7408-f73c-42cd-89e9-afbbee7d9024"},
		{"number", "12345", "12345"},
		{"subject wildcards", "a.*.>", ""},
		{"empty", "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := string(JobOf(tc.id))
			if tc.want != "" && got != tc.want {
				t.Errorf("JobOf(%q) = %q, want %q", tc.id, got, tc.want)
			}
			if !safe.MatchString(got) {
				t.Errorf("JobOf(%q) = %q is not safe in a subject", tc.id, got)
			}
		})
	}
	if JobOf("a.b") == JobOf("a.c") {
		t.Error("different ids share a job")
	}
}

func TestAgeCountsFromTheLastReplay(t *testing.T) {
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	e := Event{ReceivedAt: now.Add(-80 * time.Hour)}
	if got := e.Age(now); got != 80*time.Hour {
		t.Errorf("age = %v, want 80h", got)
	}
	e.RevivedAt = now.Add(-time.Hour)
	if got := e.Age(now); got != time.Hour {
		t.Errorf("age after replay = %v, want 1h", got)
	}
}

func TestPurposeOf(t *testing.T) {
	escalated := Conversation{ClosingForm: ClosingForm{Known: true, Escalate: true}}
	for _, tc := range []struct {
		name string
		c    Conversation
		s    TicketSettings
		want Purpose
	}{
		{"both on, escalated", escalated, TicketSettings{Archive: true, Escalation: true}, PurposeEscalation},
		{"both on, not escalated", Conversation{}, TicketSettings{Archive: true, Escalation: true}, PurposeArchive},
		{"archive only, escalated", escalated, TicketSettings{Archive: true}, PurposeArchive},
		{"escalation only, not escalated", Conversation{}, TicketSettings{Escalation: true}, PurposeNone},
		{"neither", escalated, TicketSettings{}, PurposeNone},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := PurposeOf(tc.c, tc.s); got != tc.want {
				t.Errorf("PurposeOf = %q, want %q", got, tc.want)
			}
		})
	}
}
