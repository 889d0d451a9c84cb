package ingest

import (
	"net/http"
	"time"
)

// Times that a caller has. iAdvize connects within a second and waits 30 s for an answer.
const (
	headerTime = 5 * time.Second
	readTime   = 15 * time.Second
	writeTime  = 30 * time.Second
	idleTime   = 2 * time.Minute
	maxHeader  = 32 << 10
)

// Server gives an HTTP server whose callers are bounded in time and size.
func Server(h http.Handler) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: headerTime, ReadTimeout: readTime, WriteTimeout: writeTime, IdleTimeout: idleTime,
		MaxHeaderBytes: maxHeader,
	}
}
