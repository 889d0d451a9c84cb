package main

import (
	"fmt"
	"math"
	"time"

	"passerelle/pkg/sim/simiadvize"
	"passerelle/pkg/sim/simzendesk"
)

// zendeskFaults are the ways in which the accounts fail, before and after the work. The waits of the limits are short,
// so that a run has many of them.
func zendeskFaults() []simzendesk.Fault {
	return []simzendesk.Fault{
		{Kind: simzendesk.ResetBefore}, {Kind: simzendesk.ResetAfter}, {Kind: simzendesk.Slow, Delay: 3 * time.Second},
		{Kind: simzendesk.HTML502}, {Kind: simzendesk.HTML502After}, {Kind: simzendesk.Empty500}, {Kind: simzendesk.Status, Status: 504},
		{Kind: simzendesk.Status, Status: 400}, {Kind: simzendesk.Status, Status: 422}, {Kind: simzendesk.Status, Status: 404},
		{Kind: simzendesk.Unavailable, RetryAfter: 1}, {Kind: simzendesk.Unavailable}, {Kind: simzendesk.Deadlock},
		{Kind: simzendesk.RateLimited, RetryAfter: 1}, {Kind: simzendesk.RateLimited, Variant: 3, RetryAfter: 2}, {Kind: simzendesk.RateLimited, Variant: 4},
		{Kind: simzendesk.TooManyJobs}, {Kind: simzendesk.Conflict409}, {Kind: simzendesk.Conflict409After},
		{Kind: simzendesk.Forbidden}, {Kind: simzendesk.Unauthorized}, {Kind: simzendesk.Locked}, {Kind: simzendesk.Redirect302},
		{Kind: simzendesk.TruncatedBody}, {Kind: simzendesk.HugeBody}, {Kind: simzendesk.NonJSON200},
	}
}

// hiding are the answers after which nobody knows whether there is a ticket.
func hiding() []simzendesk.Fault {
	var all []simzendesk.Fault
	for _, kind := range []simzendesk.FaultKind{simzendesk.ResetAfter, simzendesk.ResetBefore, simzendesk.Conflict409After, simzendesk.HTML502After} {
		all = append(all, simzendesk.Fault{Kind: kind, Method: "POST", Path: "/api/v2/tickets"})
	}
	return all
}

// endless are the answers that never come, or later than a client waits.
func endless() []simzendesk.Fault {
	return []simzendesk.Fault{
		{Kind: simzendesk.Hang}, {Kind: simzendesk.HangAfter}, {Kind: simzendesk.Slow, Delay: 27 * time.Second, Method: "POST", Path: "/api/v2/tickets"},
	}
}

func iadvizeFaults() []simiadvize.Fault {
	const graphql = simiadvize.GraphQLEndpoint
	return []simiadvize.Fault{
		{Kind: simiadvize.Status, Endpoint: graphql}, {Kind: simiadvize.Status, Status: 429, RetryAfter: "1", Endpoint: graphql},
		{Kind: simiadvize.Slow, Delay: 2 * time.Second}, {Kind: simiadvize.Reset}, {Kind: simiadvize.GraphQLError, Message: "internal error", Endpoint: graphql},
		{Kind: simiadvize.HTML}, {Kind: simiadvize.Empty}, {Kind: simiadvize.Truncated},
	}
}

// each gives the share of one of n faults, tried one after the other, so that all together have that share.
func each(all float64, n int) float64 { return 1 - math.Pow(1-all, 1/float64(n)) }

// begin makes the simulators fail.
func (w *world) begin(o options) error {
	if o.share == 0 {
		return nil
	}
	faults := append(hiding(), zendeskFaults()...)
	if o.hangs {
		faults = append(faults, endless()...)
	}
	for _, a := range w.zendesk.Accounts() {
		// Even a short run has each of these, however few tickets are made while the rest lasts: they stay until they are met.
		for _, f := range hiding() {
			f.Times = 1
			a.Fault(f)
		}
		if !o.hangs {
			for _, f := range endless()[:2] {
				f.Times = 1
				w.mend = append(w.mend, a.Fault(f))
			}
		}
		for _, f := range faults {
			f.Share = each(o.share, len(faults))
			w.mend = append(w.mend, a.Fault(f))
		}
	}
	for _, f := range iadvizeFaults() {
		f.Share = each(o.share, len(iadvizeFaults()))
		if _, err := w.iadvize.Fault(f); err != nil {
			return fmt.Errorf("make the simulated iAdvize fail: %w", err)
		}
	}
	return nil
}

// end makes them well again, but for the one answer of each hiding kind that an account still owes.
func (w *world) end() {
	for _, mend := range w.mend {
		mend()
	}
	w.iadvize.ClearFaults()
}
