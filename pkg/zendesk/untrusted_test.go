package zendesk

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"passerelle/pkg/ticket"
)

func TestAListOfCommentsThatDoesNotEnd(t *testing.T) {
	calls := 0
	c := client(t, func(w http.ResponseWriter, _ *http.Request) {
		calls++
		_, _ = fmt.Fprintf(w, `{"comments":[{"author_id":1}],"meta":{"has_more":true,"after_cursor":"%d"}}`, calls%2)
	})
	_, _, err := c.CountComments(t.Context(), 42)
	if f := failure(t, err); f.Trouble != ticket.TroubleHiccup || calls > maxPages+1 {
		t.Errorf("%+v after %d calls", f, calls)
	}
}

// A dead letter holds what a failure says, and must fit into a message of the queue.
func TestAnAnswerThatNamesTooMuch(t *testing.T) {
	var entries []string
	for i := range 20_000 {
		entries = append(entries, fmt.Sprintf(`"key%d":[{"description":"%s: is wrong","ticket_field_id":%d}]`, i, strings.Repeat("x", 190), i+1))
	}
	c := client(t, say(http.StatusUnprocessableEntity, details(strings.Join(entries, ","))))
	_, _, err := c.Create(t.Context(), draft)
	f := failure(t, err)
	size := len(f.Detail.Message)
	for _, field := range f.Detail.Fields {
		size += len(field.Title)
	}
	if f.Trouble != ticket.TroubleJob || size > 200_000 || len(f.Detail.Fields) == 0 {
		t.Errorf("trouble %v, %d fields, %d bytes", f.Trouble, len(f.Detail.Fields), size)
	}
}

// What is no word may be a sentence, and name somebody.
func TestSentencesAreNotRepeated(t *testing.T) {
	for _, body := range []string{
		`{"error":"The user Ada is unknown"}`,
		details(`"requester Ada":[{"description":"x"}]`),
		details(`"base":[{"description":"","ticket_field_id":3,"ticket_field_type":"of Ada"}]`),
	} {
		c := client(t, say(http.StatusUnprocessableEntity, body))
		_, _, err := c.Create(t.Context(), draft)
		for _, field := range failure(t, err).Detail.Fields {
			if strings.Contains(field.Title, "Ada") {
				t.Errorf("a field is called %q", field.Title)
			}
		}
	}
}
