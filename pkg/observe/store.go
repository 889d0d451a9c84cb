package observe

import "github.com/prometheus/client_golang/prometheus"

// StoreSample is how much the store holds.
type StoreSample struct {
	Pending     int // events that nobody has taken up yet
	InWork      int // events that were taken up and are not settled
	DeadLetters int
}

var (
	storeUp = prometheus.NewDesc("passerelle_store_up",
		"1 when the store answered this process's last look, which is at most some 15 s ago, else 0; the numbers of what is stored are missing then.", nil, nil)
	queuePending = prometheus.NewDesc("passerelle_queue_pending",
		"Events that are stored and not yet taken up. Every process tells of all: take max.", nil, nil)
	queueInWork = prometheus.NewDesc("passerelle_queue_in_work",
		"Events that were taken up and are not settled: in work, or waiting for their next try. Every process tells of all: take max.", nil, nil)
	deadLetters = prometheus.NewDesc("passerelle_dead_letters",
		"Dead letters that there are. Every process tells of all: take max.", nil, nil)
)

type store struct{ look func() (StoreSample, bool) }

// Describe is part of prometheus.Collector.
func (store) Describe(descs chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{storeUp, queuePending, queueInWork, deadLetters} {
		descs <- d
	}
}

// Collect is part of prometheus.Collector.
func (s store) Collect(metrics chan<- prometheus.Metric) {
	sample, up := s.look()
	give := func(d *prometheus.Desc, value int) {
		metrics <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(value))
	}
	give(storeUp, one(up))
	if up {
		give(queuePending, sample.Pending)
		give(queueInWork, sample.InWork)
		give(deadLetters, sample.DeadLetters)
	}
}

// WatchStore has look called whenever the metrics are read; it gives false when the store does not answer. It must be
// called once at most.
func (m *Metrics) WatchStore(look func() (StoreSample, bool)) { m.registry.MustRegister(store{look}) }
