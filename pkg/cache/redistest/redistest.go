// Package redistest runs real redis-server processes for tests.
package redistest

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"passerelle/pkg/freeport"
)

const (
	startTimeout = 10 * time.Second
	portAttempts = 5 // another process may take a free port before the server does
)

// Process is a running server. Its methods are for the goroutine of the test.
type Process struct {
	tb   testing.TB
	addr string
	args []string // what follows the configuration file on the command line
	conf string

	cmd    *exec.Cmd
	exited chan struct{} // closed once cmd is gone and its output read
	output output
}

// Start runs redis-server from the PATH on a free port of 127.0.0.1, without persistence, in a temporary folder, and
// returns once it accepts connections. The settings are added to its configuration, one "name value" each. The server
// is killed when the test ends. Without redis-server on the PATH the test fails.
func Start(tb testing.TB, settings ...string) (url string, p *Process) {
	tb.Helper()
	p = start(tb, nil, settings)
	return "redis://" + p.addr, p
}

// StartSentinel runs a sentinel that watches the given master under the name "main", and returns the address of the pair.
func StartSentinel(tb testing.TB, master *Process) (url string, p *Process) {
	tb.Helper()
	host, port, err := net.SplitHostPort(master.addr)
	if err != nil {
		tb.Fatalf("read the master's address: %v", err)
	}
	p = start(tb, []string{"--sentinel"}, []string{fmt.Sprintf("sentinel monitor main %s %s 1", host, port)})
	return "redis+sentinel://" + p.addr + "/main", p
}

func start(tb testing.TB, args, settings []string) *Process {
	tb.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		tb.Fatal("redis-server not found; run make test, which installs it")
	}
	dir := tb.TempDir()
	p := &Process{tb: tb, args: args, conf: filepath.Join(dir, "redis.conf")}
	tb.Cleanup(p.Kill)
	var err error
	for range portAttempts {
		port := freeport.Of(tb)
		p.addr = fmt.Sprintf("127.0.0.1:%d", port)
		lines := append([]string{fmt.Sprintf("port %d", port), "bind 127.0.0.1", "dir " + dir, "daemonize no"}, settings...)
		if len(args) == 0 {
			lines = append(lines, `save ""`, "appendonly no")
		}
		if err := os.WriteFile(p.conf, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
			tb.Fatalf("write the configuration of redis-server: %v", err)
		}
		if err = p.run(); err == nil {
			return p
		}
	}
	tb.Fatalf("start redis-server: %v", err)
	return nil
}

// run starts the process and waits until it accepts connections.
func (p *Process) run() error {
	cmd := exec.Command("redis-server", append([]string{p.conf}, p.args...)...)
	reader, writer, err := os.Pipe()
	if err != nil {
		return err
	}
	cmd.Stdout, cmd.Stderr = writer, writer
	err = cmd.Start()
	writer.Close()
	if err != nil {
		reader.Close()
		return err
	}
	p.cmd, p.exited = cmd, make(chan struct{})
	ready := make(chan struct{})
	go func(exited chan struct{}) {
		defer close(exited)
		p.output.follow(reader, ready)
		reader.Close()
		_ = cmd.Wait() // its status says nothing: it is killed in the end
	}(p.exited)

	select {
	case <-ready:
		return nil
	case <-p.exited:
		return fmt.Errorf("it ended at once: %s", p.output.tail())
	case <-time.After(startTimeout):
		p.Kill()
		return fmt.Errorf("not ready within %s: %s", startTimeout, p.output.tail())
	}
}

// Addr is the server's host:port.
func (p *Process) Addr() string { return p.addr }

// Pause stops the process as it is: connections stay open and get no answer. It returns once that is so.
func (p *Process) Pause() {
	p.tb.Helper()
	p.signal(syscall.SIGSTOP)
	deadline := time.Now().Add(startTimeout)
	for p.answers() { // the signal takes effect a little later
		if time.Now().After(deadline) {
			p.tb.Fatal("redis-server goes on although it was stopped")
		}
	}
}

// Continue lets a paused process go on.
func (p *Process) Continue() {
	p.tb.Helper()
	p.signal(syscall.SIGCONT)
}

// Kill ends the process at once, as a crash would. It does nothing when the process is gone.
func (p *Process) Kill() {
	if p.cmd == nil {
		return
	}
	_ = p.cmd.Process.Kill() // fails only when it is gone already
	<-p.exited
	p.cmd = nil
}

// Restart starts a killed server again, empty and on the same port.
func (p *Process) Restart() {
	p.tb.Helper()
	p.Kill()
	if err := p.run(); err != nil {
		p.tb.Fatalf("start redis-server again: %v", err)
	}
}

func (p *Process) signal(s syscall.Signal) {
	p.tb.Helper()
	if p.cmd == nil {
		p.tb.Fatalf("redis-server is gone: cannot send it %s", s)
	}
	if err := p.cmd.Process.Signal(s); err != nil {
		p.tb.Fatalf("send %s to redis-server: %v", s, err)
	}
}

func (p *Process) answers() bool {
	conn, err := net.DialTimeout("tcp", p.addr, startTimeout)
	if err != nil {
		return false
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Millisecond))
	if _, err := io.WriteString(conn, "PING\r\n"); err != nil {
		return false
	}
	_, err = conn.Read(make([]byte, 1))
	return err == nil
}

// output keeps the last lines that the server wrote.
type output struct {
	mu    sync.Mutex
	lines [][]byte
}

// follow reads until the process closes its output. It closes ready at the line with which redis-server, Valkey and
// their sentinels say that they are up.
func (o *output) follow(r io.Reader, ready chan struct{}) {
	seen := false
	for scanner := bufio.NewScanner(r); scanner.Scan(); {
		line := bytes.Clone(scanner.Bytes())
		o.mu.Lock()
		o.lines = append(o.lines, line)
		if len(o.lines) > 20 {
			o.lines = o.lines[1:]
		}
		o.mu.Unlock()
		if !seen && (bytes.Contains(line, []byte("Ready to accept connections")) || bytes.Contains(line, []byte("+monitor master"))) {
			seen = true
			close(ready)
		}
	}
}

func (o *output) tail() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(bytes.Join(o.lines, []byte("\n")))
}
