package main

import (
	"maps"
	"slices"

	"github.com/rs/zerolog"

	"passerelle/ingest"
	"passerelle/pkg/queue"
	"passerelle/pkg/ticket"
)

// wireSweep connects the sweep with the configuration in force.
func wireSweep(e environment, q *queue.Queue, w works, log zerolog.Logger, meter ingest.SweepMeter) *ingest.Sweep {
	sites := func() []ticket.Site { return slices.Collect(maps.Values(w.directory.Config().Sites)) }
	return ingest.NewSweep(q, sites, w.closed, ingest.SweepSettings{Every: e.SweepEvery}, log, meter)
}

// closed gives the client of an iAdvize connection.
func (w works) closed(connection string) (ingest.ClosedList, bool) {
	return w.clients.iadvizeClient(connection)
}
