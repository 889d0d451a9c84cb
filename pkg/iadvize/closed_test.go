package iadvize

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"reflect"
	"testing"
	"time"

	"passerelle/pkg/sim/simiadvize"
	"passerelle/pkg/ticket"
)

var noon = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func TestClosedConversationsOfTheSimulatedPlatform(t *testing.T) {
	platform, err := simiadvize.New(simiadvize.Config{
		Users: []simiadvize.User{{Username: "user", Password: "hunter2"}}, PageLimit: 2, IDsAsStrings: true, Timestamps: simiadvize.TimestampZone,
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(platform)
	defer func() { _ = platform.Close(); server.Close() }()
	ids := []string{"00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002", "00000000-0000-4000-8000-000000000003"}
	for i, id := range append(ids, "00000000-0000-4000-8000-000000000004") {
		project := int64(12)
		if i == 3 {
			project = 13
		}
		if err := platform.Add(simiadvize.Conversation{ID: id, ProjectID: project, Channel: "CALL", ClosedAt: noon.Add(time.Duration(i) * time.Second)}); err != nil {
			t.Fatal(err)
		}
	}
	c := NewClient(Connection{
		Name: "main", URL: server.URL + "/graphql", TokenURL: server.URL + "/oauth2/token", Platform: "ha",
		Credentials: func() (string, string, error) { return "user", "hunter2", nil },
	}, nil)
	defer c.Close()
	var got []ClosedConversation
	after := ""
	for range 2 {
		page, err := c.ClosedConversations(t.Context(), 12, noon, noon.Add(time.Minute), after)
		if err != nil {
			t.Fatal(err)
		}
		got, after = append(got, page.Conversations...), page.Next
	}
	if after != "" || len(got) != 3 {
		t.Fatalf("got %+v, then %q", got, after)
	}
	for i, id := range ids {
		want := ClosedConversation{ID: id, ProjectID: 12, Channel: "CALL", ClosedAt: noon.Add(time.Duration(i) * time.Second)}
		if !reflect.DeepEqual(got[i], want) {
			t.Errorf("got %+v, want %+v", got[i], want)
		}
	}
}

func TestClosedConversationsThatAreOdd(t *testing.T) {
	d := &desk{}
	answer := `{"data":{"closedConversations":{"edges":[{"node":{"id":5,"closedAt":"odd","channel":7,"project":"x"}},
{"node":null},{"node":{"id":{}}},7,{"node":{"id":"c2","project":null,"closedAt":null}}],"pageInfo":{"endCursor":"p2","hasNextPage":true}}}}`
	d.graphQL = func(w http.ResponseWriter, _ string, _ *http.Request) { _, _ = w.Write([]byte(answer)) }
	c := client(t, d, "ha")
	page, err := c.ClosedConversations(t.Context(), 12, noon, noon.Add(time.Minute), "")
	want := ClosedPage{Conversations: []ClosedConversation{{ID: "5"}, {ID: "c2"}}, Unreadable: 3, Next: "p2"}
	if err != nil || !reflect.DeepEqual(page, want) {
		t.Errorf("page = %+v, %v", page, err)
	}
	for name, tc := range map[string]struct {
		status  int
		answer  string
		trouble ticket.Trouble
	}{
		"no list":       {200, `{"data":{"closedConversations":null}}`, ticket.TroubleHiccup},
		"not allowed":   {200, `{"data":null,"errors":[{"message":"no","path":["closedConversations"]}]}`, ticket.TroubleHiccup},
		"schema":        {400, `{"errors":[{"message":"no such field"}]}`, ticket.TroubleAccount},
		"another shape": {200, `{"data":{"closedConversations":[]}}`, ticket.TroubleAccount},
		"down":          {503, `<html>`, ticket.TroubleAccount},
	} {
		d.graphQL = say(tc.status, tc.answer)
		var f *ticket.Failure
		if _, err := c.ClosedConversations(t.Context(), 12, noon, noon.Add(time.Minute), ""); !errors.As(err, &f) || f.Trouble != tc.trouble || f.Hint == "" {
			t.Errorf("%s: %+v", name, err)
		}
	}
}

func FuzzClosedList(f *testing.F) {
	f.Add(`{"edges":[{"node":{"id":"c1","closedAt":"2026-05-01T08:10:00Z"}}],"pageInfo":{"endCursor":"x","hasNextPage":true}}`)
	f.Add(`{"edges":[{"node":null},{"node":{"id":1,"project":{"id":"7"}}}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		var l closedList
		if json.Unmarshal([]byte(text), &l) != nil {
			return
		}
		page := l.page()
		if len(page.Conversations)+page.Unreadable != len(l.Edges) {
			t.Errorf("%d + %d of %d", len(page.Conversations), page.Unreadable, len(l.Edges))
		}
		for _, c := range page.Conversations {
			if c.ID == "" || len(c.ID) > maxID {
				t.Errorf("id of %d bytes", len(c.ID))
			}
		}
	})
}
