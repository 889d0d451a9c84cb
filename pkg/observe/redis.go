package observe

import "github.com/prometheus/client_golang/prometheus"

// RedisSample is how Redis does for this process.
type RedisSample struct {
	Up       bool
	Failures uint64 // calls without a usable answer, since the process began
}

var (
	redisUp = prometheus.NewDesc("passerelle_redis_up",
		"0 while this process leaves Redis alone because it failed repeatedly, which ends with the first call that it answers, else 1.", nil, nil)
	redisFailures = prometheus.NewDesc("passerelle_redis_failures_total",
		"Calls of this process that Redis did not answer in time, or with an error.", nil, nil)
)

type redis struct{ look func() RedisSample }

// Describe is part of prometheus.Collector.
func (redis) Describe(descs chan<- *prometheus.Desc) {
	descs <- redisUp
	descs <- redisFailures
}

// Collect is part of prometheus.Collector.
func (r redis) Collect(metrics chan<- prometheus.Metric) {
	sample := r.look()
	metrics <- prometheus.MustNewConstMetric(redisUp, prometheus.GaugeValue, float64(one(sample.Up)))
	metrics <- prometheus.MustNewConstMetric(redisFailures, prometheus.CounterValue, float64(sample.Failures))
}

// WatchRedis has look called whenever the metrics are read. It must not block, may be called concurrently, and WatchRedis
// must be called once at most, where there is a Redis.
func (m *Metrics) WatchRedis(look func() RedisSample) { m.registry.MustRegister(redis{look}) }
