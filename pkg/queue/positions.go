package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"passerelle/pkg/ticket"
)

const (
	positionsBucket = "positions"
	// positionLife bounds what is kept of sites that left the configuration; each sweep and each step renews it. A ledger
	// entry lives as long: what was looked at longer ago may have left the ledger.
	positionLife = ledgerLife
)

func positionsConfig(replicas int) jetstream.KeyValueConfig {
	return jetstream.KeyValueConfig{
		Bucket: positionsBucket, Description: "how far the sweep has come at each site, and each backfill", TTL: positionLife, History: 1,
		Storage: jetstream.FileStorage, Replicas: replicas,
	}
}

// Place is where a walk through closed conversations stands: a slice of time, and the next page in it.
type Place struct {
	From  time.Time `json:"from,omitzero"`
	Until time.Time `json:"until,omitzero"`  // end of the slice
	After string    `json:"after,omitempty"` // iAdvize's cursor; empty: the slice has not begun
}

// SweepPosition is how far the sweep has come at a site.
type SweepPosition struct {
	Since time.Time `json:"since"`          // nothing that ended before is looked for
	Until time.Time `json:"until"`          // everything that ended before has been looked at
	Place Place     `json:"place,omitzero"` // of a walk that was cut off within a slice

	revision uint64
}

// BackfillPosition is how far a backfill has come.
type BackfillPosition struct {
	From    time.Time      `json:"from"`
	To      time.Time      `json:"to"`
	BegunAt time.Time      `json:"begun_at"`
	Place   Place          `json:"place"`
	Counted []string       `json:"counted,omitempty"` // conversations of the next page that are counted already
	Found   int            `json:"found"`
	Queued  int            `json:"queued"`
	Skipped map[string]int `json:"skipped,omitempty"` // by Stage
	Done    bool           `json:"done,omitempty"`

	revision uint64
}

// ErrOvertaken says that another process has gone on from the same position.
var ErrOvertaken = errors.New("another process has gone on from the same position")

// siteKey names the project, which stays when a site is renamed.
func siteKey(s ticket.Site) string { return s.Platform + "-" + strconv.FormatInt(s.ProjectID, 10) }

// SweepPosition gives the position of a site, and whether the sweep has seen the site before.
func (q *Queue) SweepPosition(ctx context.Context, s ticket.Site) (SweepPosition, bool, error) {
	var p SweepPosition
	revision, err := q.loadPosition(ctx, "sweep."+siteKey(s), &p)
	p.revision = revision
	return p, revision > 0, err
}

// SaveSweepPosition replaces the position that was read; the zero value's revision stands for none. The error is
// ErrOvertaken when another process has written it meanwhile.
func (q *Queue) SaveSweepPosition(ctx context.Context, s ticket.Site, p SweepPosition) (SweepPosition, error) {
	var err error
	p.revision, err = q.savePosition(ctx, "sweep."+siteKey(s), p, p.revision)
	return p, err
}

func backfillKey(s ticket.Site, name string) string {
	return "backfill." + siteKey(s) + "." + string(ticket.JobOf(name))
}

// BackfillPosition gives how far the backfill of that name has come at a site, and whether it was begun.
func (q *Queue) BackfillPosition(ctx context.Context, s ticket.Site, name string) (BackfillPosition, bool, error) {
	var p BackfillPosition
	revision, err := q.loadPosition(ctx, backfillKey(s, name), &p)
	p.revision = revision
	return p, revision > 0, err
}

// SaveBackfillPosition replaces the position that was read or saved before. The error is ErrOvertaken when another process
// has written it meanwhile.
func (q *Queue) SaveBackfillPosition(ctx context.Context, s ticket.Site, name string, p BackfillPosition) (BackfillPosition, error) {
	var err error
	p.revision, err = q.savePosition(ctx, backfillKey(s, name), p, p.revision)
	return p, err
}

// Anew gives a position for another start of the same backfill.
func (p BackfillPosition) Anew(from, to, now time.Time) BackfillPosition {
	return BackfillPosition{From: from, To: to, BegunAt: now, Place: Place{From: from}, revision: p.revision}
}

// loadPosition reads a position; revision 0 says that there is none.
func (q *Queue) loadPosition(ctx context.Context, key string, into any) (revision uint64, err error) {
	entry, err := q.positions.Get(ctx, key)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read position %s: %w", key, err)
	}
	if err := json.Unmarshal(entry.Value(), into); err != nil {
		return 0, fmt.Errorf("read position %s: %w; delete the key from the bucket %s", key, err, positionsBucket)
	}
	return entry.Revision(), nil
}

func (q *Queue) savePosition(ctx context.Context, key string, p any, revision uint64) (uint64, error) {
	body, err := json.Marshal(p)
	if err != nil {
		return 0, fmt.Errorf("store position %s: %w", key, err)
	}
	stored, err := replace(ctx, q.positions, key, body, revision)
	switch {
	case err == nil:
		return stored, nil
	case errors.Is(err, errChanged):
		return revision, ErrOvertaken
	default:
		return revision, fmt.Errorf("store position %s: %w", key, err)
	}
}
