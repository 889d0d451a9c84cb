package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"passerelle/pkg/nearest"
	"passerelle/pkg/queue"
)

type lanesCommand struct {
	List   lanesListCommand   `cmd:"" help:"How the Zendesk accounts fare, and what waits for them; the worst first."`
	Pause  lanesPauseCommand  `cmd:"" help:"Send nothing to an account until it is resumed: its conversations wait."`
	Resume lanesResumeCommand `cmd:"" help:"End a pause: what waits is worked off at once."`
}

const (
	lanesWithin = 2 * time.Second // for the worker processes to answer
	whyWidth    = 60              // characters
	callsWidth  = 30
)

type lanesListCommand struct {
	All bool `help:"Those too that are well and hold nothing."`
}

// Run prints the accounts.
func (c lanesListCommand) Run(ctx context.Context, std streams) error {
	return visit(ctx, func(e environment, q *queue.Queue, _ *cleanups) error {
		known := accountsInForce(ctx, e, q, std)
		if known.err != nil { // what is held is shown all the same
			_, _ = fmt.Fprintf(std.err, "passerelle: accounts that hold nothing are not known, because the configuration cannot be read: %s\n", oneLine(known.err))
		}
		o, err := q.Lanes(ctx, queue.LanesQuery{Accounts: known.names, All: c.All, Within: lanesWithin})
		if err != nil {
			return err
		}
		if std.json {
			return printJSON(std, o.Lanes)
		}
		return printLanes(std, o, time.Now())
	})
}

// accountNames are the accounts that there are, as far as a command can find out.
type accountNames struct {
	names []string
	err   error // why there may be others: the configuration cannot be used, and no running process tells
}

// accountsInForce gives the accounts of the configuration. What runs is steered while its file is bad, too: then the
// processes that run are asked.
func accountsInForce(ctx context.Context, e environment, q *queue.Queue, std streams) accountNames {
	config, err := configInForce(ctx, e, q)
	if err == nil {
		return accountNames{names: slices.Sorted(maps.Keys(config.Zendesk))}
	}
	running := accountsRunning(ctx, q)
	if len(running) == 0 {
		return accountNames{err: err}
	}
	goingByWhatRuns(std, err)
	return accountNames{names: running}
}

func printLanes(std streams, o queue.Overview, now time.Time) error {
	switch {
	case len(o.Lanes) == 0 && o.Workers > 0:
		_, _ = fmt.Fprintln(std.out, "All accounts are open, and none holds anything.")
	case len(o.Lanes) == 0:
		_, _ = fmt.Fprintln(std.out, "No account is paused, and none holds anything.")
	default:
		rows := make([]table.Row, 0, len(o.Lanes))
		for _, l := range o.Lanes {
			rows = append(rows, table.Row{l.Account, l.State, l.Held, l.Escalated, span(now, l.OldestAt), span(now, l.Since), nextTry(l, now), callsLeft(l.Budget), text.WrapSoft(whyLane(l), whyWidth)})
		}
		printTable(std, table.Row{"Account", "State", "Held", "Escalated", "Oldest", "State for", "Next try", "Calls left", "Why, and what to do"}, rows)
	}
	for _, c := range o.Connections {
		_, _ = fmt.Fprintf(std.out, "The iAdvize connection %s is %s: %s. %s\n", strings.TrimPrefix(c.Gate, "iadvize/"), c.State, c.Failure, c.Hint)
	}
	var err error
	if o.Workers == 0 {
		_, err = fmt.Fprintln(std.out, "No worker process answers: whether an account is limited or down is not known, and nothing is worked off.")
	}
	return err
}

// span is how long ago something was, for people.
func span(now, at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return human(now.Sub(at))
}

// human gives a duration in the one unit that says enough.
func human(d time.Duration) string {
	const day = 24 * time.Hour
	switch d = max(d, 0); {
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d < 2*day:
		return fmt.Sprintf("%d h", d/time.Hour)
	default:
		return fmt.Sprintf("%d d", d/day)
	}
}

func nextTry(l queue.Lane, now time.Time) string {
	at := l.Until
	if l.NextWakeAt.After(at) {
		at = l.NextWakeAt
	}
	switch {
	case l.State == queue.LanePaused:
		return "when resumed"
	case l.Held == 0 && (l.State == queue.LaneOpen || l.State == queue.LaneUnknown):
		return ""
	case !at.After(now):
		return "now"
	default:
		return "in " + human(at.Sub(now))
	}
}

func callsLeft(b *queue.LaneBudget) string {
	if b == nil {
		return ""
	}
	return text.WrapSoft(b.String(), callsWidth)
}

func whyLane(l queue.Lane) string {
	parts := []string{l.Failure, l.Hint}
	if l.State == queue.LanePaused {
		parts = []string{cmp.Or(l.Why, "an operator paused it"), l.Hint}
	}
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), "; ")
}

type lanesPauseCommand struct {
	Account string `arg:"" help:"The Zendesk account, by its name in the configuration."`
	Why     string `help:"A reason for those who look, at most 500 characters; no personal data."`
}

// changedLane is a lane after a command, with whether the command changed it.
type changedLane struct {
	queue.Lane

	Changed     bool   `json:"changed"`
	ReplacedWhy string `json:"replaced_why,omitempty"` // the reason that stood there before
	again       bool   // it was paused already
}

