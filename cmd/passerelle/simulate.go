package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"passerelle/ingest"
	"passerelle/pkg/sim/simiadvize"
	"passerelle/pkg/sim/simzendesk"
)

type simulateCommand struct {
	Zendesk simulateZendesk `cmd:"" help:"A simulated Zendesk with the demonstration's accounts."`
	IAdvize simulateIAdvize `cmd:"" name:"iadvize" help:"A simulated iAdvize."`
	Traffic simulateTraffic `cmd:"" help:"Conversations that end on a simulated iAdvize, and their webhooks."`
	Config  simulateConfig  `cmd:"" help:"Print the configuration file of the simulated accounts."`
}

// soundSites bounds how many sites are simulated, as the demonstration does.
func soundSites(sites int) error {
	if sites < 1 || sites > 500 {
		return usageError{errors.New("expected --sites 1 to 500")}
	}
	return nil
}

type simulateZendesk struct {
	Addr    string        `default:"127.0.0.1:9001" help:"Address to listen on."`
	Sites   int           `default:"3" help:"Sites of the demonstration, 1 to 500, whose accounts, agents, fields and forms there are."`
	Journal string        `help:"File that keeps the tickets over a restart."`
	Limit   int           `help:"Requests a minute of each account; 0 for no limit."`
	Latency time.Duration `help:"Added to each answer, as 20ms."`
}

// Run serves until the first signal.
func (c simulateZendesk) Run(ctx context.Context, std streams) error {
	if err := soundSites(c.Sites); err != nil {
		return err
	}
	server := simzendesk.New(simzendesk.Config{Journal: c.Journal, RequestsPerMinute: c.Limit, Latency: c.Latency})
	buildWorld(server, c.Sites)
	if err := server.Err(); err != nil {
		return err
	}
	return serveSimulator(ctx, std, "Zendesk", c.Addr, server, func() { _ = server.Close() })
}

type simulateIAdvize struct {
	Addr     string `default:"127.0.0.1:9002" help:"Address to listen on."`
	Username string `default:"demo" help:"Who may log in."`
	Password string `default:"demo-password" help:"With what password."`
	Journal  string `help:"File that keeps the conversations over a restart."`
}

// Run serves until the first signal.
func (c simulateIAdvize) Run(ctx context.Context, std streams) error {
	server, err := simiadvize.New(simiadvize.Config{Users: []simiadvize.User{{Username: c.Username, Password: c.Password}}, Journal: c.Journal})
	if err != nil {
		return err
	}
	return serveSimulator(ctx, std, "iAdvize", c.Addr, server, func() { _ = server.Close() })
}

func serveSimulator(ctx context.Context, std streams, name, address string, h http.Handler, end func()) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("listen for the simulator: %w; choose another address with --addr", err)
	}
	_, _ = fmt.Fprintf(std.err, "simulated %s at http://%s\n", name, listener.Addr())
	server := ingest.Server(h)
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return fmt.Errorf("simulate %s: %w", name, err)
	case <-ctx.Done():
		end()
		err := server.Close()
		if served := <-failed; !errors.Is(served, http.ErrServerClosed) {
			err = errors.Join(err, served)
		}
		return err
	}
}

type simulateConfig struct {
	Zendesk  string `default:"http://127.0.0.1:9001" help:"Address of the simulated Zendesk."`
	IAdvize  string `name:"iadvize" default:"http://127.0.0.1:9002" help:"Address of the simulated iAdvize."`
	Sites    int    `default:"3" help:"Sites of the demonstration, as given to simulate zendesk."`
	Password string `default:"demo-password" help:"As given to simulate iadvize, or a reference such as $${file:PATH}."`
	Secret   string `default:"demo-webhook-secret" help:"As given to simulate traffic, or a reference."`
	Client   string `name:"client-secret" default:"demo-password" help:"Of the simulated Zendesk, or a reference."`
}

// Run prints it.
func (c simulateConfig) Run(std streams) error {
	if err := soundSites(c.Sites); err != nil {
		return err
	}
	w := buildWorld(simzendesk.New(simzendesk.Config{}), c.Sites)
	text, err := w.config(strings.TrimRight(c.Zendesk, "/"), strings.TrimRight(c.IAdvize, "/"), c.Password, c.Secret, c.Client)
	if err != nil {
		return err
	}
	_, err = io.WriteString(std.out, text)
	return err
}
