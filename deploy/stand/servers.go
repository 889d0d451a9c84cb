package stand

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"passerelle/pkg/freeport"
)

// Build makes the product and the NATS server, of the module versions that the product embeds.
func Build(ctx context.Context, dir string) error {
	into := dir + string(os.PathSeparator)
	cmd := exec.CommandContext(ctx, "go", "build", "-o", into, "passerelle/cmd/passerelle", "github.com/nats-io/nats-server/v2") //nolint:gosec // our own folder
	// As they are shipped.
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build passerelle and nats-server: %w\n%s", err, out)
	}
	return nil
}

func freePorts(n int) ([]int, error) {
	var all []int
	for range n {
		port, err := freeport.Find()
		if err != nil {
			return nil, err
		}
		all = append(all, port)
	}
	return all, nil
}

// NATS is one nats-server.
type NATS struct {
	*Process

	Address string // for clients
	Monitor string // base address of its monitoring
}

// Settings of the NATS servers of a stand. The zero value is one server alone that syncs as it does by default.
type Settings struct {
	Nodes int    // 0 means 1; more are a cluster
	Sync  string // sync_interval, as "always"; empty: the server's default, two minutes
}

const natsConfig = `server_name: n%d
listen: 127.0.0.1:%d
http: 127.0.0.1:%d
jetstream { store_dir: %q%s }
`

const clusterConfig = `cluster { name: stand, listen: 127.0.0.1:%d, no_advertise: true, routes: [%s] }
`

// natsGrowth is what docker-compose.yml gives to nats-server, which collects its memory a quarter as often with it.
const natsGrowth = "400"

// ServerGrace is how long a server may take to end when it is asked to.
const ServerGrace = 20 * time.Second

// LaunchNATS starts the servers on free ports, with their stores in dir.
func LaunchNATS(ctx context.Context, dir, binary string, o Settings) ([]*NATS, error) {
	nodes := max(o.Nodes, 1)
	ports, err := freePorts(3 * nodes)
	if err != nil {
		return nil, err
	}
	var routes []string
	for i := range nodes {
		routes = append(routes, fmt.Sprintf("nats-route://127.0.0.1:%d", ports[nodes+i]))
	}
	sync := ""
	if o.Sync != "" {
		sync = ", sync_interval: " + o.Sync
	}
	var env []string
	if os.Getenv("GOGC") == "" {
		env = append(env, "GOGC="+natsGrowth)
	}
	var all []*NATS
	for i := range nodes {
		name := fmt.Sprintf("nats-%d", i+1)
		config := filepath.Join(dir, name+".conf")
		text := fmt.Sprintf(natsConfig, i+1, ports[i], ports[2*nodes+i], filepath.Join(dir, name), sync)
		if nodes > 1 {
			text += fmt.Sprintf(clusterConfig, ports[nodes+i], strings.Join(routes, ", "))
		}
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			return nil, fmt.Errorf("write configuration: %w", err)
		}
		p, err := Launch(ctx, dir, name, Program{Path: binary, Env: env, Args: []string{"-c", config}, Ready: "Server is ready", Grace: ServerGrace})
		if err != nil {
			return nil, err
		}
		all = append(all, &NATS{p, fmt.Sprintf("127.0.0.1:%d", ports[i]), fmt.Sprintf("http://127.0.0.1:%d", ports[2*nodes+i])})
	}
	return all, nil
}

// Healthy waits until each node says that its streams are up to date.
func Healthy(ctx context.Context, all []*NATS) error {
	client := &http.Client{Timeout: 2 * time.Second}
	defer client.CloseIdleConnections()
	for _, n := range all {
		for !n.healthy(ctx, client) {
			if !Rest(ctx, 100*time.Millisecond) {
				return fmt.Errorf("%s was not well in time; see its log", n.Name)
			}
		}
	}
	return nil
}

func (n *NATS) healthy(ctx context.Context, client *http.Client) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, n.Monitor+"/healthz", nil)
	if err != nil {
		return false
	}
	response, err := client.Do(request)
	if err != nil {
		return false
	}
	_ = response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// LaunchRedis runs a redis-server that keeps nothing on the disk.
func LaunchRedis(ctx context.Context, dir string) (p *Process, address string, err error) {
	program, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, "", errors.New("redis-server is not on the PATH; make servers installs it")
	}
	port, err := freeport.Find()
	if err != nil {
		return nil, "", err
	}
	args := []string{"--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", dir}
	p, err = Launch(ctx, dir, "redis", Program{Path: program, Args: args, Ready: "Ready to accept connections", Grace: ServerGrace})
	return p, fmt.Sprintf("127.0.0.1:%d", port), err
}
