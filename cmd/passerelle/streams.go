package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/rs/zerolog"

	"passerelle/pkg/queue"
)

type streamsCommand struct {
	Check streamsCheckCommand `cmd:"" help:"Show what somebody changed of streams, buckets and consumers."`
}

type streamsCheckCommand struct {
	Apply bool `help:"Put it right."`
}

// Run shows the differences. It fails when one breaks a guarantee.
func (c streamsCheckCommand) Run(ctx context.Context, std streams) error {
	return visit(ctx, func(_ environment, q *queue.Queue, _ *cleanups) error {
		var applied error
		if c.Apply {
			applied = q.Apply(ctx)
		}
		all, err := q.Differences(ctx)
		if err != nil {
			return errors.Join(applied, err)
		}
		if err := printDifferences(std, all); err != nil {
			return err
		}
		broken := 0
		for _, d := range all {
			if d.Risk != "" {
				broken++
			}
		}
		if broken > 0 {
			return errors.Join(applied, fmt.Errorf("%d of %d differences break a guarantee, and passerelle serve does not start on them; --apply puts them right", broken, len(all)))
		}
		return applied
	})
}

func printDifferences(std streams, all []queue.Difference) error {
	if std.json {
		return printJSON(std, all)
	}
	if len(all) == 0 {
		_, err := fmt.Fprintln(std.out, "Streams, buckets and consumers are as the product makes them.")
		return err
	}
	rows := make([]table.Row, 0, len(all))
	for _, d := range all {
		rows = append(rows, table.Row{d.Where, d.Setting, d.Have, d.Want, d.Risk})
	}
	printTable(std, table.Row{"Where", "Setting", "On the server", "As it is made", "What it breaks"}, rows)
	return nil
}

// reportDifference logs what is left alone.
func reportDifference(log zerolog.Logger) func(queue.Difference) {
	return func(d queue.Difference) {
		log.Warn().Str("where", d.Where).Str("setting", d.Setting).Str("on_the_server", d.Have).Str("as_made", d.Want).
			Msg("somebody changed a setting in NATS; it is left alone, and serve --apply puts it right")
	}
}

const syncTime = 3 * time.Second

// reportSync says which NATS server answers before its disk has what it was given.
func reportSync(ctx context.Context, q *queue.Queue, e environment, log zerolog.Logger) {
	ctx, cancel := context.WithTimeout(ctx, syncTime)
	defer cancel()
	servers, err := q.Syncs(ctx, e.NATSMonitorURL)
	if err != nil {
		log.Warn().Err(err).Msg("cannot ask a NATS server when it syncs to its disk")
	}
	if len(servers) == 0 {
		log.Info().Msg("whether the NATS servers sync each message to disk is only told at their monitoring port: set sync_interval: always there, and PASSERELLE_NATS_MONITOR_URL to have it checked")
		return
	}
	for _, s := range servers {
		if s.Always {
			log.Debug().Str("server", s.Name).Msg("the NATS server syncs each message to its disk")
			continue
		}
		log.Warn().Str("server", s.Name).Stringer("sync_interval", s.Interval).
			Msg("a NATS server answers before its disk has the message: webhooks of so long that iAdvize was told are stored are lost when its machine loses power " +
				"(with replicas: when the machines of most of them do at once); set jetstream { sync_interval: always } there")
	}
}
