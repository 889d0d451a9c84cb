package observe

import (
	"maps"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// attempts counts attempts, with less than the library's own counters, which keep some 30 small objects for each account:
// of thousands of accounts these are a quarter of all objects that a worker has in use, and each collection of memory
// looks through them.
type attempts struct {
	mu  sync.Mutex
	all map[attempt]float64 // guarded by mu
}

// attempt has the labels of a counter.
type attempt struct{ account, result, purpose, reason string }

var attemptsTotal = prometheus.NewDesc("passerelle_attempts_total",
	"Attempts to deal with an event, by Zendesk account, result, purpose of the ticket and reason of a failure.", []string{"account", "result", "purpose", "reason"}, nil)

func (a *attempts) count(one attempt) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.all == nil {
		a.all = map[attempt]float64{}
	}
	a.all[one]++
}

// Describe is part of prometheus.Collector.
func (*attempts) Describe(descs chan<- *prometheus.Desc) { descs <- attemptsTotal }

// Collect is part of prometheus.Collector.
func (a *attempts) Collect(metrics chan<- prometheus.Metric) {
	a.mu.Lock()
	all := maps.Clone(a.all) // those who count do not wait for who reads
	a.mu.Unlock()
	for one, n := range all {
		metrics <- prometheus.MustNewConstMetric(attemptsTotal, prometheus.CounterValue, n, one.account, one.result, one.purpose, one.reason)
	}
}
