// Package ingest takes what iAdvize sends: webhooks, and the call for the closing form. It does almost nothing, and
// answers 2xx only for what is stored.
package ingest

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"passerelle/pkg/iadvize"
	"passerelle/pkg/queue"
	"passerelle/pkg/ticket"
)

// Store keeps events durably.
type Store interface {
	Publish(ctx context.Context, e ticket.Event) (queue.Stored, error)
	Look(ctx context.Context, job ticket.Job) (queue.Entry, bool, error)
}

// Sites knows the configured sites and the secrets of the connections.
type Sites interface {
	Site(ctx context.Context, platform string, projectID int64) (ticket.Site, bool)
	// WebhookSecrets gives every connection's secrets, resolved; one that cannot be resolved is left out and reported.
	WebhookSecrets() (map[string][]string, error)
}

// Meter is told what each request was answered, in one word. It must not block.
type Meter interface {
	Webhook(answer string)
	ClosingForm(answer string)
}

// Handler answers the requests of the ingest address. It may be used concurrently.
type Handler struct {
	store Store
	sites Sites
	log   zerolog.Logger
	meter Meter
	now   func() time.Time
	mux   *http.ServeMux

	storing chan struct{} // one place for each webhook on its way into the store
	ending  chan struct{} // closed by Drain
	drain   sync.Once
	trouble trouble
	seldom  seldom
}

const maxBody = 1 << 20 // bytes

// New makes the handler. The meter may be nil.
func New(store Store, sites Sites, log zerolog.Logger, meter Meter) *Handler {
	h := &Handler{
		store: store, sites: sites, log: log, meter: meter, now: time.Now, mux: http.NewServeMux(),
		storing: make(chan struct{}, mostStoring), ending: make(chan struct{}),
		trouble: trouble{log: log},
	}
	h.mux.HandleFunc("POST /webhooks/iadvize", h.webhook)
	h.mux.HandleFunc("GET /plugins/closing-form", h.closingForm)
	// iAdvize checks this address from time to time, unsigned, and calls the app unhealthy otherwise.
	h.mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]string{"status": "UP"})
	})
	return h
}

// ServeHTTP answers.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.mux.ServeHTTP(w, r) }

// webhook answers 202 once the event is stored, or when it needs no storing.
func (h *Handler) webhook(w http.ResponseWriter, r *http.Request) {
	// What can be stored is stored when the caller hung up, too. The time runs from here: iAdvize's does.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), storeTime)
	defer cancel()
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		var tooLong *http.MaxBytesError
		if errors.As(err, &tooLong) {
			h.refuse(w, r, h.countWebhook, http.StatusRequestEntityTooLarge, "the body is over 1 MiB")
			return
		}
		h.refuse(w, r, h.countWebhook, http.StatusBadRequest, "the body could not be read")
		return
	}
	signers := h.signers(r.Header.Get(iadvize.SignatureHeader), body)
	if len(signers) == 0 {
		h.refuse(w, r, h.countWebhook, http.StatusUnauthorized, "x-iadvize-signature is missing or wrong")
		return
	}
	event, err := iadvize.DecodeWebhook(body, h.now())
	if errors.Is(err, iadvize.ErrIgnored) {
		h.accept(w, "ignored")
		return
	}
	if err != nil {
		h.refuse(w, r, h.countWebhook, http.StatusBadRequest, err.Error())
		return
	}
	site, known := h.sites.Site(r.Context(), event.Platform, event.ProjectID)
	if known {
		// One client's secret must not speak for another client's site.
		if !slices.Contains(signers, site.IAdvize) {
			h.refuse(w, r, h.countWebhook, http.StatusUnauthorized, "the signature is of another iAdvize connection than the site's")
			return
		}
		event.Site, event.Account, event.Platform = site.Name, site.Account, site.Platform
		if a := event.Satisfaction; a != nil && site.Tickets.Fields.SatisfactionComment == 0 {
			a.Comment = "" // no ticket of the site would show it, and what nobody needs is not stored
			if a.Empty() {
				h.accept(w, "ignored")
				return
			}
		}
	}
	h.keep(ctx, w, event)
}

// signers gives the connections whose secret signed the message.
func (h *Handler) signers(signature string, message []byte) []string {
	if signature == "" {
		return nil
	}
	secrets, err := h.sites.WebhookSecrets()
	if err != nil {
		if silent, due := h.seldom.due("secrets", h.now()); due {
			h.log.Error().Err(err).Int("more_before", silent).Msg("webhook secrets cannot be resolved; webhooks signed with them are refused")
		}
	}
	var signers []string
	for connection, all := range secrets {
		if len(iadvize.Verify(signature, message, all)) > 0 {
			signers = append(signers, connection)
		}
	}
	return signers
}

func (h *Handler) accept(w http.ResponseWriter, status string) {
	h.countWebhook(status)
	answer(w, http.StatusAccepted, map[string]string{"status": status})
}

// refusals are the words for what was refused.
var refusals = map[int]string{
	http.StatusBadRequest: "malformed", http.StatusUnauthorized: "unauthorized", http.StatusRequestEntityTooLarge: "too_large",
	http.StatusServiceUnavailable: "not_stored",
}

func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, count func(string), status int, why string) {
	count(refusals[status])
	if silent, due := h.seldom.due(r.Pattern+" "+http.StatusText(status), h.now()); due {
		h.log.Warn().Int("status", status).Str("path", r.URL.Path).Str("why", why).Int("more_before", silent).Msg("request refused")
	}
	answer(w, status, map[string]string{"error": why})
}

func (h *Handler) countWebhook(answer string) {
	if h.meter != nil {
		h.meter.Webhook(answer)
	}
}

func (h *Handler) countForm(answer string) {
	if h.meter != nil {
		h.meter.ClosingForm(answer)
	}
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // a caller that is gone needs no answer
}
