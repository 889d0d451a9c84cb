package main

import (
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"time"
)

// report says how a run went. Its JSON is what -o json prints.
type report struct {
	Scenario string            `json:"scenario"`
	Settings map[string]string `json:"settings"`
	Machine  machine           `json:"machine"`
	Figures  []figure          `json:"figures"`
	Criteria []criterion       `json:"criteria"`
	Wrong    []string          `json:"wrong,omitempty"` // what was lost or doubled, the first of it
	Met      bool              `json:"met"`
}

// machine is what the run ran on, and what else ran there.
type machine struct {
	CPUs       int     `json:"cpus"`
	Go         string  `json:"go"`
	LoadBefore string  `json:"load_before"`
	LoadAfter  string  `json:"load_after"`
	Others     float64 `json:"others"` // share of the processors that other programs had meanwhile
	Host       float64 `json:"host"`   // share of the processors that the machine's host took meanwhile
}

// figure is one thing measured.
type figure struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit,omitempty"`
}

// criterion is what a figure must be.
type criterion struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Bound float64 `json:"bound"`
	Least bool    `json:"least"` // the bound is the least, otherwise the most
	Met   bool    `json:"met"`
}

func newReport(scenario string) *report {
	return &report{
		Scenario: scenario, Settings: map[string]string{}, Figures: []figure{}, Criteria: []criterion{},
		Machine: machine{CPUs: runtime.NumCPU(), Go: runtime.Version(), LoadBefore: loadAverage()},
	}
}

func (r *report) set(name string, value any) { r.Settings[name] = fmt.Sprint(value) }

func (r *report) figure(name string, value float64, unit string) {
	r.Figures = append(r.Figures, figure{name, value, unit})
}

func (r *report) took(name string, d time.Duration) {
	r.figure(name, float64(d.Microseconds())/1000, "ms")
}

func (r *report) atMost(name string, value, bound float64) {
	r.Criteria = append(r.Criteria, criterion{Name: name, Value: value, Bound: bound, Met: value <= bound})
}

func (r *report) atLeast(name string, value, bound float64) {
	r.Criteria = append(r.Criteria, criterion{Name: name, Value: value, Bound: bound, Least: true, Met: value >= bound})
}

// nothingWrong adds what every scenario asks for. The name of the part stands before, if there is one.
func (r *report) nothingWrong(part string, f faults, crashed int) {
	r.atMost(part+"lost", float64(f.lost), 0)
	r.atMost(part+"doubled", float64(f.doubled), 0)
	r.atMost(part+"dead letters", float64(f.dead), 0)
	r.atMost(part+"processes that ended by themselves", float64(crashed), 0)
	r.Wrong = append(r.Wrong, f.wrong...)
}

// spent adds what was spent between two moments, for each of n tickets.
func (r *report) spent(name string, from, to effort, n int) {
	if n == 0 {
		return
	}
	each := func(a, b float64) float64 { return (b - a) / float64(n) }
	for _, kind := range slices.Sorted(maps.Keys(to.spent)) {
		r.figure(name+"processor time a ticket: "+kind, 1000*each(from.spent[kind], to.spent[kind]), "ms")
	}
	r.figure(name+"messages to nats-server a ticket", each(from.messages, to.messages), "")
	for _, stream := range slices.Sorted(maps.Keys(to.stored)) {
		if d := each(from.stored[stream], to.stored[stream]); d > 0.005 {
			r.figure(name+"messages stored a ticket: "+stream, d, "")
		}
	}
}

// finish is for when all processes have ended.
func (r *report) finish(before, after whole) {
	r.Machine.LoadAfter, r.Machine.Others, r.Machine.Host = loadAverage(), after.others(before), after.machine.takenSince(before.machine)
	r.Met = true
	for _, c := range r.Criteria {
		r.Met = r.Met && c.Met
	}
}

// write writes the report for people.
func (r *report) write(out io.Writer) {
	p := func(format string, v ...any) { _, _ = fmt.Fprintf(out, format+"\n", v...) }
	p("%s, on %d processors, %s; load %s before and %s after, other programs had %.0f %% of the processors, the machine's host took %.1f %%", r.Scenario, r.Machine.CPUs, r.Machine.Go,
		r.Machine.LoadBefore, r.Machine.LoadAfter, 100*r.Machine.Others, 100*r.Machine.Host)
	for _, name := range slices.Sorted(maps.Keys(r.Settings)) {
		p("  %s: %s", name, r.Settings[name])
	}
	for _, f := range r.Figures {
		p("  %12.4g %-4s %s", f.Value, f.Unit, f.Name)
	}
	for _, c := range r.Criteria {
		verdict, most := "MET   ", "at most"
		if !c.Met {
			verdict = "MISSED"
		}
		if c.Least {
			most = "at least"
		}
		p("  %s %s: %.4g (%s %.4g)", verdict, c.Name, c.Value, most, c.Bound)
	}
	for _, line := range r.Wrong {
		p("  WRONG %s", line)
	}
}
