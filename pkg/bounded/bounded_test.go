package bounded

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestAnAnswerIsReadUpToItsLimit(t *testing.T) {
	for _, size := range []int{0, 1, 1000, 1001, 50_000} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, strings.Repeat("x", size))
		}))
		client := Client(time.Minute, 1000).GetClient()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if over := size > 1000; TooLarge(err) != over || len(body) != min(size, 1000) {
			t.Errorf("%d bytes: %d were read, %v", size, len(body), err)
		}
		client.CloseIdleConnections()
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
	client := Client(time.Minute, 10_000).GetClient()
	defer client.CloseIdleConnections()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if n, err := io.Copy(io.Discard, response.Body); !TooLarge(err) || n != 10_000 {
		t.Errorf("%d bytes of %d packed ones, %v", n, len(packed), err)
	}
}

func TestAnotherErrorIsNotThatOfTheLimit(t *testing.T) {
	client := Client(time.Minute, 1000).GetClient()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1:0", nil)
	if err != nil {
		t.Fatal(err)
	}
	if response, err := client.Do(request); err == nil || TooLarge(err) {
		t.Error(response, err)
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
