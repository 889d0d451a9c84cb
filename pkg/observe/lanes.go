package observe

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// LanesSample is how the accounts fare.
type LanesSample struct {
	Accounts []LaneSample // those of the configuration, and those that hold anything
	Workers  int          // worker processes that answered; without one it is not known who is limited or down
}

// LaneSample is how an account fares. Accounts are those of the configuration, so that the labels are bounded.
type LaneSample struct {
	Account   string
	State     string // open, limited, down, paused, unknown
	Held      int    // events that wait, escalated ones included
	Escalated int
	OldestAt  time.Time // when the event that waits in front was received; zero: nothing waits, or it is not known
}

// mostZeroes is up to how many accounts each has its series, be it 0. Of more, those that have nothing to tell have none:
// thousands of accounts would be tens of thousands of zeroes.
const mostZeroes = 100

var (
	laneState = prometheus.NewDesc("passerelle_lane_state",
		"1 for each Zendesk account that is limited, down or paused, else 0, or nothing beyond 100 accounts. Every process tells of all accounts: take max by (account, state).", []string{"account", "state"}, nil)
	laneHeld = prometheus.NewDesc("passerelle_lane_held",
		"Events that wait for their Zendesk account; beyond 100 accounts only of those that hold any. Every process tells of all accounts: take max by (account).", []string{"account"}, nil)
	laneEscalated = prometheus.NewDesc("passerelle_lane_escalated",
		"Of the events that wait for their Zendesk account, those that are known to be escalations.", []string{"account"}, nil)
	laneOldest = prometheus.NewDesc("passerelle_lane_oldest_seconds",
		"For how long the event in front of those that wait for their Zendesk account has been waiting; of the 100 accounts that fare worst. Every process tells of all accounts: take max by (account).", []string{"account"}, nil)
	accounts = prometheus.NewDesc("passerelle_accounts",
		"Zendesk accounts by state: open, limited, down, paused. Every process tells of all: take max by (state).", []string{"state"}, nil)
	held = prometheus.NewDesc("passerelle_held",
		"Events that wait for their Zendesk account, of all accounts. Every process tells of all: take max.", nil, nil)
	workers = prometheus.NewDesc("passerelle_workers",
		"Worker processes that answered when they were asked. Every process tells of all: take max.", nil, nil)
)

type lanes struct{ look func() (LanesSample, bool) }

// Describe is part of prometheus.Collector.
func (lanes) Describe(descs chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{laneState, laneHeld, laneEscalated, laneOldest, accounts, held, workers} {
		descs <- d
	}
}

// Collect is part of prometheus.Collector.
func (l lanes) Collect(metrics chan<- prometheus.Metric) {
	sample, known := l.look()
	if !known {
		return
	}
	give := func(d *prometheus.Desc, value int, labels ...string) {
		metrics <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(value), labels...)
	}
	states := []string{"paused"} // known whoever runs
	if sample.Workers > 0 {
		states = append(states, "limited", "down")
	}
	zeroes := len(sample.Accounts) <= mostZeroes
	all, in := 0, map[string]int{}
	for _, a := range sample.Accounts {
		all += a.Held
		in[a.State]++
		for _, state := range states {
			if is := a.State == state; is || zeroes {
				give(laneState, one(is), a.Account, state)
			}
		}
		if a.Held > 0 || zeroes {
			give(laneHeld, a.Held, a.Account)
			give(laneEscalated, a.Escalated, a.Account)
		}
		switch {
		case !a.OldestAt.IsZero():
			give(laneOldest, int(max(0, time.Since(a.OldestAt))/time.Second), a.Account)
		case a.Held == 0 && zeroes:
			give(laneOldest, 0, a.Account)
		}
	}
	give(held, all)
	give(workers, sample.Workers)
	if sample.Workers > 0 {
		states = append(states, "open")
	}
	for _, state := range states {
		give(accounts, in[state], state)
	}
}

func one(is bool) int {
	if is {
		return 1
	}
	return 0
}

// WatchLanes has look called whenever the metrics are read; it gives each account once, or false when they are not known.
// It must be called once at most.
func (m *Metrics) WatchLanes(look func() (LanesSample, bool)) { m.registry.MustRegister(lanes{look}) }
