package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"passerelle/pkg/freeport"
	"passerelle/pkg/sim/simiadvize"
	"passerelle/pkg/sim/simzendesk"
)

// asProcess makes the test binary run as the product: so each test runs real processes without a build of its own.
const asProcess = "PASSERELLE_TEST_PROCESS"

func TestMain(m *testing.M) {
	if os.Getenv(asProcess) != "" {
		main()
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(status int) {
		natsServer.remove()
		os.Exit(status)
	}))
}

// natsServer is the program of a NATS server, built from the module that the product embeds when the first test wants it.
var natsServer program

type program struct {
	once sync.Once
	dir  string
	err  error
}

func (p *program) path(t *testing.T) string {
	t.Helper()
	p.once.Do(func() {
		if p.dir, p.err = os.MkdirTemp("", "nats-server-"); p.err != nil { //nolint:usetesting // it outlives the test
			return
		}
		if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", p.dir, "github.com/nats-io/nats-server/v2").CombinedOutput(); err != nil {
			p.err = fmt.Errorf("build nats-server: %w\n%s", err, out)
		}
	})
	if p.err != nil {
		t.Fatal(p.err)
	}
	return filepath.Join(p.dir, "nats-server")
}

func (p *program) remove() { _ = os.RemoveAll(p.dir) }

// process is a running process of the product.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	logs *logs
	done chan struct{}
}

// logs keeps what a process writes to its standard error, and lets a test wait for a line.
type logs struct {
	mu      sync.Mutex
	lines   []string
	arrived chan struct{} // replaced at each line
}

func (l *logs) add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line)
	close(l.arrived)
	l.arrived = make(chan struct{})
}

// await gives the first line that holds the text.
func (p *process) await(text string) string {
	p.t.Helper()
	seen := 0
	for {
		p.logs.mu.Lock()
		arrived := p.logs.arrived
		for _, line := range p.logs.lines[seen:] {
			if strings.Contains(line, text) {
				p.logs.mu.Unlock()
				return line
			}
		}
		seen = len(p.logs.lines)
		p.logs.mu.Unlock()
		select {
		case <-arrived:
		case <-p.done:
			p.t.Fatalf("the process ended without %q; it wrote:\n%s", text, strings.Join(p.logs.lines, "\n"))
		case <-p.t.Context().Done():
			p.t.Fatalf("no line %q", text)
		}
	}
}

// address takes a server's address from its log line.
func (p *process) address(name string) string {
	p.t.Helper()
	var line struct{ Address string }
	if err := json.Unmarshal([]byte(p.await(name+" listens")), &line); err != nil {
		p.t.Fatal(err)
	}
	return "http://" + line.Address
}

func (p *process) signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// kill ends the process as a power cut would.
func (p *process) kill() { p.signal(syscall.SIGKILL); <-p.done }

// end asks the process to end and gives its exit status.
func (p *process) end() int {
	p.signal(syscall.SIGTERM)
	<-p.done
	return p.cmd.ProcessState.ExitCode()
}

// start runs the product.
func start(t *testing.T, environment []string, args ...string) *process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return startProgram(t, self, append([]string{asProcess + "=1", "PASSERELLE_LOG_FORMAT=json", "GOCOVERDIR=" + t.TempDir()}, environment...), args...)
}

// startNATS runs a NATS server of its own.
func startNATS(t *testing.T) (url string, p *process) {
	t.Helper()
	return startNATSIn(t, t.TempDir(), "always")
}

// startNATSIn is startNATS with the store's folder, and how often it is synced.
func startNATSIn(t *testing.T, store, sync string) (url string, p *process) {
	t.Helper()
	port := freeport.Of(t)
	config := write(t, "nats.conf", fmt.Sprintf("host: 127.0.0.1\nport: %d\njetstream { store_dir: %q, sync_interval: %s }\n", port, store, sync))
	p = startProgram(t, natsServer.path(t), nil, "-c", config)
	p.await("Server is ready")
	return fmt.Sprintf("nats://127.0.0.1:%d", port), p
}

func startProgram(t *testing.T, program string, environment []string, args ...string) *process {
	t.Helper()
	p := &process{t: t, logs: &logs{arrived: make(chan struct{})}, done: make(chan struct{})}
	p.cmd = exec.Command(program, args...)
	p.cmd.Env = append(os.Environ(), environment...)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		lines := bufio.NewScanner(stderr)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			p.logs.add(lines.Text())
		}
		_ = p.cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.done
	})
	return p
}

// command runs a command of the product to its end.
func command(t *testing.T, environment []string, args ...string) (out, errOut string, status int) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Env = append(append(os.Environ(), asProcess+"=1", "GOCOVERDIR="+t.TempDir()), environment...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	_ = cmd.Run()
	return stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()
}

// town is a simulated iAdvize and Zendesk with one site, and a configuration file for it.
type town struct {
	t       *testing.T
	zendesk *simzendesk.Server
	account *simzendesk.AccountState
	iadvize *simiadvize.Server
	env     []string
	config  string
	text    string
	site    worldSite
}

const (
	testSecret = "webhook-secret"
	closedID   = "4c8c7408-f73c-42cd-89e9-afbbee7d9024"
)

func newTown(t *testing.T) *town {
	t.Helper()
	return newTownWith(t, simzendesk.Config{})
}

