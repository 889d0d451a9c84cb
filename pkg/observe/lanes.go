package observe

import "github.com/prometheus/client_golang/prometheus"

// LaneSample is how an account fares. Accounts are those of the configuration, so that the labels are bounded.
type LaneSample struct {
	Account   string
	State     string // open, limited, down, paused
	Held      int    // events that wait, escalated ones included
	Escalated int
}

var (
	laneState = prometheus.NewDesc("passerelle_lane_state",
		"1 for each Zendesk account that is limited, down or paused. Every process tells of all accounts: take max by (account, state).", []string{"account", "state"}, nil)
	laneHeld = prometheus.NewDesc("passerelle_lane_held",
		"Events that wait for their Zendesk account, of accounts that hold any. Every process tells of all accounts: take max by (account).", []string{"account"}, nil)
	laneEscalated = prometheus.NewDesc("passerelle_lane_escalated",
		"Of the events that wait for their Zendesk account, those that are known to be escalations.", []string{"account"}, nil)
)

type lanes struct{ look func() []LaneSample }

// Describe is part of prometheus.Collector.
func (lanes) Describe(descs chan<- *prometheus.Desc) {
	descs <- laneState
	descs <- laneHeld
	descs <- laneEscalated
}

// Collect is part of prometheus.Collector.
func (l lanes) Collect(metrics chan<- prometheus.Metric) {
	for _, s := range l.look() {
		if s.State != "open" {
			metrics <- prometheus.MustNewConstMetric(laneState, prometheus.GaugeValue, 1, s.Account, s.State)
		}
		if s.Held > 0 {
			metrics <- prometheus.MustNewConstMetric(laneHeld, prometheus.GaugeValue, float64(s.Held), s.Account)
			metrics <- prometheus.MustNewConstMetric(laneEscalated, prometheus.GaugeValue, float64(s.Escalated), s.Account)
		}
	}
}

// WatchLanes has look called whenever the metrics are read; it gives each account once. It must be called once at most.
func (m *Metrics) WatchLanes(look func() []LaneSample) { m.registry.MustRegister(lanes{look}) }
