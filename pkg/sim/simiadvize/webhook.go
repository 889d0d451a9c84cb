package simiadvize

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/google/uuid"
)

// Webhook is where events go. Secret is the app's secret token. Platform and ProjectID say whose conversations they
// are where a webhook is chosen from Config.Webhooks; empty ones fit all.
type Webhook struct {
	URL       string `json:"url"`
	Secret    string `json:"secret"`
	Platform  string `json:"platform,omitempty"`
	ProjectID int64  `json:"project_id,omitempty"`
}

// Delivery is what became of an event.
type Delivery struct {
	EventID  string `json:"event_id"`
	Accepted bool   `json:"accepted"` // the receiver answered 2xx
	Attempts int    `json:"attempts"`
	Status   int    `json:"status"` // of the last attempt; 0 without an answer
	Body     string `json:"body"`   // of the last answer, its first 64 KiB
	Error    string `json:"error,omitempty"`
}

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 64 << 10

// newSender makes the client of all webhooks: it follows no redirect and gives up as the documentation says
// (technologies/webhooks, "Timeouts").
func newSender(cfg Config) *http.Client {
	return &http.Client{
		Timeout: cfg.ConnectTimeout + cfg.ReplyTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
		Transport: &http.Transport{
			DialContext:           (&net.Dialer{Timeout: cfg.ConnectTimeout}).DialContext,
			TLSHandshakeTimeout:   cfg.ConnectTimeout,
			ResponseHeaderTimeout: cfg.ReplyTimeout,
			TLSClientConfig:       &tls.Config{RootCAs: cfg.RootCAs, MinVersion: tls.VersionTLS12},
			MaxIdleConns:          512,
			MaxIdleConnsPerHost:   256,
			IdleConnTimeout:       30 * time.Second,
		},
	}
}

// Sign is the value of the header x-iadvize-signature for a raw body or a raw query string (apps/build-your-app,
// "App security").
func Sign(secret string, message []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(message)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

// Send posts the signed event. After 4xx and 5xx, and after no answer at all unless Config.NoRetryOnFailure, it tries
// again after each of Config.RetryDelays, and then never. It blocks until the event is accepted or given up, or ctx
// ends. Calls may run at the same time.
func (s *Server) Send(ctx context.Context, hook Webhook, e Event) Delivery {
	d := Delivery{EventID: e.ID}
	body, err := s.body(e)
	if err != nil {
		d.Error = err.Error()
		return d
	}
	correlation := uuid.NewString()
	for {
		again := s.attempt(ctx, hook, body, correlation, &d)
		if !again || d.Attempts > len(s.cfg.RetryDelays) || !s.pauseBefore(ctx, s.cfg.RetryDelays[d.Attempts-1]) {
			break
		}
	}
	if e.Type == EventClosed {
		s.note(e.ConversationID, &d)
	}
	return d
}

// Request is what Send posts at its first attempt, for who posts it in another way.
func (s *Server) Request(ctx context.Context, hook Webhook, e Event) (*http.Request, error) {
	body, err := s.body(e)
	if err != nil {
		return nil, err
	}
	return hook.request(ctx, body, uuid.NewString())
}

func (h Webhook) request(ctx context.Context, body []byte, correlation string) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.URL, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("webhook request: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	// The documentation writes the names in lower case; HTTP/1.1 here sends them as Go spells them, which is the same name.
	req.Header.Set("x-iadvize-delivery", uuid.NewString())
	req.Header.Set("x-iadvize-correlationid", correlation)
	req.Header.Set("x-iadvize-signature", Sign(h.Secret, body))
	return req, nil
}

// pauseBefore reports whether a retry is due after d.
func (s *Server) pauseBefore(ctx context.Context, d time.Duration) bool {
	return s.pause(ctx, d) && ctx.Err() == nil
}

// attempt posts once and reports whether the platform's rule asks for another attempt.
func (s *Server) attempt(ctx context.Context, hook Webhook, body []byte, correlation string, d *Delivery) bool {
	d.Attempts++
	d.Status, d.Body, d.Error = 0, "", ""
	req, err := hook.request(ctx, body, correlation)
	if err != nil {
		d.Error = err.Error()
		return false
	}
	resp, err := s.sender.Do(req)
	if err != nil {
		d.Error = fmt.Sprintf("post webhook: %v", err)
		return !s.cfg.NoRetryOnFailure
	}
	defer func() { _ = resp.Body.Close() }() // what was read of it is all that is wanted
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	d.Status, d.Body = resp.StatusCode, string(answer)
	if err != nil {
		d.Error = fmt.Sprintf("read the webhook's answer: %v", err)
	}
	d.Accepted = resp.StatusCode/100 == 2
	return resp.StatusCode >= 400
}

// note keeps what became of the webhook that closes a conversation: accepted once is accepted.
func (s *Server) note(id string, d *Delivery) {
	r := s.store.get(id)
	if r == nil || r.webhook == webhookAccepted {
		return
	}
	state := webhookRefused
	if d.Accepted {
		state = webhookAccepted
	}
	if err := s.journal.write(entry{ID: id, Webhook: state}); err != nil {
		d.Error = errors.Join(errors.New(d.Error), err).Error()
	}
	s.store.change(id, func(r *record) {
		if r.webhook != webhookAccepted {
			r.webhook = state
		}
	})
}

// WebhookAccepted says whether the event that closes the conversation was accepted.
func (s *Server) WebhookAccepted(id string) bool {
	r := s.store.get(id)
	return r != nil && r.webhook == webhookAccepted
}
