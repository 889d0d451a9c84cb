package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"passerelle/deploy/stand"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestNothingIsLostAndNothingDoubled is the short form of make chaos.
func TestNothingIsLostAndNothingDoubled(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := stand.Build(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	for _, scenario := range []string{cluster, embedded} {
		t.Run(scenario, func(t *testing.T) {
			t.Parallel()
			o := short(scenario)
			o.binaries = dir
			r, err := prove(t.Context(), o, t.TempDir())
			var text bytes.Buffer
			r.print(&text)
			t.Log(text.String())
			if err != nil || r.bad() {
				t.Fatalf("%d lost, %d doubled, %d both, %d with a comment twice: %v", r.Lost, r.Doubled, r.Both, r.CommentsTwice, err)
			}
			if r.Answered < o.conversations/2 || r.Tickets < r.Answered/2 || r.Uncertain.Outcomes == 0 {
				t.Errorf("%d of %d conversations answered, %d tickets, %d uncertain outcomes: this proves little", r.Answered, r.Conversations, r.Tickets, r.Uncertain.Outcomes)
			}
			if r.DrainedLate > 0 {
				t.Errorf("%d processes did not end in time when they were asked to", r.DrainedLate)
			}
		})
	}
}

func TestOptionsThatMakeNoSense(t *testing.T) {
	for _, args := range []string{"-scenario none", "-conversations 0", "-rate 0", "-faults 0.9", "-shortest 2s -longest 1s", "-unknown"} {
		var errOut bytes.Buffer
		if status := run(t.Context(), strings.Fields(args), io.Discard, &errOut); status != 2 || errOut.Len() == 0 {
			t.Errorf("%s: status %d, %q", args, status, &errOut)
		}
	}
}

func TestLine(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "here") }))
	defer server.Close()
	gone := httptest.NewServer(nil)
	gone.Close()
	l, err := newLine(gone.Listener.Addr().String(), server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	get := func() (string, error) {
		response, err := client.Get("http://" + l.address())
		if err != nil {
			return "", err
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		return string(body), err
	}
	for range 3 { // the target that does not answer is passed over
		if body, err := get(); err != nil || body != "here" {
			t.Fatalf("open: %q, %v", body, err)
		}
		client.CloseIdleConnections()
	}
	l.set(cut, 0)
	if body, err := get(); err == nil {
		t.Errorf("cut: %q", body)
	}
	l.set(silent, 0)
	answer := make(chan string)
	go func() { body, _ := get(); answer <- body }()
	select {
	case body := <-answer:
		t.Errorf("silent: %q", body)
	case <-time.After(100 * time.Millisecond):
	}
	l.set(open, 20*time.Millisecond)
	if body := <-answer; body != "here" {
		t.Errorf("open again: %q", body)
	}
	began := time.Now()
	if body, err := get(); err != nil || body != "here" || time.Since(began) < 20*time.Millisecond {
		t.Errorf("slow: %q, %v after %s", body, err, time.Since(began))
	}
}

func TestStories(t *testing.T) {
	s := newStories()
	for _, line := range []string{
		`not JSON`, `{"level":"warn","message":"NATS out of reach"}`,
		`{"level":"debug","conversation":"a","event":"closed","result":"retry","uncertain":true,"failure":"create ticket: no answer","message":"conversation retry"}`,
		`{"level":"info","conversation":"a","event":"closed","result":"created","lookup":"found","message":"conversation created"}`,
		`{"level":"debug","conversation":"b","event":"closed","result":"retry","uncertain":true,"failure":"create ticket: no answer","message":"conversation retry"}`,
		`{"level":"info","conversation":"b","event":"closed","result":"created","lookup":"absent","message":"conversation created"}`,
		`{"level":"info","conversation":"c","event":"satisfaction","result":"updated","message":"conversation updated"}`,
	} {
		s.hear(line)
	}
	u := s.uncertainty()
	if u.Outcomes != 2 || u.Conversations != 2 || u.Causes["create ticket: no answer"] != 2 || u.Lookups["found"] != 1 || u.Lookups["absent"] != 1 || len(u.Ended) != 2 {
		t.Errorf("uncertainty = %+v", u)
	}
	if s.messages["NATS out of reach"] != 1 || s.levels["info"] != 3 {
		t.Errorf("messages %v, levels %v", s.messages, s.levels)
	}
}
