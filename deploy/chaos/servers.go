package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// build makes the product and the NATS server, of the module versions that the product embeds.
func build(ctx context.Context, dir string) error {
	into := dir + string(os.PathSeparator)
	cmd := exec.CommandContext(ctx, "go", "build", "-o", into, "passerelle/cmd/passerelle", "github.com/nats-io/nats-server/v2") //nolint:gosec // our own folder
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build passerelle and nats-server: %w\n%s", err, out)
	}
	return nil
}

func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer listener.Close()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	return strconv.Atoi(port)
}

func freePorts(n int) ([]int, error) {
	var all []int
	for range n {
		port, err := freePort()
		if err != nil {
			return nil, err
		}
		all = append(all, port)
	}
	return all, nil
}

// node is one server of the NATS cluster.
type node struct {
	*process

	address string // for clients
	monitor string
}

// nodes is how many servers the cluster has.
const nodes = 3

const natsConfig = `server_name: n%d
listen: 127.0.0.1:%d
http: 127.0.0.1:%d
jetstream { store_dir: %q, sync_interval: always }
cluster { name: chaos, listen: 127.0.0.1:%d, no_advertise: true, routes: [%s] }
`

// serverGrace is how long a server may take to end when it is asked to.
const serverGrace = 20 * time.Second

func launchNATS(ctx context.Context, dir, binary string) ([]*node, error) {
	ports, err := freePorts(3 * nodes)
	if err != nil {
		return nil, err
	}
	var routes []string
	for i := range nodes {
		routes = append(routes, fmt.Sprintf("nats-route://127.0.0.1:%d", ports[nodes+i]))
	}
	var all []*node
	for i := range nodes {
		name := fmt.Sprintf("nats-%d", i+1)
		config := filepath.Join(dir, name+".conf")
		text := fmt.Sprintf(natsConfig, i+1, ports[i], ports[2*nodes+i], filepath.Join(dir, name), ports[nodes+i], strings.Join(routes, ", "))
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			return nil, fmt.Errorf("write configuration: %w", err)
		}
		p, err := launch(ctx, dir, name, "Server is ready", serverGrace, binary, nil, []string{"-c", config}, nil)
		if err != nil {
			return nil, err
		}
		all = append(all, &node{p, fmt.Sprintf("127.0.0.1:%d", ports[i]), fmt.Sprintf("http://127.0.0.1:%d/healthz", ports[2*nodes+i])})
	}
	return all, nil
}

// healthy waits until each node says that its streams are up to date.
func healthy(ctx context.Context, all []*node) error {
	client := &http.Client{Timeout: 2 * time.Second}
	defer client.CloseIdleConnections()
	for _, n := range all {
		for !n.healthy(ctx, client) {
			if !rest(ctx, 100*time.Millisecond) {
				return fmt.Errorf("%s was not well in time; see its log", n.name)
			}
		}
	}
	return nil
}

func (n *node) healthy(ctx context.Context, client *http.Client) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, n.monitor, nil)
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

// launchRedis runs a redis-server that keeps nothing on the disk.
func launchRedis(ctx context.Context, dir string) (p *process, address string, err error) {
	program, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, "", errors.New("redis-server is not on the PATH; make servers installs it")
	}
	port, err := freePort()
	if err != nil {
		return nil, "", err
	}
	args := []string{"--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", dir}
	p, err = launch(ctx, dir, "redis", "Ready to accept connections", serverGrace, program, nil, args, nil)
	return p, fmt.Sprintf("127.0.0.1:%d", port), err
}
