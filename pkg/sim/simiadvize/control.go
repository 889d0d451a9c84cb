package simiadvize

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// control registers the surface by which another process reads and steers the simulator. It is not iAdvize's.
func (s *Server) control() {
	s.mux.HandleFunc("GET /_sim/conversations", s.listConversations)
	s.mux.HandleFunc("POST /_sim/conversations", s.addConversation)
	s.mux.HandleFunc("GET /_sim/requests", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, s.Requests())
	})
	s.mux.HandleFunc("GET /_sim/faults", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, s.Faults())
	})
	s.mux.HandleFunc("POST /_sim/faults", s.addFault)
	s.mux.HandleFunc("DELETE /_sim/faults", func(w http.ResponseWriter, _ *http.Request) {
		s.ClearFaults()
		w.WriteHeader(http.StatusNoContent)
	})
}

// listed is one conversation of GET /_sim/conversations.
type listed struct {
	ID        string       `json:"id"`
	Platform  string       `json:"platform"`
	Project   int64        `json:"project"`
	ClosedAt  time.Time    `json:"closed_at,omitzero"`
	Webhook   webhookState `json:"webhook"` // none, accepted or refused
	Accepted  bool         `json:"webhook_accepted"`
	Escalated bool         `json:"escalated"`
	Messages  int          `json:"messages"`
}

func (s *Server) listConversations(w http.ResponseWriter, _ *http.Request) {
	out := []listed{}
	for _, r := range s.store.all() {
		out = append(out, listed{
			r.ID, r.Platform, r.ProjectID, r.ClosedAt, r.webhook, r.webhook == webhookAccepted, r.Escalated(), len(r.Messages),
		})
	}
	answer(w, http.StatusOK, out)
}

type controlError struct {
	Error string `json:"error"`
}

// addConversation takes a Conversation as JSON, beside it "send": true for the webhook that closes it, and "webhook"
// for one other than the configured. A conversation without closed_at is closed now. It answers 201 once the delivery
// is over; where "until" gives a time, no attempt goes on or is made after it.
func (s *Server) addConversation(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Conversation
		Send    bool      `json:"send"`
		Webhook *Webhook  `json:"webhook"`
		Until   time.Time `json:"until"`
	}
	if !readControl(w, r, &body) {
		return
	}
	if body.ClosedAt.IsZero() {
		body.ClosedAt = s.cfg.Now()
	}
	c := body.Conversation
	if err := complete(&c, s.cfg.Now()); err != nil {
		answer(w, http.StatusBadRequest, controlError{err.Error()})
		return
	}
	hook := body.Webhook
	if hook == nil {
		hook = s.webhookOf(c)
	}
	if body.Send && hook == nil {
		answer(w, http.StatusBadRequest, controlError{"no webhook is configured for the conversation's project, give one as \"webhook\""})
		return
	}
	if err := s.Add(c); err != nil {
		answer(w, http.StatusInternalServerError, controlError{err.Error()})
		return
	}
	out := struct {
		ID       string    `json:"id"`
		Delivery *Delivery `json:"delivery,omitempty"`
	}{ID: c.ID}
	if body.Send {
		ctx := r.Context()
		if !body.Until.IsZero() {
			var cancel context.CancelFunc
			ctx, cancel = context.WithDeadline(ctx, body.Until)
			defer cancel()
		}
		d := s.Send(ctx, *hook, s.ClosedEvent(c))
		out.Delivery = &d
	}
	answer(w, http.StatusCreated, out)
}

func (s *Server) webhookOf(c Conversation) *Webhook {
	for _, hook := range s.cfg.Webhooks {
		if (hook.Platform == "" || hook.Platform == c.Platform) && (hook.ProjectID == 0 || hook.ProjectID == c.ProjectID) {
			return &hook
		}
	}
	return nil
}

func (s *Server) addFault(w http.ResponseWriter, r *http.Request) {
	var f Fault
	if !readControl(w, r, &f) {
		return
	}
	if _, err := s.Fault(f); err != nil {
		answer(w, http.StatusBadRequest, controlError{err.Error()})
		return
	}
	answer(w, http.StatusCreated, f)
}

// readControl reads a request's JSON, in which unknown keys are errors, so that a misspelt one is not lost.
func readControl(w http.ResponseWriter, r *http.Request, into any) bool {
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		answer(w, http.StatusBadRequest, controlError{"read body: " + err.Error()})
		return false
	}
	return true
}
