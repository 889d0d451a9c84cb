package observe

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// sweepMetrics count what sweeps find. The labels are names of the configuration.
type sweepMetrics struct {
	found    *prometheus.CounterVec
	failures *prometheus.CounterVec
	until    *prometheus.GaugeVec
}

func newSweepMetrics() sweepMetrics {
	return sweepMetrics{
		found: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "passerelle_sweep_conversations_total",
			Help: "Closed conversations, each once, by Zendesk account and what was known of them when a sweep of this process first came by: created, skipped, dead, held, queued; missing ones were queued then.",
		}, []string{"account", "stage"}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "passerelle_sweep_failures_total", Help: "Failures of sweeps, by iAdvize connection; empty for those of the store.",
		}, []string{"connection"}),
		until: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "passerelle_sweep_position_timestamp_seconds",
			Help: "Everything that ended at the site before this time is known. One process sweeps at a time: the age is time() - max by (site) of this.",
		}, []string{"site"}),
	}
}

func (s sweepMetrics) register(r *prometheus.Registry) { r.MustRegister(s.found, s.failures, s.until) }

// Swept counts a conversation when a sweep first comes by.
func (m *Metrics) Swept(account, stage string) {
	m.sweep.found.WithLabelValues(account, stage).Inc()
}

// SweepFailed counts a failure; the connection is empty when it is the store's.
func (m *Metrics) SweepFailed(connection string) {
	m.sweep.failures.WithLabelValues(connection).Inc()
}

// SweptUntil notes how far the sweep has come at a site.
func (m *Metrics) SweptUntil(site string, until time.Time) {
	m.sweep.until.WithLabelValues(site).Set(float64(until.UnixMilli()) / 1000)
}
