package bounded

import (
	"bytes"
	"compress/gzip"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-resty/resty/v2"
)

// read gets an answer with a client of that limit, and its body as far as it goes.
func read(t *testing.T, address string, limit int64) ([]byte, error) {
	t.Helper()
	client := Client(time.Minute, limit).GetClient()
	defer client.CloseIdleConnections()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	return io.ReadAll(response.Body)
}

func TestAnAnswerIsReadUpToItsLimit(t *testing.T) {
	for _, size := range []int{0, 1, 1000, 1001, 50_000} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, strings.Repeat("x", size))
		}))
		body, err := read(t, server.URL, 1000)
		if over := size > 1000; TooLarge(err) != over || len(body) != min(size, 1000) {
			t.Errorf("%d bytes: %d were read, %v", size, len(body), err)
		}
		server.Close()
	}
}

func TestTheLimitIsForWhatIsUnpacked(t *testing.T) {
	packed := packed(t, bytes.Repeat([]byte("x"), 100_000))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(packed)
	}))
	defer server.Close()
	if body, err := read(t, server.URL, 10_000); !TooLarge(err) || len(body) != 10_000 {
		t.Errorf("%d bytes of %d packed ones, %v", len(body), len(packed), err)
	}
}

func TestAnotherErrorIsNotThatOfTheLimit(t *testing.T) {
	if _, err := read(t, "http://127.0.0.1:0", 1000); err == nil || TooLarge(err) {
		t.Error(err)
	}
}

func TestClientsShareConnections(t *testing.T) {
	var opened atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "x") }))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	first, second := Client(time.Minute, 1000), Client(time.Minute, 1000)
	for range 3 {
		for _, client := range []*resty.Client{first, second} {
			if _, err := client.R().SetContext(t.Context()).Get(server.URL); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got := opened.Load(); got != 1 {
		t.Errorf("two clients opened %d connections for calls one after the other, expected one", got)
	}
}

func packed(t *testing.T, content []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
