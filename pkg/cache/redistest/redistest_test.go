package redistest

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestProcess(t *testing.T) {
	url, p := Start(t, "maxclients 50")
	if url != "redis://"+p.Addr() || !p.answers() {
		t.Fatalf("%s does not answer", url)
	}
	p.Pause()
	if p.answers() {
		t.Error("answers while paused")
	}
	p.Continue()
	p.Kill()
	p.Kill() // twice does no harm
	if p.answers() {
		t.Error("answers although it was killed")
	}
	p.Restart()
	if !p.answers() {
		t.Error("does not answer after Restart")
	}
	p.Pause()
	p.Kill() // works on a paused process too
}

func TestSentinel(t *testing.T) {
	_, master := Start(t)
	url, p := StartSentinel(t, master)
	if url != "redis+sentinel://"+p.Addr()+"/main" || !p.answers() {
		t.Errorf("%s does not answer", url)
	}
}

// failing runs f with a testing.TB of its own, in a process of its own, and returns what it printed.
func failing(t *testing.T, f func(t *testing.T), env ...string) string {
	t.Helper()
	if os.Getenv("REDISTEST_CHILD") == t.Name() {
		f(t)
		return ""
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), append(env, "REDISTEST_CHILD="+t.Name())...)
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Errorf("the test passed, want it to fail: %s", out)
	}
	return string(out)
}

func TestNoServer(t *testing.T) {
	out := failing(t, func(t *testing.T) { Start(t) }, "PATH="+t.TempDir())
	if os.Getenv("REDISTEST_CHILD") == "" && !strings.Contains(out, "redis-server not found; run make test, which installs it") {
		t.Errorf("printed %q", out)
	}
}

func TestBadSetting(t *testing.T) {
	out := failing(t, func(t *testing.T) { Start(t, "no-such-setting yes") })
	if os.Getenv("REDISTEST_CHILD") == "" && !strings.Contains(out, "no-such-setting") {
		t.Errorf("printed %q, want what the server said", out)
	}
}
