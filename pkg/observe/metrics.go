package observe

import (
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"passerelle/pkg/ticket"
)

// Metrics counts what happens. It may be used concurrently.
type Metrics struct {
	registry *prometheus.Registry
	webhooks *prometheus.CounterVec
	forms    *prometheus.CounterVec
	attempts attempts
	seconds  *prometheus.HistogramVec
	unclear  *prometheus.CounterVec
	lookups  *prometheus.CounterVec
	refused  *prometheus.CounterVec
	sweep    sweepMetrics
}

// webhookAnswers are the words of package ingest.
var webhookAnswers = []string{"accepted", "duplicate", "ignored", "malformed", "unauthorized", "too_large", "not_stored"}

// NewMetrics makes the metrics of a process.
func NewMetrics() *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		webhooks: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "passerelle_webhooks_total", Help: "Webhooks by what they were answered: " + strings.Join(webhookAnswers, ", ") + ".",
		}, []string{"answer"}),
		forms: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "passerelle_closing_forms_total", Help: "Requests for the closing form by what they were answered: given, malformed, unauthorized.",
		}, []string{"answer"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "passerelle_attempt_seconds", Help: "Time that an attempt took, in seconds, by its result.", Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 25},
		}, []string{"result"}),
		unclear: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "passerelle_uncertain_total", Help: "Calls to create a ticket after which it may or may not exist, by Zendesk account.",
		}, []string{"account"}),
		lookups: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "passerelle_lookups_total", Help: "Look-ups of tickets that may exist, by Zendesk account and what was found: found, absent, failed.",
		}, []string{"account", "found"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "passerelle_calls_refused_total", Help: "Calls that a Zendesk account answered with 429, by account.",
		}, []string{"account"}),
		sweep: newSweepMetrics(),
	}
	for _, answer := range webhookAnswers { // from the start, so that the first one is seen as an increase
		m.webhooks.WithLabelValues(answer)
	}
	m.sweep.register(m.registry)
	m.registry.MustRegister(m.webhooks, m.forms, &m.attempts, m.seconds, m.unclear, m.lookups, m.refused, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Webhook counts the answer to one.
func (m *Metrics) Webhook(answer string) { m.webhooks.WithLabelValues(answer).Inc() }

// ClosingForm counts the answer to who asked for the form.
func (m *Metrics) ClosingForm(answer string) { m.forms.WithLabelValues(answer).Inc() }

// Attempt counts one attempt. The account is one of the configuration or empty, so that the labels are bounded.
func (m *Metrics) Attempt(account string, o ticket.Outcome, took time.Duration) {
	reason := ""
	if o.Failure != nil {
		reason = string(o.Failure.ReasonNow())
	}
	m.attempts.count(attempt{account, string(o.Result), string(o.Purpose), reason})
	m.seconds.WithLabelValues(string(o.Result)).Observe(took.Seconds())
	if o.Failure != nil && o.Failure.Trouble == ticket.TroubleUncertain {
		m.unclear.WithLabelValues(account).Inc()
	}
	if o.Lookup != "" {
		m.lookups.WithLabelValues(account, string(o.Lookup)).Inc()
	}
}

// Handler answers /metrics.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}