// Run pauses the account.
func (c lanesPauseCommand) Run(ctx context.Context, std streams) error {
	if err := queue.CheckPauseWhy(c.Why); err != nil {
		return usageError{fmt.Errorf("--why: %w", err)}
	}
	return changeLane(ctx, std, c.Account, func(q *queue.Queue, lane *changedLane) error {
		now := time.Now()
		pause, changed, err := q.PauseLane(ctx, c.Account, c.Why, now)
		lane.Changed, lane.ReplacedWhy, lane.again = changed, pause.ReplacedWhy, !pause.At.Equal(now)
		return err
	}, func(l changedLane) string {
		said := fmt.Sprintf("%s is paused.", l.Account)
		if l.again {
			said = fmt.Sprintf("%s was paused already, since %s.", l.Account, localTime(l.Since))
		}
		if l.again && l.Changed {
			said += fmt.Sprintf(" The reason is now %q", l.Why)
			if l.ReplacedWhy != "" {
				said += fmt.Sprintf(", and no longer %q", l.ReplacedWhy)
			}
			said += "."
		}
		return said + fmt.Sprintf(" %d of its events wait, and those that come join them: nothing is sent to Zendesk for it, and nothing of it expires. "+
			"What a worker is sending at this moment is finished. passerelle lanes resume %s ends the pause.", l.Held, l.Account)
	})
}

type lanesResumeCommand struct {
	Account string `arg:"" help:"The Zendesk account, by its name in the configuration."`
}

// Run resumes the account.
func (c lanesResumeCommand) Run(ctx context.Context, std streams) error {
	return changeLane(ctx, std, c.Account, func(q *queue.Queue, lane *changedLane) (err error) {
		_, lane.Changed, err = q.ResumeLane(ctx, c.Account, time.Now())
		return err
	}, func(l changedLane) string {
		switch {
		case !l.Changed:
			said := fmt.Sprintf("%s was not paused; %d of its events wait, and it is %s.", l.Account, l.Held, l.State)
			if l.State == queue.LaneUnknown {
				said = fmt.Sprintf("%s was not paused; %d of its events wait, and how it fares is not known: no worker process answers.", l.Account, l.Held)
			}
			return said
		case l.State == queue.LaneUnknown:
			return fmt.Sprintf("%s is resumed: %d of its events wait until a worker process runs; none answers.", l.Account, l.Held)
		case l.State != queue.LaneOpen:
			return fmt.Sprintf("%s is resumed, and %s: %s. %d of its events wait, and are worked off when it is well.", l.Account, l.State, whyLane(l.Lane), l.Held)
		default:
			return fmt.Sprintf("%s is resumed: %d events that wait are worked off now, those known to be escalations first.", l.Account, l.Held)
		}
	})
}

// changeLane makes a change to an account that there is, and prints what came of it.
func changeLane(ctx context.Context, std streams, account string, change func(*queue.Queue, *changedLane) error, say func(changedLane) string) error {
	return visit(ctx, func(e environment, q *queue.Queue, _ *cleanups) error {
		if err := checkAccount(ctx, e, q, std, account); err != nil {
			return err
		}
		var lane changedLane
		if err := change(q, &lane); err != nil {
			return err
		}
		o, err := q.Lanes(ctx, queue.LanesQuery{Accounts: []string{account}, All: true, Within: lanesWithin})
		if err != nil {
			return err
		}
		at := slices.IndexFunc(o.Lanes, func(l queue.Lane) bool { return l.Account == account })
		if at < 0 {
			return fmt.Errorf("account %q cannot be found any more", account)
		}
		lane.Lane = o.Lanes[at]
		if std.json {
			return printJSON(std, lane)
		}
		_, err = fmt.Fprintln(std.out, say(lane))
		return err
	})
}

// checkAccount gives an error when there is no such account. Where nobody can tell it only says so: a pause does no harm,
// and may be urgent.
func checkAccount(ctx context.Context, e environment, q *queue.Queue, std streams, account string) error {
	known := accountsInForce(ctx, e, q, std)
	if slices.Contains(known.names, account) {
		return nil
	}
	names := slices.Concat(known.names, accountsRunning(ctx, q)) // which may have another file
	if slices.Contains(names, account) {
		return nil
	}
	// It may have left the configuration while something is held for it.
	o, err := q.Lanes(ctx, queue.LanesQuery{Accounts: names, All: true, Within: lanesWithin})
	if err != nil {
		return err
	}
	names = names[:0]
	for _, l := range o.Lanes {
		names = append(names, l.Account)
	}
	switch {
	case slices.Contains(names, account):
		return nil
	case known.err == nil:
		return usageError{unknownAccount(account, names)}
	}
	_, _ = fmt.Fprintf(std.err, "passerelle: whether there is an account %q is not known: no running process tells, and the configuration cannot be used: %s\n", account, oneLine(known.err))
	return nil
}

const mostNamed = 10

func unknownAccount(account string, known []string) error {
	if near, ok := nearest.Name(account, known); ok {
		return fmt.Errorf("there is no account %q in the configuration, and nothing is held for one; did you mean %s?", account, near)
	}
	if len(known) > mostNamed || len(known) == 0 {
		return fmt.Errorf("there is no account %q in the configuration, and nothing is held for one; passerelle lanes list --all shows those that there are", account)
	}
	slices.Sort(known)
	return fmt.Errorf("there is no account %q in the configuration, and nothing is held for one; expected one of %s", account, strings.Join(known, ", "))
}
