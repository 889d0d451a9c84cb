package bounded

import (
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"
)

func TestABodyIsJSONOfKnownLength(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if got := string(body); got != `{"ticket":"\u003cé\u003e"}` {
			t.Errorf("the body is %s", got)
		}
		for _, name := range []string{"Content-Type", "Accept"} {
			if got := r.Header.Get(name); got != "application/json" {
				t.Errorf("%s is %q", name, got)
			}
		}
		if r.ContentLength != int64(len(body)) {
			t.Errorf("%d bytes are announced, %d came", r.ContentLength, len(body))
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	defer server.Close()
	request, err := WithJSON(Client(time.Minute, 1000).R(), map[string]any{"ticket": "<é>"})
	if err != nil {
		t.Fatal(err)
	}
	response, err := request.Post(server.URL)
	if err != nil || response.StatusCode() != http.StatusNoContent {
		t.Errorf("status %d, %v", response.StatusCode(), err)
	}
}

func TestABodyThatIsNoJSONIsSaid(t *testing.T) {
	if _, err := WithJSON(Client(time.Minute, 1000).R(), math.NaN()); err == nil {
		t.Error("a body that has no JSON was taken")
	}
}

func TestBodiesAreNotKept(t *testing.T) {
	percent := debug.SetGCPercent(-1) // collected is when the test says so
	t.Cleanup(func() { debug.SetGCPercent(percent) })
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	defer server.Close()
	client := Client(time.Minute, 1000)
	text := strings.Repeat("x", 1<<20)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	const calls = 40
	for range calls {
		request, err := WithJSON(client.R(), []string{text})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := request.Post(server.URL); err != nil {
			t.Fatal(err)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if kept := int64(after.HeapAlloc) - int64(before.HeapAlloc); kept > calls<<20/4 {
		t.Errorf("after %d bodies of 1 MiB, %d MiB are in use", calls, kept>>20)
	}
}