func newTownWith(t *testing.T, desk simzendesk.Config) *town {
	t.Helper()
	w := &town{t: t, zendesk: simzendesk.New(desk)}
	serve := func(h http.Handler, end func()) string {
		s := httptest.NewServer(h)
		t.Cleanup(func() { end(); s.Close() })
		return s.URL
	}
	built := buildWorld(w.zendesk, 1)
	w.site = built.Sites[0]
	w.account, _ = w.zendesk.Account(w.site.Account)
	iadvize, err := simiadvize.New(simiadvize.Config{Users: []simiadvize.User{{Username: demoUser, Password: demoPassword}}, RetryDelays: []time.Duration{}})
	if err != nil {
		t.Fatal(err)
	}
	w.iadvize = iadvize
	text, err := built.config(serve(w.zendesk, func() { _ = w.zendesk.Close() }), serve(iadvize, func() { _ = iadvize.Close() }), "${TEST_PASSWORD}", "${file:"+write(t, "secret", testSecret+"\n")+"}", "${TEST_PASSWORD}")
	if err != nil {
		t.Fatal(err)
	}
	w.text = strings.Replace(text, "project_id: 1001", "project_id: 1", 1)
	w.config = write(t, "passerelle.yaml", w.text)
	w.env = []string{
		"TEST_PASSWORD=" + demoPassword, "PASSERELLE_CONFIG=" + w.config, "PASSERELLE_DATA_DIR=" + filepath.Join(t.TempDir(), "data"),
		"PASSERELLE_INGEST_ADDR=127.0.0.1:0", "PASSERELLE_CONSOLE_ADDR=127.0.0.1:0", "PASSERELLE_NATS_URL=", "PASSERELLE_REDIS_URL=",
	}
	return w
}

// unlimited lets the town's account take more calls than any test makes.
func (w *town) unlimited() {
	w.t.Helper()
	w.text = strings.ReplaceAll(w.text, "    auth:\n", "    requests_per_minute: 100000\n    auth:\n")
	if err := os.WriteFile(w.config, []byte(w.text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// enter has this process itself run commands in the town. It gives where their work is kept.
func (w *town) enter() (dir string) {
	w.t.Helper()
	for _, variable := range w.env {
		name, value, _ := strings.Cut(variable, "=")
		w.t.Setenv(name, value)
	}
	return w.dataDir()
}

// dataDir is where the town's processes keep their work.
func (w *town) dataDir() string {
	i := slices.IndexFunc(w.env, func(v string) bool { return strings.HasPrefix(v, "PASSERELLE_DATA_DIR=") })
	return strings.TrimPrefix(w.env[i], "PASSERELLE_DATA_DIR=")
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// conversation adds a finished conversation to the simulated iAdvize.
func (w *town) conversation(id string, change func(*simiadvize.Conversation)) {
	w.t.Helper()
	at := time.Now().Add(-time.Minute)
	c := simiadvize.Conversation{
		ID: id, ProjectID: 1, Platform: "ha", Channel: "CHAT", Language: "fr", CreatedAt: at, ClosedAt: time.Now(),
		Visitor: &simiadvize.Visitor{FirstName: "Ada", LastName: "Martin", Email: "ada@example.com"},
		Tags:    []simiadvize.Tag{{ID: 1, Name: "Retour produit"}},
	}
	fill(&c, w.site.Agents[0], at)
	if change != nil {
		change(&c)
	}
	if err := w.iadvize.Add(c); err != nil {
		w.t.Fatal(err)
	}
}

// post sends a signed webhook and gives the answer.
func post(t *testing.T, url, body string) (status int, answer string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/webhooks/iadvize", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("x-iadvize-signature", simiadvize.Sign(testSecret, []byte(body)))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	http.DefaultClient.CloseIdleConnections()
	return response.StatusCode, strings.TrimSpace(string(raw))
}

// published is the body that iAdvize's documentation shows for the end of a conversation.
func published(id string) string {
	return fmt.Sprintf(`{
  "eventId": "0f0bb3af-5035-4ba3-b3fb-ff4879a3a74d",
  "eventType": "v2.conversation.closed",
  "platform": "ha",
  "projectId": 1,
  "clientId": 1,
  "conversationId": %q,
  "operatorIds": [1, 2],
  "visitorExternalId": "63429889",
  "channel": "CHAT",
  "visitorId": "b05f1b45-c891-4a9c-b47e-91ee6c8ffb44",
  "createdAt": "2019-04-12T07:58:35.171Z",
  "sentAt": "2019-04-12T07:58:35.496Z"
}`, id)
}

// until waits for a condition that nothing signals.
func until(t *testing.T, what string, met func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for !met() {
		select {
		case <-tick.C:
		case <-deadline.Done():
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

// fill gives a conversation its people, words and an empty closing form.
func fill(c *simiadvize.Conversation, agentEmail string, at time.Time) {
	c.Agents = []simiadvize.Agent{{ID: 1, Kind: simiadvize.Bot, LastName: "Robot"}, {ID: 2, FirstName: "Chloé", LastName: "Durand", Email: strings.ToUpper(agentEmail)}}
	c.Messages = []simiadvize.Message{
		{At: at, Kind: simiadvize.Pushed, AgentID: 1},
		{At: at, Kind: simiadvize.AgentSaid, AgentID: 1, Text: "Bonjour, je suis un robot"},
		{At: at.Add(time.Second), Kind: simiadvize.VisitorSaid, Text: "Où est <b>ma commande</b> ? {{ticket.id}} 📦"},
		{At: at.Add(2 * time.Second), Kind: simiadvize.Pushed, AgentID: 2},
		{At: at.Add(3 * time.Second), Kind: simiadvize.AgentSaid, AgentID: 2, Text: "Elle part demain."},
		{At: at.Add(4 * time.Second), Kind: simiadvize.Closed},
	}
	c.ClosingForm = []simiadvize.FormValue{}
}
