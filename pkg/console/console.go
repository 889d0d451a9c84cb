// Package console is the address for the people who run the product: health, metrics, and what needs their attention.
package console

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"embed"
	"encoding/json"
	"html/template"
	"net"
	"net/http"
	"strings"
	"time"

	"passerelle/pkg/queue"
	"passerelle/pkg/ticket"
)

// Queue is what the console shows of the queue.
type Queue interface {
	DeadLetters(ctx context.Context, filter queue.Filter, see func(queue.Buried) error) error
	Lanes(ctx context.Context, query queue.LanesQuery) (queue.Overview, error)
	Healthy(ctx context.Context) error
}

// Options for New.
type Options struct {
	Queue    Queue
	Accounts func() []string                 // of the configuration; nil when they are not known
	Ready    func(ctx context.Context) error // nil when the process can do its work
	Metrics  http.Handler
	Password string // of the user "admin"; empty: none is asked
	Version  string
}

//go:embed page.html
var files embed.FS

const (
	mostLetters = 100
	mostLanes   = 200
	askTime     = 5 * time.Second
	workersTime = time.Second // for the worker processes to say how the accounts fare
)

// New makes the handler.
func New(o Options) http.Handler {
	c := &console{Options: o, page: template.Must(template.ParseFS(files, "page.html"))}
	private := http.NewServeMux()
	private.HandleFunc("GET /{$}", c.show)
	private.HandleFunc("GET /api/deadletters", c.letters)
	private.HandleFunc("GET /api/lanes", c.lanes)
	private.Handle("GET /metrics", o.Metrics)
	mux := c.probes()
	mux.Handle("/", c.guard(private))
	return mux
}

// NewHealth makes the handler of an address for probes alone: /livez, /readyz and /metrics, for which no password is
// asked. It needs Ready and Metrics of the options.
func NewHealth(o Options) http.Handler {
	c := &console{Options: o}
	mux := c.probes()
	mux.Handle("GET /metrics", o.Metrics)
	return mux
}

func (c *console) probes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]string{"status": "UP"})
	})
	mux.HandleFunc("GET /readyz", c.ready)
	return mux
}

type console struct {
	Options
	page *template.Template
}

func (c *console) guard(next http.Handler) http.Handler {
	if c.Password == "" {
		return local(next)
	}
	want := sha256.Sum256([]byte(c.Password))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, password, _ := r.BasicAuth()
		got := sha256.Sum256([]byte(password))
		if subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
			w.Header().Set("WWW-Authenticate", `Basic realm="passerelle"`)
			answer(w, http.StatusUnauthorized, map[string]string{"error": "the password is PASSERELLE_CONSOLE_PASSWORD"})
			return
		}
		next.ServeHTTP(w, r)
	})
}

// local refuses what was sent to another name than this machine's. Without a password, a page of anywhere could have its
// own name resolve to this machine, and read the console through a browser here.
func local(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		if host != "localhost" && net.ParseIP(strings.Trim(host, "[]")) == nil {
			answer(w, http.StatusMisdirectedRequest, map[string]string{
				"error": "ask for localhost or an IP address, or set PASSERELLE_CONSOLE_PASSWORD, to reach the console by another name",
			})
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (c *console) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), askTime)
	defer cancel()
	if err := c.Ready(ctx); err != nil {
		answer(w, http.StatusServiceUnavailable, map[string]string{"status": "DOWN", "error": err.Error()})
		return
	}
	answer(w, http.StatusOK, map[string]string{"status": "UP"})
}

func (c *console) readLetters(ctx context.Context) ([]ticket.DeadLetter, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	letters := []ticket.DeadLetter{}
	err := c.Queue.DeadLetters(ctx, queue.Filter{Limit: mostLetters}, func(b queue.Buried) error {
		letters = append(letters, b.DeadLetter)
		return nil
	})
	return letters, err
}

func (c *console) readLanes(ctx context.Context, all bool) (queue.Overview, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	query := queue.LanesQuery{All: all, Within: workersTime}
	if c.Accounts != nil {
		query.Accounts = c.Accounts()
	}
	return c.Queue.Lanes(ctx, query)
}

func (c *console) letters(w http.ResponseWriter, r *http.Request) {
	letters, err := c.readLetters(r.Context())
	c.give(w, letters, err)
}

// lanes gives the accounts that are not open or hold something, or all of them when it is asked for ?all=true.
func (c *console) lanes(w http.ResponseWriter, r *http.Request) {
	o, err := c.readLanes(r.Context(), r.URL.Query().Get("all") == "true")
	c.give(w, o.Lanes, err)
}

func (c *console) give(w http.ResponseWriter, body any, err error) {
	if err != nil {
		answer(w, http.StatusServiceUnavailable, map[string]string{"error": err.Error()})
		return
	}
	answer(w, http.StatusOK, body)
}

func (c *console) show(w http.ResponseWriter, r *http.Request) {
	letters, err := c.readLetters(r.Context())
	var o queue.Overview
	if err == nil {
		o, err = c.readLanes(r.Context(), false)
	}
	if err != nil {
		answer(w, http.StatusServiceUnavailable, map[string]string{"error": err.Error()})
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	_ = c.page.Execute(w, map[string]any{ // the caller may be gone
		"Letters": letters, "Most": mostLetters, "Version": c.Version,
		"Lanes": o.Lanes[:min(len(o.Lanes), mostLanes)], "AllLanes": len(o.Lanes), "Connections": o.Connections, "Workers": o.Workers,
	})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // a caller that is gone needs no answer
}
