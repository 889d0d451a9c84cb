package iadvize

import (
	"errors"
	"net/http/httptest"
	"reflect"
	"testing"
	"time"

	"passerelle/pkg/sim/simiadvize"
	"passerelle/pkg/ticket"
)

// platform is a simulated iAdvize and a client of it.
func platform(t *testing.T, cfg simiadvize.Config) (*simiadvize.Server, *Client) {
	t.Helper()
	cfg.Users = []simiadvize.User{{Username: "user", Password: "hunter2"}}
	sim, err := simiadvize.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(sim)
	c := NewClient(Connection{
		Name: "main", URL: server.URL + "/graphql", TokenURL: server.URL + "/oauth2/token",
		Credentials: func() (string, string, error) { return "user", "hunter2", nil },
	}, nil)
	t.Cleanup(func() { c.Close(); _ = sim.Close(); server.Close() })
	return sim, c
}

func TestLacking(t *testing.T) {
	for name, tc := range map[string]struct {
		missing []string
		want    []Lack
	}{
		"nothing": {nil, nil},
		"a field": {[]string{"Conversation.customData"}, []Lack{{Name: "Conversation.customData"}}},
		"several, below lists and unions": {
			[]string{"ClosingFormValue.value", "SystemMessage.attachment", "Conversation.language"},
			[]Lack{{Name: "Conversation.language"}, {Name: "ClosingFormValue.value"}, {Name: "SystemMessage.attachment"}},
		},
		"of an interface":             {[]string{"User.userName"}, []Lack{{Name: "User.userName"}}},
		"of the check alone":          {[]string{"Conversation.users"}, []Lack{{Name: "Conversation.users", Optional: true}}},
		"of the sweep":                {[]string{"ConversationConnection.pageInfo"}, []Lack{{Name: "ConversationConnection.pageInfo", Optional: true}}},
		"the conversation":            {[]string{"Query.conversation"}, []Lack{{Name: "Query.conversation"}}},
		"what nobody asks for":        {[]string{"Conversation.duration"}, nil},
		"one that others stand below": {[]string{"MessageEdge.node"}, []Lack{{Name: "MessageEdge.node"}}},
	} {
		t.Run(name, func(t *testing.T) {
			_, c := platform(t, simiadvize.Config{MissingFields: tc.missing})
			got, err := c.Lacking(t.Context())
			if err != nil || !reflect.DeepEqual(got, tc.want) {
				t.Errorf("lacking %+v, %v; want %+v", got, err, tc.want)
			}
		})
	}
}

func TestLackingArgumentsAndTypes(t *testing.T) {
	c := client(t, &desk{graphQL: say(200, `{"data":{
		"__schema":{"queryType":{"name":"Query"}},
		"__type":{"fields":[{"name":"conversation","args":[],"type":{"name":"Conversation"}},{"name":"messages","args":[{"name":"first"}],"type":{"name":"X"}}]}}}`)}, "")
	got, err := c.Lacking(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Query.conversation(id:)", "Conversation.messages(after:)", "Conversation.tags", "X.pageInfo"} {
		if !contains(got, want) {
			t.Errorf("lacking %+v, want %s among them", got, want)
		}
	}
	none := client(t, &desk{graphQL: say(200, `{"data":{"__schema":{"queryType":{"name":"Query"}},"__type":null}}`)}, "")
	if got, err := none.Lacking(t.Context()); err != nil || !contains(got, "type UUID") || !contains(got, "type Query") {
		t.Errorf("lacking %+v, %v", got, err)
	}
}

func TestASchemaThatIsNotTold(t *testing.T) {
	_, c := platform(t, simiadvize.Config{NoIntrospection: true})
	if _, err := c.Lacking(t.Context()); !errors.Is(err, ErrNoIntrospection) {
		t.Errorf("error = %v", err)
	}
	if _, err := client(t, &desk{graphQL: say(503, ``)}, "").Lacking(t.Context()); errors.Is(err, ErrNoIntrospection) || err == nil {
		t.Errorf("error = %v", err)
	}
}

func TestProbe(t *testing.T) {
	for name, cfg := range map[string]simiadvize.Config{"null": {}, "an error": {NotFoundAsError: true}} {
		t.Run(name, func(t *testing.T) {
			if _, c := platform(t, cfg); c.Probe(t.Context()) != nil {
				t.Errorf("error = %v", c.Probe(t.Context()))
			}
		})
	}
	_, c := platform(t, simiadvize.Config{MissingFields: []string{"Conversation.tags"}})
	if err := c.Probe(t.Context()); !errors.Is(err, errSchema) {
		t.Errorf("error = %v", err)
	}
}

func TestRecentAgents(t *testing.T) {
	now := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	sim, c := platform(t, simiadvize.Config{UnreadableProjects: []int64{2}})
	for i, agents := range [][]simiadvize.Agent{
		{{ID: 1, Kind: simiadvize.Bot, LastName: "Bot"}, {ID: 2, Email: "ann@example.com", LastName: "A"}},
		{{ID: 2, Email: "ann@example.com", LastName: "A"}, {ID: 3, Kind: simiadvize.Expert, LastName: "B"}},
		{{ID: 4, Email: "old@example.com", LastName: "C"}},
	} {
		closed := now.Add(-time.Duration(i) * 20 * 24 * time.Hour)
		if err := sim.Add(simiadvize.Conversation{ProjectID: 1, Agents: agents, CreatedAt: closed.Add(-time.Hour), ClosedAt: closed}); err != nil {
			t.Fatal(err)
		}
	}
	got, err := c.RecentAgents(t.Context(), 1, now.Add(-30*24*time.Hour), now.Add(time.Hour))
	want := Recent{Conversations: 2, Agents: []ticket.Agent{{ID: 2, Name: "A", Email: "ann@example.com", Human: true}, {ID: 3, Name: "B", Human: true}}}
	for i := range want.Agents {
		want.Agents[i].Name = "" // not asked for
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("recent = %+v, %v", got, err)
	}
	if _, err := c.RecentAgents(t.Context(), 2, now.Add(-time.Hour), now); err == nil {
		t.Error("no error for a project that cannot be read")
	}
}
