package bounded

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// Answers that are read at the same time, and one after the other, must not get into each other's memory.
func TestAnswersAreReadIntoMemoryOfTheirOwn(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, strings.Repeat(r.URL.Query().Get("x"), 10_000))
	}))
	defer server.Close()
	client := Client(time.Minute, 1<<20)
	defer client.GetClient().CloseIdleConnections()
	var wait sync.WaitGroup
	for i := range 16 {
		wait.Go(func() {
			letter := string(rune('a' + i))
			for range 20 {
				response, err := client.R().SetDoNotParseResponse(true).SetQueryParam("x", letter).Get(server.URL)
				if err != nil {
					t.Error(err)
					return
				}
				answer, err := Read(response)
				if err != nil {
					t.Error(err)
					return
				}
				if string(answer.Bytes()) != strings.Repeat(letter, 10_000) {
					t.Errorf("an answer of %d bytes is not all %s", len(answer.Bytes()), letter)
				}
				answer.Done()
			}
		})
	}
	wait.Wait()
}

func TestAnAnswerThatIsTooLongOrBreaksOffIsAnError(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/short" {
			w.Header().Set("Content-Length", "100")
		}
		_, _ = io.WriteString(w, strings.Repeat("x", 50))
	}))
	defer server.Close()
	client := Client(time.Minute, 20)
	defer client.GetClient().CloseIdleConnections()
	for _, path := range []string{"/long", "/short"} {
		response, err := client.R().SetDoNotParseResponse(true).Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Read(response); !TooLarge(err) {
			t.Errorf("%s: %v", path, err)
		}
	}
	patient := Client(time.Minute, 1000)
	response, err := patient.R().SetDoNotParseResponse(true).Get(server.URL + "/short")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Read(response); err == nil || TooLarge(err) {
		t.Errorf("an answer that breaks off: %v", err)
	}
}
