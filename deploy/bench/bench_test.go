package main

import (
	"bytes"
	"encoding/json"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"passerelle/deploy/stand"
	"passerelle/pkg/iadvize"
	"passerelle/pkg/ticket"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// tiny is each scenario at a size that takes seconds. It says nothing about speed, only that nothing is lost or doubled
// and that the report has its figures.
var tiny = []struct {
	name, args string
	figures    []string // starts of the names of figures that must be there
	criteria   []string // the same of criteria
}{
	{
		"rate", "rate -accounts 4 -workers 1 -rates 20 -span 1s",
		[]string{"20 a second: p99", "20 a second: processor time a ticket: workers", "20 a second: messages stored a ticket: EVENTS"}, nil,
	},
	{
		"fairness", "fairness -accounts 5 -rate 20 -span 1s -lead 1s -rounds 2 -trouble limited -per-minute 6000 -stolen 100",
		[]string{"limited, round 1, beside: backlog of the sick accounts", "limited, round 2, without: processors that the host took", "limited, round 1, beside: collections of the simulators' memory", "limited: p99 of the healthy accounts, beside them"},
		[]string{"limited: p50 of the healthy accounts", "limited: p99 of the healthy accounts", "limited: drain", "limited: lost"},
	},
	{
		"fairness", "fairness -accounts 5 -rate 20 -span 1s -lead 1s -rounds 1 -trouble limited -per-minute 6000 -stolen -1 -again 1", // as if the host took much
		[]string{"limited, round 1, without: processors that the host took", "limited, round 2, beside: it drained in", "limited: rounds that did not count"}, nil,
	},
	{
		"quota", "quota -workers 2 -per-minute 1200 -windows 1 -window 3s -redis with",
		[]string{"with Redis, "},
		[]string{"with Redis: share of what is ours that was used", "with Redis: share of answers 429", "with Redis: lowest X-Rate-Limit-Remaining"},
	},
	{
		"calls", "calls -accounts 3 -rate 10 -steady 1s -single 1s -backlog 40 -every 300ms -per-minute 6000",
		[]string{"one by one: tickets a minute", "in bulk: backlog drained in", "in bulk: escalated conversations meanwhile"},
		[]string{"calls a ticket in steady state", "in bulk: calls a ticket", "in bulk: times as fast as one by one", "escalated during the drain: p99"},
	},
	{
		"kill", "kill -accounts 2 -backlog 150 -kills 1 -spread 100ms -job-wait 0s -per-minute 6000",
		[]string{"drained in"}, []string{"kills of the worker that drained"},
	},
	{
		"storm", "storm -accounts 10 -each 3 -per-minute 600",
		[]string{"drained in", "most calls in one second"}, []string{"most calls of one account in one second", "answers 429"},
	},
}

func TestScenariosInTinyForm(t *testing.T) {
	binaries := t.TempDir()
	if err := stand.Build(t.Context(), binaries); err != nil {
		t.Fatal(err)
	}
	for _, c := range tiny {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("TMPDIR", t.TempDir())
			var out, errOut bytes.Buffer
			status := run(t.Context(), append(strings.Fields(c.args), "-binaries", binaries, "-o", "json", "-job-delay", "1s", "-retry-after", "1"), &out, &errOut)
			var r report
			if err := json.Unmarshal(out.Bytes(), &r); err != nil || status > 1 || strings.Contains(errOut.String(), "bench: ") {
				t.Fatalf("status %d, %v\n%s\n%s", status, err, &out, &errOut)
			}
			if r.Scenario != c.name || r.Machine.CPUs == 0 || r.Settings["nats-server sync_interval"] != "always" || r.Met != (status == 0) {
				t.Errorf("report of %q: %+v, status %d", c.name, r, status)
			}
			for _, want := range c.figures {
				if !hasFigure(r, want) {
					t.Errorf("no figure %q in %+v", want, r.Figures)
				}
			}
			for _, want := range c.criteria {
				if !hasCriterion(r, want) {
					t.Errorf("no criterion %q in %+v", want, r.Criteria)
				}
			}
			for _, k := range r.Criteria {
				for _, end := range []string{"lost", "doubled", "dead letters", "processes that ended by themselves"} {
					if strings.HasSuffix(k.Name, end) && !k.Met {
						t.Errorf("%s: %v %v", k.Name, k.Value, r.Wrong)
					}
				}
			}
		})
	}
}

func hasFigure(r report, start string) bool {
	for _, f := range r.Figures {
		if strings.HasPrefix(f.Name, start) {
			return true
		}
	}
	return false
}

func hasCriterion(r report, start string) bool {
	for _, c := range r.Criteria {
		if strings.HasPrefix(c.Name, start) {
			return true
		}
	}
	return false
}

