package worker

import (
	"context"
	"slices"
	"testing"

	"passerelle/pkg/queue"
	"passerelle/pkg/ticket"
	"passerelle/pkg/zendesk"
)

// names gives tickets the external ids of c1, c2 …, and takes as many at once as Zendesk does.
type names struct{ Bulk }

func (names) ExternalIDs(_ context.Context, ids []int64) (map[int64]string, error) {
	if len(ids) > zendesk.MaxBulk {
		return nil, &ticket.Failure{Trouble: ticket.TroubleHiccup}
	}
	found := map[int64]string{}
	for _, id := range ids {
		found[id] = ticket.ExternalID("c" + decimal(id))
	}
	return found, nil
}

func TestResultsThatContradictEachOtherAreLookedAt(t *testing.T) {
	var held []*queue.Held
	for _, id := range []string{"c1", "c2", "c3"} {
		held = append(held, &queue.Held{Event: closed(id)})
	}
	many := []zendesk.BulkResult{{Index: 0, ID: 1}}
	for id := range int64(150) {
		many = append(many, zendesk.BulkResult{Index: -1, ID: id + 1})
	}
	for name, c := range map[string]struct {
		results []zendesk.BulkResult
		want    []int64
	}{
		"as it should be":         {[]zendesk.BulkResult{{Index: 2, ID: 3}, {Index: 0, ID: 1}, {Index: 1, ID: 2}}, []int64{1, 2, 3}},
		"each one twice":          {[]zendesk.BulkResult{{Index: 0, ID: 1}, {Index: 0, ID: 1}, {Index: 1, ID: 2}}, []int64{1, 2, 0}},
		"one ticket for two":      {[]zendesk.BulkResult{{Index: 0, ID: 1}, {Index: 1, ID: 1}, {Index: 2, ID: 3}}, []int64{1, 0, 3}},
		"two tickets for one":     {[]zendesk.BulkResult{{Index: 0, ID: 1}, {Index: 0, ID: 2}, {Index: 2, ID: 3}}, []int64{1, 2, 3}},
		"more than were asked of": {many, []int64{1, 2, 3}},
	} {
		b := &bulk{Bulk: names{}}
		if made, err := b.madeBy(t.Context(), held, zendesk.BulkJob{Results: c.results}); err != nil || !slices.Equal(made, c.want) {
			t.Errorf("%s: %v, %v, want %v", name, made, err, c.want)
		}
	}
}
