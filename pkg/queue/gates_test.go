package queue

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

func TestNewsOfGatesIsBounded(t *testing.T) {
	good := GateNews{Process: "p1", Gate: "zendesk/acme", State: LaneDown, Wait: time.Second}
	for name, tc := range map[string]struct {
		change func(*GateNews)
		ok     bool
	}{
		"good":         {func(*GateNews) {}, true},
		"open":         {func(n *GateNews) { n.State = LaneOpen }, true},
		"no process":   {func(n *GateNews) { n.Process = "" }, false},
		"no gate":      {func(n *GateNews) { n.Gate = "acme" }, false},
		"half a gate":  {func(n *GateNews) { n.Gate = "zendesk/" }, false},
		"long gate":    {func(n *GateNews) { n.Gate += strings.Repeat("a", maxGateName) }, false},
		"odd gate":     {func(n *GateNews) { n.Gate += "\x1b[2J" }, false},
		"odd state":    {func(n *GateNews) { n.State = LanePaused }, false},
		"long failure": {func(n *GateNews) { n.Failure = strings.Repeat("a", 1000) }, true},
		"too long":     {func(n *GateNews) { n.Failure = strings.Repeat("a", maxGateNews) }, false},
		"for ever":     {func(n *GateNews) { n.Wait, n.Lasted, n.Status, n.Reason = 1<<62, 1<<62, 77, "odd" }, true},
		"negative":     {func(n *GateNews) { n.Wait, n.Lasted = -1, -1 }, true},
	} {
		n := good
		tc.change(&n)
		body, err := json.Marshal(n)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := readGateNews(body); ok != tc.ok || ok && !bounded(got) {
			t.Errorf("%s: %v, %+v", name, ok, got)
		}
	}
}

func bounded(n GateNews) bool {
	for _, text := range []string{n.Failure, n.Hint} {
		if utf8.RuneCountInString(text) > maxGateText || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
			return false
		}
	}
	return n.Wait >= 0 && n.Wait <= maxGateWait && n.Lasted >= 0 && n.Lasted <= maxLasted && (n.Status == 0 || n.Status >= 100 && n.Status < 600) &&
		len(n.Gate) <= maxGateName && strings.Contains(n.Gate, "/")
}

func FuzzGateNews(f *testing.F) {
	f.Add([]byte(`{"process":"p1","gate":"zendesk/acme","state":"down","wait_ns":1000000000,"lasted_ns":2000000000,"reason":"expired","failure":"no answer","status":503,"hint":"wait"}`))
	f.Add([]byte(`{"process":"p1","gate":"iadvize/main","state":"open"}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if n, ok := readGateNews(data); ok && !bounded(n) {
			t.Errorf("%+v", n)
		}
		if a, ok := readLanesAnswer(data); ok && len(a.Reports) > reportsAtOnce {
			t.Errorf("%d reports", len(a.Reports))
		}
	})
}
