package observe

import "github.com/prometheus/client_golang/prometheus"

// CallsSample is how an account's calls of this minute stand, as this process knows it.
type CallsSample struct {
	Account string
	Limit   int  // calls a minute
	Reserve int  // of these, left to the account's people and other integrations
	Left    int  // of the limit, for everybody; negative: the account has not told in this minute
	None    bool // no call of ours is made for now
}

var (
	callsLeft = prometheus.NewDesc("passerelle_calls_left",
		"Calls of this minute that a Zendesk account has left for everybody, by its own word, as this process heard last; nothing while it has not said: take min by (account).", []string{"account"}, nil)
	callsLimit = prometheus.NewDesc("passerelle_calls_limit",
		"Calls a minute that a Zendesk account allows, by its own word or else the configuration's; beyond 100 accounts only of those without a call for us.", []string{"account"}, nil)
	callsReserve = prometheus.NewDesc("passerelle_calls_reserve",
		"Of a Zendesk account's calls a minute, those that reserve_percent leaves to its people and other integrations.", []string{"account"}, nil)
)

type calls struct {
	look    func() []CallsSample
	refused *prometheus.CounterVec
}

// Describe is part of prometheus.Collector.
func (calls) Describe(descs chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{callsLeft, callsLimit, callsReserve} {
		descs <- d
	}
}

// Collect is part of prometheus.Collector.
func (c calls) Collect(metrics chan<- prometheus.Metric) {
	samples := c.look()
	all := len(samples) <= mostZeroes
	for _, s := range samples {
		if !all && !s.None {
			continue
		}
		give := func(d *prometheus.Desc, value int) {
			metrics <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(value), s.Account)
		}
		give(callsLimit, s.Limit)
		give(callsReserve, s.Reserve)
		if s.Left >= 0 {
			give(callsLeft, s.Left)
		}
		if all {
			c.refused.WithLabelValues(s.Account) // so that the first one is seen as an increase
		}
	}
}

// WatchCalls has look called whenever the metrics are read; it gives each account of the configuration once. It must be
// called once at most, by a process that makes calls.
func (m *Metrics) WatchCalls(look func() []CallsSample) {
	m.registry.MustRegister(calls{look, m.refused})
}

// CallRefused counts an answer of status 429. The account is one of the configuration, so that the labels are bounded.
func (m *Metrics) CallRefused(account string) { m.refused.WithLabelValues(account).Inc() }
