package simiadvize

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

const list = `query List($from: DateTime!, $to: DateTime!, $projects: [Int!], $channels: [String!], $first: Int, $after: String) {
  closedConversations(interval: {from: $from, to: $to}, projectIds: $projects, channels: $channels, first: $first, after: $after) {
    edges { cursor node { id closedAt users { id email } } } pageInfo { endCursor hasNextPage } } }`

func (p *platform) listed(variables map[string]any) (ids []string, next any) {
	p.t.Helper()
	for k, v := range map[string]any{"from": "2026-03-05T00:00:00Z", "to": "2026-03-06T00:00:00+01:00"} {
		if variables[k] == nil {
			variables[k] = v
		}
	}
	page := at(p.t, p.ask(list, variables), "closedConversations")
	for i := range at(p.t, page, "edges").([]any) {
		ids = append(ids, at(p.t, page, "edges", i, "node", "id").(string))
	}
	if at(p.t, page, "pageInfo", "hasNextPage") == true {
		next = at(p.t, page, "pageInfo", "endCursor")
	}
	return ids, next
}

func TestClosedConversationsFilters(t *testing.T) {
	p := start(t, Config{ReadableAfter: time.Second})
	for i, c := range []Conversation{
		{ID: id1, ProjectID: 1, Channel: "CHAT", ClosedAt: noon, Agents: []Agent{{ID: 5, LastName: "A"}}},
		{ID: id2, ProjectID: 2, Channel: "CALL", ClosedAt: noon.Add(time.Minute)},
		{ID: id3, ProjectID: 1, Channel: "SMS", ClosedAt: noon.Add(time.Hour)},
		{ProjectID: 1, Platform: "sd", ClosedAt: noon},
		{ProjectID: 1, CreatedAt: noon}, // still open
	} {
		p.add(c)
		if i == 1 {
			p.clock.advance(time.Second) // the third is not readable yet
		}
	}
	for name, c := range map[string]struct {
		variables map[string]any
		want      []string
	}{
		"all readable":    {map[string]any{}, []string{id1, id2}},
		"both ends":       {map[string]any{"from": "2026-03-05T12:00:00Z", "to": "2026-03-05T12:01:00Z"}, []string{id1, id2}},
		"before":          {map[string]any{"to": "2026-03-05T11:59:59.999Z"}, nil},
		"from behind":     {map[string]any{"from": "2026-03-05T12:00:00.001Z"}, []string{id2}},
		"turned around":   {map[string]any{"from": "2026-03-06T00:00:00Z", "to": "2026-03-05T00:00:00Z"}, nil},
		"project":         {map[string]any{"projects": []int{2, 3}}, []string{id2}},
		"no project":      {map[string]any{"projects": []int{}}, nil},
		"channel":         {map[string]any{"channels": []string{"CHAT", "SMS"}}, []string{id1}},
		"nothing on page": {map[string]any{"first": 0}, nil},
	} {
		if got, _ := p.listed(c.variables); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	users := at(t, p.ask(list, map[string]any{"from": "2026-03-05T00:00:00Z", "to": "2026-03-06T00:00:00Z"}), "closedConversations", "edges", 0, "node", "users")
	if asJSON(t, users) != `[{"email":null,"id":5}]` {
		t.Errorf("users of a listed conversation: %v", users)
	}
	for _, bad := range []map[string]any{{"first": -1}, {"after": "?"}, {"after": "YSY="}} {
		bad["from"], bad["to"] = "2026-03-05T00:00:00Z", "2026-03-06T00:00:00Z"
		if _, body := p.query("/graphql", list, bad); body["errors"] == nil {
			t.Errorf("%v was accepted", bad)
		}
	}
}

// TestClosedConversationsPages pages through more than the store's portions, with equal times, in both directions,
// while conversations in front of the cursor are replaced.
func TestClosedConversationsPages(t *testing.T) {
	for _, newestFirst := range []bool{false, true} {
		t.Run(fmt.Sprint(newestFirst), func(t *testing.T) {
			p := start(t, Config{PageLimit: 70, NewestFirst: newestFirst})
			random := rand.New(rand.NewPCG(1, 2))
			var want []closedAt
			for range 600 {
				c := Conversation{ID: uuid.NewString(), ProjectID: int64(1 + random.IntN(8)/7), ClosedAt: noon.Add(time.Duration(random.IntN(40)) * time.Second)}
				p.add(c)
				if c.ProjectID == 2 {
					want = append(want, closedAt{c.ClosedAt.UnixMilli(), c.ID})
				}
			}
			slices.SortFunc(want, closedAt.compare)
			if newestFirst {
				slices.Reverse(want)
			}
			var got []string
			for variables := (map[string]any{"projects": []int{2}, "first": 13}); ; {
				ids, next := p.listed(variables)
				got = append(got, ids...)
				c, _ := p.Conversation(ids[0])
				p.add(c) // the same again changes nothing
				if variables["after"] = next; next == nil {
					break
				}
			}
			for i := range want {
				if i >= len(got) || got[i] != want[i].id {
					t.Fatalf("%d of %d, the first difference at %d", len(got), len(want), i)
				}
			}
			if len(got) != len(want) {
				t.Errorf("%d, want %d", len(got), len(want))
			}
			if ids, _ := p.listed(map[string]any{}); len(ids) != 70 {
				t.Errorf("a page of %d, want the limit", len(ids))
			}
		})
	}
}

func TestCursorOfAConversationThatMoved(t *testing.T) {
	p := start(t, Config{})
	p.add(Conversation{ID: id1, ClosedAt: noon})
	p.add(Conversation{ID: id2, ClosedAt: noon.Add(2 * time.Second)})
	_, cursor := p.listed(map[string]any{"first": 1})
	p.add(Conversation{ID: id1, ClosedAt: noon.Add(time.Second)})
	if ids, _ := p.listed(map[string]any{"after": cursor}); !slices.Equal(ids, []string{id1, id2}) {
		t.Errorf("behind the cursor: %v", ids)
	}
}

func TestAddRefuses(t *testing.T) {
	p := start(t, Config{})
	for _, bad := range []Conversation{{ID: "x"}, {Platform: "eu"}} {
		if err := p.Add(bad); err == nil || !strings.HasPrefix(err.Error(), "add conversation") {
			t.Errorf("%v: %v", bad, err)
		}
	}
	if err := p.Answer(id1, Survey{}); err == nil {
		t.Error("an answer to an unknown conversation was accepted")
	}
	if _, ok := p.Conversation(id1); ok || p.Count() != 0 {
		t.Error("there is a conversation")
	}
}

func TestAddCopies(t *testing.T) {
	p := start(t, Config{})
	c := rich()
	p.add(c)
	c.Messages[1].Text, c.Visitor.Email, c.Tags[0].Name, *c.Survey = "changed", "changed", "changed", Survey{}
	c.Messages[1].Attachments[0].URL, c.Agents[1].Email = "changed", "changed"
	if got := asJSON(t, p.Conversations()); strings.Contains(got, "changed") || !strings.Contains(got, "merci") {
		t.Errorf("the caller's change arrived: %s", got)
	}
}

func TestAnswerMerges(t *testing.T) {
	p := start(t, Config{})
	p.add(Conversation{ID: id1})
	for _, a := range []Survey{{CustomerSatisfaction: number(2)}, {NetPromoterScore: number(0)}, {CustomerSatisfaction: number(4), Comment: "ok"}} {
		if err := p.Answer(id1, a); err != nil {
			t.Fatal(err)
		}
	}
	got := asJSON(t, at(t, p.ask(everything, map[string]any{"id": id1}), "conversation", "satisfactionSurvey"))
	if got != `{"customerSatisfaction":4,"netPromoterScore":0,"satisfactionComment":"ok"}` {
		t.Error(got)
	}
}
