package stand

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Process keeps a program running, as the supervisor of a machine does: whenever it ends it is started again. Its
// methods may be called concurrently.
type Process struct {
	Name    string // of its log too
	program string
	args    []string
	env     []string
	seen    func(line string) // told of each line that it writes
	log     *os.File
	done    chan struct{} // closed when it runs no more

	Surplus atomic.Int64 // ends that nobody asked for
	Slow    atomic.Int64 // SIGTERMs that were not obeyed in time
	Failed  atomic.Int64 // SIGTERMs that were obeyed with another exit status than 0

	mu      sync.Mutex
	current *exec.Cmd     // guarded by mu; nil while it does not run
	exited  chan struct{} // guarded by mu; closed when current is gone
	asked   bool          // guarded by mu; its end is wanted
	down    time.Duration // guarded by mu; until the next start
	up      chan struct{} // guarded by mu; closed when the current run says that it is ready
}

const (
	restartWait = 300 * time.Millisecond
	maxLogLine  = 1 << 20
)

// Program is what a Process runs.
type Program struct {
	Path  string
	Env   []string // beside those of this process
	Args  []string
	Ready string            // is in the line that says that it works
	Grace time.Duration     // from SIGTERM to SIGKILL, at the end
	Seen  func(line string) // told of each line that it writes; may be nil
}

// Launch starts a program and keeps it running until ctx ends; then it gets SIGTERM, and after the grace SIGKILL. What it
// writes is in dir, in a file of its name.
func Launch(ctx context.Context, dir, name string, run Program) (*Process, error) {
	log, err := os.Create(filepath.Join(dir, name+".log"))
	if err != nil {
		return nil, fmt.Errorf("keep what %s writes: %w", name, err)
	}
	p := &Process{Name: name, program: run.Path, args: run.Args, env: run.Env, log: log, done: make(chan struct{}), up: make(chan struct{})}
	p.seen = func(line string) {
		if strings.Contains(line, run.Ready) {
			p.arrived()
		}
		if run.Seen != nil {
			run.Seen(line)
		}
	}
	go p.supervise(ctx, run.Grace)
	return p, nil
}

// Done is closed when it runs no more, after the context of Launch has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// PID is that of the run in progress, 0 when there is none.
func (p *Process) PID() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.current == nil {
		return 0
	}
	return p.current.Process.Pid
}

func (p *Process) arrived() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.up:
	default:
		close(p.up)
	}
}

// leftLocked notes that the run is over. Who waits for a run that never was ready goes on waiting, for the next one.
func (p *Process) leftLocked() {
	select {
	case <-p.up:
		p.up = make(chan struct{})
	default:
	}
}

// Ready waits until the run in progress, or the next one, says that it works.
func (p *Process) Ready(ctx context.Context) error {
	p.mu.Lock()
	up := p.up
	p.mu.Unlock()
	select {
	case <-up:
		return nil
	case <-p.done:
		return fmt.Errorf("%s ended; see its log", p.Name)
	case <-ctx.Done():
		return fmt.Errorf("%s was not ready in time; see its log", p.Name)
	}
}

func (p *Process) supervise(ctx context.Context, grace time.Duration) {
	defer close(p.done)
	defer func() { _ = p.log.Close() }()
	for ctx.Err() == nil {
		exited, err := p.start()
		if err != nil {
			_, _ = fmt.Fprintln(p.log, "stand:", err)
			if !Rest(ctx, restartWait) {
				return
			}
			continue
		}
		select {
		case <-exited:
		case <-ctx.Done():
			p.signal(syscall.SIGCONT)
			p.end(grace)
			return
		}
		p.mu.Lock()
		down, asked := max(p.down, restartWait), p.asked
		p.down, p.asked = 0, false
		p.leftLocked()
		p.mu.Unlock()
		if !asked {
			p.Surplus.Add(1)
		}
		Rest(ctx, down)
	}
}

func (p *Process) start() (exited chan struct{}, err error) {
	cmd := exec.Command(p.program, p.args...) //nolint:noctx,gosec // it ends by a signal; the program is one that was built here
	cmd.Env = append(os.Environ(), p.env...)
	cmd.SysProcAttr = attributes()
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", p.Name, err)
	}
	cmd.Stdout, cmd.Stderr = writer, writer
	err = cmd.Start()
	_ = writer.Close()
	if err != nil {
		_ = reader.Close()
		return nil, fmt.Errorf("start %s: %w", p.Name, err)
	}
	exited = make(chan struct{})
	p.mu.Lock()
	p.current, p.exited = cmd, exited
	p.mu.Unlock()
	go func() {
		p.follow(reader)
		_ = cmd.Wait() // how it ended is in its state
		p.mu.Lock()
		p.current = nil
		p.mu.Unlock()
		close(exited)
	}()
	return exited, nil
}

func (p *Process) follow(reader io.ReadCloser) {
	defer reader.Close()
	lines := bufio.NewScanner(reader)
	lines.Buffer(nil, maxLogLine)
	for lines.Scan() {
		_, _ = p.log.WriteString(lines.Text() + "\n") // a full disk shows elsewhere
		p.seen(lines.Text())
	}
	_, _ = io.Copy(io.Discard, reader) // after a line that is too long
}

// signal sends a signal to the run in progress, if there is one.
func (p *Process) signal(s os.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.current != nil {
		_ = p.current.Process.Signal(s) // it may have ended meanwhile
	}
}

// Kill ends the run in progress as a power cut would. The next one starts after that time.
func (p *Process) Kill(down time.Duration) {
	p.expect(down)
	p.signal(syscall.SIGKILL)
}

func (p *Process) expect(down time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked, p.down = true, down
	p.leftLocked()
}

// Pause stops the run in progress for that time, and lets it go on.
func (p *Process) Pause(ctx context.Context, d time.Duration) {
	p.signal(syscall.SIGSTOP)
	Rest(ctx, d)
	p.signal(syscall.SIGCONT)
}

// Restart asks the run in progress to end, as an upgrade does.
func (p *Process) Restart(grace time.Duration) {
	p.expect(0)
	p.end(grace)
}

func (p *Process) end(grace time.Duration) {
	p.mu.Lock()
	cmd, exited := p.current, p.exited
	p.mu.Unlock()
	if cmd == nil {
		return
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-exited:
		if cmd.ProcessState.ExitCode() != 0 {
			p.Failed.Add(1)
		}
	case <-timer.C:
		p.Slow.Add(1)
		_ = cmd.Process.Kill() // the only thing left
		<-exited
	}
}

// Rest waits; it reports false when ctx ended first.
func Rest(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
