package observe

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"passerelle/pkg/ticket"
)

func TestLogger(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, format := range []string{"", "json", "console"} {
		log, err := Logger(file, "info", format)
		if err != nil {
			t.Fatal(err)
		}
		log.Debug().Msg("hidden")
		log.Info().Msg("shown")
	}
	for _, bad := range [][2]string{{"loud", ""}, {"", ""}, {"info", "xml"}} {
		if _, err := Logger(file, bad[0], bad[1]); err == nil || !strings.Contains(err.Error(), "PASSERELLE_LOG_") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	written, err := os.ReadFile(path)
	if err != nil || strings.Count(string(written), "shown") != 3 || strings.Contains(string(written), "hidden") {
		t.Errorf("log = %s, %v", written, err)
	}
	if strings.Contains(string(written), "\x1b") {
		t.Errorf("log = %q: colours in a file", written)
	}
}

func TestMetrics(t *testing.T) {
	m := NewMetrics()
	m.Webhook("accepted")
	m.Attempt("acme", ticket.Outcome{Result: ticket.ResultCreated, Purpose: ticket.PurposeArchive}, time.Second)
	m.Attempt("acme", ticket.Outcome{Result: ticket.ResultRetry, Lookup: ticket.LookupAbsent, Failure: &ticket.Failure{Trouble: ticket.TroubleUncertain}}, time.Second)
	m.Attempt("acme", ticket.Outcome{Result: ticket.ResultDead, Failure: &ticket.Failure{Reason: ticket.ReasonRejected}}, time.Second)
	m.Attempt("acme", ticket.Outcome{Result: ticket.ResultHeld, Failure: &ticket.Failure{Trouble: ticket.TroubleAccount, Reason: ticket.ReasonExpired, Limited: true}}, time.Second)
	m.Swept("acme", "missing")
	m.SweepFailed("main")
	m.SweptUntil("acme-fr", time.UnixMilli(1500))
	m.ClosingForm("unauthorized")
	expect(t, m,
		`passerelle_webhooks_total{answer="accepted"} 1`,
		`passerelle_webhooks_total{answer="unauthorized"} 0`,
		`passerelle_closing_forms_total{answer="unauthorized"} 1`,
		`passerelle_attempts_total{account="acme",purpose="archive",reason="",result="created"} 1`,
		`passerelle_attempts_total{account="acme",purpose="",reason="rejected_by_zendesk",result="dead"} 1`,
		`passerelle_attempts_total{account="acme",purpose="",reason="limited",result="held"} 1`,
		`passerelle_sweep_conversations_total{account="acme",stage="missing"} 1`,
		`passerelle_sweep_failures_total{connection="main"} 1`,
		`passerelle_sweep_position_timestamp_seconds{site="acme-fr"} 1.5`,
		`passerelle_uncertain_total{account="acme"} 1`,
		`passerelle_lookups_total{account="acme",found="absent"} 1`,
	)
}

// expect compares the metrics with lines: those that begin with "!" must not begin one of them.
func expect(t *testing.T, m *Metrics, lines ...string) {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	for _, line := range lines {
		if unwanted, is := strings.CutPrefix(line, "!"); is {
			if strings.Contains(w.Body.String(), "\n"+unwanted) {
				t.Errorf("metrics have %s", unwanted)
			}
		} else if !strings.Contains(w.Body.String(), "\n"+line+"\n") {
			t.Errorf("metrics lack %s", line)
		}
	}
	if w.Code != http.StatusOK {
		t.Errorf("status %d: %s", w.Code, w.Body)
	}
}

func TestWhatTheStoreHolds(t *testing.T) {
	up := true
	m := NewMetrics()
	m.WatchStore(func() (StoreSample, bool) { return StoreSample{Pending: 3, DeadLetters: 2}, up })
	expect(t, m, "passerelle_store_up 1", "passerelle_queue_pending 3", "passerelle_queue_in_work 0", "passerelle_dead_letters 2")
	up = false
	expect(t, m, "passerelle_store_up 0", "!passerelle_queue_pending", "!passerelle_queue_in_work", "!passerelle_dead_letters")
}

func TestHowRedisDoes(t *testing.T) {
	sample := RedisSample{Up: true}
	m := NewMetrics()
	expect(t, m, "!passerelle_redis_up")
	m.WatchRedis(func() RedisSample { return sample })
	expect(t, m, "passerelle_redis_up 1", "passerelle_redis_failures_total 0")
	sample = RedisSample{Failures: 7}
	expect(t, m, "passerelle_redis_up 0", "passerelle_redis_failures_total 7")
}

func TestHowTheAccountsFare(t *testing.T) {
	sample := LanesSample{Workers: 2, Accounts: []LaneSample{{Account: "acme", State: "down", Held: 3, Escalated: 1, OldestAt: time.Now().Add(-time.Hour)}, {Account: "idle", State: "open"}}}
	known := true
	m := NewMetrics()
	m.WatchLanes(func() (LanesSample, bool) { return sample, known })
	expect(t, m, "passerelle_held 3", "passerelle_workers 2", `passerelle_accounts{state="down"} 1`, `passerelle_accounts{state="open"} 1`, `passerelle_accounts{state="paused"} 0`,
		`passerelle_lane_state{account="acme",state="down"} 1`, `passerelle_lane_state{account="acme",state="paused"} 0`, `passerelle_lane_state{account="idle",state="limited"} 0`,
		`passerelle_lane_held{account="acme"} 3`, `passerelle_lane_held{account="idle"} 0`, `passerelle_lane_escalated{account="acme"} 1`,
		`passerelle_lane_oldest_seconds{account="acme"} 3600`, `passerelle_lane_oldest_seconds{account="idle"} 0`)
	sample.Accounts[0].State, sample.Workers = "paused", 0
	expect(t, m, "passerelle_workers 0", `passerelle_accounts{state="paused"} 1`, `passerelle_lane_state{account="acme",state="paused"} 1`,
		`!passerelle_accounts{state="open"}`, `!passerelle_lane_state{account="acme",state="down"}`) // nobody knows
	for i := range mostZeroes {
		sample.Accounts = append(sample.Accounts, LaneSample{Account: strconv.Itoa(i), State: "open"})
	}
	expect(t, m, "passerelle_held 3", `passerelle_lane_state{account="acme",state="paused"} 1`, `passerelle_lane_held{account="acme"} 3`,
		`!passerelle_lane_state{account="idle"`, `!passerelle_lane_held{account="idle"`, `!passerelle_lane_oldest_seconds{account="idle"`)
	known = false
	expect(t, m, "!passerelle_held", "!passerelle_workers", "!passerelle_accounts", "!passerelle_lane")
}

func TestHowTheCallsStand(t *testing.T) {
	samples := []CallsSample{{Account: "acme", Limit: 700, Reserve: 140, Left: 142, None: true}, {Account: "idle", Limit: 400, Reserve: 80, Left: -1}}
	m := NewMetrics()
	m.WatchCalls(func() []CallsSample { return samples })
	m.CallRefused("acme")
	expect(t, m, `passerelle_calls_refused_total{account="acme"} 1`, `passerelle_calls_left{account="acme"} 142`, `passerelle_calls_limit{account="acme"} 700`,
		`passerelle_calls_reserve{account="acme"} 140`, `passerelle_calls_limit{account="idle"} 400`, `!passerelle_calls_left{account="idle"`)
	expect(t, m, `passerelle_calls_refused_total{account="idle"} 0`)
	for i := range mostZeroes {
		samples = append(samples, CallsSample{Account: strconv.Itoa(i), Limit: 400, Left: 400})
	}
	expect(t, m, `passerelle_calls_left{account="acme"} 142`, `!passerelle_calls_limit{account="idle"`, `!passerelle_calls_left{account="0"`, `!passerelle_calls_refused_total{account="0"`)
}

// Each metric of the product stands in the documentation's table with its labels, and nothing else does.
func TestEachMetricIsDocumented(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "monitoring.md"))
	if err != nil {
		t.Fatal(err)
	}
	table := map[string]string{} // labels by name
	for _, row := range regexp.MustCompile("(?m)^\\| `(passerelle_[a-z_]+)(?:\\{([a-z, ]*)\\})?`(?: ∗)? \\| [a-z]+ \\| ").FindAllStringSubmatch(string(text), -1) {
		table[row[1]] = row[2]
	}
	m := NewMetrics()
	m.WatchStore(nil)
	m.WatchRedis(nil)
	m.WatchLanes(nil)
	m.WatchCalls(nil)
	descs := make(chan *prometheus.Desc)
	go func() { defer close(descs); m.registry.Describe(descs) }()
	known := map[string]bool{}
	for d := range descs {
		parts := regexp.MustCompile(`fqName: "(passerelle_[a-z_]+)".*variableLabels: \{([a-z,_]*)\}`).FindStringSubmatch(d.String())
		if parts == nil {
			continue // of the Go runtime or the process
		}
		known[parts[1]] = true
		labels, is := table[parts[1]]
		if want := strings.ReplaceAll(parts[2], ",", ", "); !is || labels != want {
			t.Errorf("docs/monitoring.md: expected a row for `%s{%s}`, found labels {%s}", parts[1], want, labels)
		}
	}
	if len(known) < 10 {
		t.Errorf("only %d metrics were found", len(known))
	}
	for _, name := range regexp.MustCompile(`passerelle_[a-z_]+`).FindAllString(string(text), -1) {
		if name = strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(name, "_bucket"), "_sum"), "_count"); !known[name] {
			t.Errorf("docs/monitoring.md speaks of %s, which is no metric", name)
		}
	}
}

// The objects that are in use for each account are what a collection of memory takes time for.
func BenchmarkAttemptsOfManyAccounts(b *testing.B) {
	const accounts = 5000
	var before, after runtime.MemStats
	for b.Loop() {
		m := NewMetrics()
		runtime.GC()
		runtime.ReadMemStats(&before)
		for i := range accounts {
			for _, purpose := range []ticket.Purpose{ticket.PurposeArchive, ticket.PurposeEscalation} {
				m.Attempt("account-"+strconv.Itoa(i), ticket.Outcome{Result: ticket.ResultCreated, Purpose: purpose}, time.Second)
			}
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		runtime.KeepAlive(m)
	}
	b.ReportMetric(float64(after.HeapObjects-before.HeapObjects)/accounts, "objects/account")
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/accounts, "bytes/account")
}