func TestArgumentsThatMakeNoSense(t *testing.T) {
	for _, args := range []string{"", "none", "rate -unknown", "rate -o yaml", "rate more", "kill -reserve 99", "storm -limit 0s", "fairness -stores tape"} {
		var errOut bytes.Buffer
		if status := run(t.Context(), strings.Fields(args), io.Discard, &errOut); status != 2 || errOut.Len() == 0 {
			t.Errorf("%q: status %d, %q", args, status, &errOut)
		}
	}
}

func TestReport(t *testing.T) {
	r := newReport("test")
	r.atMost("ratio", 1.2, 1.2)
	r.atLeast("share", 0.96, 0.97)
	r.finish(whole{}, whole{})
	var out bytes.Buffer
	r.write(&out)
	if r.Met || !strings.Contains(out.String(), "MET    ratio: 1.2 (at most 1.2)") || !strings.Contains(out.String(), "MISSED share: 0.96 (at least 0.97)") {
		t.Errorf("met %t:\n%s", r.Met, &out)
	}
}

func TestMedian(t *testing.T) {
	for want, of := range map[float64][]float64{0: nil, 1: {1}, 2: {3, 1}, 1.1: {1.5, 1.1, 1}, 4: {9, 5, 1, 3}} {
		if got := median(of); got != want {
			t.Errorf("median of %v is %v, want %v", of, got, want)
		}
	}
}

func TestWaits(t *testing.T) {
	var w waits
	if w.at(0.5) != 0 {
		t.Error("of nothing there is no median")
	}
	for i := range 100 {
		w = append(w, time.Duration(i+1))
	}
	if w.at(0.5) != time.Duration(51) || w.at(0.99) != time.Duration(100) || w.at(1) != time.Duration(100) {
		t.Errorf("p50 %s, p99 %s, most %s", w.at(0.5), w.at(0.99), w.at(1))
	}
}

func TestHelpIsNoError(t *testing.T) {
	for _, c := range []struct {
		args   string
		status int
		says   string
	}{
		{"-help", 0, "usage: bench SCENARIO"},
		{"-h", 0, "  fairness "},
		{"--help", 0, "  storm "},
		{"fairness -help", 0, "-rounds"},
		{"quota -h", 0, "-windows"},
		{"", 2, "usage: bench SCENARIO"},
		{"-rounds 1", 2, "a scenario comes first"},
		{"fast", 2, `"fast" is no scenario`},
		{"fairness -unknown", 2, "-unknown"},
	} {
		var out, errOut bytes.Buffer
		status := run(t.Context(), strings.Fields(c.args), &out, &errOut)
		if said := out.String() + errOut.String(); status != c.status || !strings.Contains(said, c.says) {
			t.Errorf("bench %s: status %d instead of %d, or no %q in: %s", c.args, status, c.status, c.says, said)
		}
		if c.status == 0 && errOut.Len() > 0 || c.status != 0 && out.Len() > 0 {
			t.Errorf("bench %s: help belongs on standard output, what is wrong on standard error: %s; %s", c.args, &out, &errOut)
		}
	}
}

// What is prepared is what the simulator would have said, and no worker's question is answered with another's.
func TestPreparedAnswersAreTheSimulators(t *testing.T) {
	w, err := openWorld(nature{size: 1, workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	var ids []string
	for range 3 {
		c := w.conversation(w.archive, 0)
		if err := w.iadvize.Add(c); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, c.ID)
	}
	client := iadvize.NewClient(iadvize.Connection{
		Name: "bench", URL: "http://" + w.iadvizeAddress + "/graphql", TokenURL: "http://" + w.iadvizeAddress + "/oauth2/token", Platform: "ha",
		Credentials: func() (string, string, error) { return worldUser, worldSecret, nil },
	}, nil)
	defer client.Close()
	if n := w.prepared.prepare(t.Context(), ids); n != 0 {
		t.Errorf("%d answers are ready before anybody has asked", n)
	}
	var asked []ticket.Conversation
	ask := func(id string) ticket.Conversation {
		t.Helper()
		c, err := client.Read(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	for _, id := range ids {
		asked = append(asked, ask(id))
	}
	before := w.iadvize.Requests().GraphQL
	if n := w.prepared.prepare(t.Context(), ids); n != len(ids) {
		t.Errorf("%d answers are ready", n)
	}
	if n := w.iadvize.Requests().GraphQL - before; n != len(ids) {
		t.Errorf("the simulator was asked %d times to prepare", n)
	}
	for i, id := range ids {
		if got := ask(id); !reflect.DeepEqual(got, asked[i]) || got.ID != id {
			t.Errorf("prepared: %+v, asked: %+v", got, asked[i])
		}
	}
	if n := w.iadvize.Requests().GraphQL - before; n != len(ids) {
		t.Errorf("the simulator was asked %d times in all", n)
	}
}
