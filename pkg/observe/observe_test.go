package observe

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

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
}

func TestMetrics(t *testing.T) {
	m := NewMetrics()
	m.Webhook("accepted")
	m.Attempt("acme", ticket.Outcome{Result: ticket.ResultCreated, Purpose: ticket.PurposeArchive}, time.Second)
	m.Attempt("acme", ticket.Outcome{Result: ticket.ResultRetry, Lookup: ticket.LookupAbsent, Failure: &ticket.Failure{Trouble: ticket.TroubleUncertain}}, time.Second)
	m.Attempt("acme", ticket.Outcome{Result: ticket.ResultDead, Failure: &ticket.Failure{Reason: ticket.ReasonRejected}}, time.Second)
	m.Swept("acme", "missing")
	m.SweepFailed("main")
	m.SweptUntil("acme-fr", time.UnixMilli(1500))
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for _, want := range []string{
		`passerelle_webhooks_total{answer="accepted"} 1`,
		`passerelle_attempts_total{account="acme",purpose="archive",reason="",result="created"} 1`,
		`passerelle_attempts_total{account="acme",purpose="",reason="rejected_by_zendesk",result="dead"} 1`,
		`passerelle_sweep_conversations_total{account="acme",stage="missing"} 1`,
		`passerelle_sweep_failures_total{connection="main"} 1`,
		`passerelle_sweep_position_timestamp_seconds{site="acme-fr"} 1.5`,
		`passerelle_uncertain_total{account="acme"} 1`,
		`passerelle_lookups_total{account="acme",found="absent"} 1`,
	} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("metrics lack %s", want)
		}
	}
}
