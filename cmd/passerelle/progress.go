package main

import (
	"io"
	"time"

	"github.com/schollz/progressbar/v3"

	"passerelle/pkg/observe"
)

const redrawEvery = 50 * time.Millisecond

// progress shows on a terminal how far a long command has come, and nothing elsewhere.
type progress struct{ bar *progressbar.ProgressBar }

// newProgress draws on standard error, so that what is printed stays clean.
func newProgress(std streams, total int, what string) progress {
	if !observe.IsTerminal(std.err) {
		return progress{}
	}
	return drawProgress(std.err, total, what)
}

func drawProgress(out io.Writer, total int, what string) progress {
	return progress{progressbar.NewOptions(total,
		progressbar.OptionSetWriter(out), progressbar.OptionSetDescription(what), progressbar.OptionShowCount(), progressbar.OptionFullWidth(),
		progressbar.OptionSetPredictTime(true), progressbar.OptionThrottle(redrawEvery), progressbar.OptionClearOnFinish(), progressbar.OptionUseANSICodes(true),
	)}
}

// newSpan is a bar of a span of time, for work whose amount is not known before.
func newSpan(std streams) progress {
	if !observe.IsTerminal(std.err) {
		return progress{}
	}
	return progress{progressbar.NewOptions64(1,
		progressbar.OptionSetWriter(std.err), progressbar.OptionFullWidth(), progressbar.OptionSetPredictTime(true),
		progressbar.OptionThrottle(redrawEvery), progressbar.OptionClearOnFinish(), progressbar.OptionUseANSICodes(true),
	)}
}

// span shows how much of the whole is done, in seconds, and in words.
func (p progress) span(done, whole time.Duration, what string) {
	if p.bar != nil {
		p.bar.ChangeMax64(max(int64(whole/time.Second), 1))
		p.bar.Describe(what)
		_ = p.bar.Set64(int64(done / time.Second)) // a terminal that is gone needs no bar
	}
}

// shown tells whether there is a terminal that shows it.
func (p progress) shown() bool { return p.bar != nil }

func (p progress) step() {
	if p.bar != nil {
		_ = p.bar.Add(1) // a terminal that is gone needs no bar
	}
}

func (p progress) end() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
}
