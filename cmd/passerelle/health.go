package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// healthCommand is for images that hold nothing but the binary, so no curl.
type healthCommand struct {
	URL string `arg:"" optional:"" help:"What to ask. Without it /readyz of the process with the same environment: at PASSERELLE_HEALTH_ADDR, or else at PASSERELLE_CONSOLE_ADDR."`
}

const (
	healthTime   = 8 * time.Second // longer than /readyz takes to give up on its store
	healthAnswer = 1 << 10         // bytes of a refusal that are shown
)

// Run asks once. Anything but 200 is a failure.
func (c healthCommand) Run(ctx context.Context, std streams) error {
	address, err := c.address()
	if err != nil {
		return usageError{err}
	}
	ctx, cancel := context.WithTimeout(ctx, healthTime)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return usageError{fmt.Errorf("health: %w", err)}
	}
	transport := &http.Transport{DisableKeepAlives: true} // no proxy: a probe is about this address
	response, err := transport.RoundTrip(request)
	if err != nil {
		return fmt.Errorf("ask %s: %w", address, err)
	}
	defer func() { _ = response.Body.Close() }()
	body, _ := io.ReadAll(io.LimitReader(response.Body, healthAnswer)) // the status is what counts
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %d: %s", address, response.StatusCode, strings.TrimSpace(string(body)))
	}
	if std.json {
		return printJSON(std, map[string]string{"url": address, "status": "UP"})
	}
	_, err = fmt.Fprintf(std.out, "%s is up\n", address)
	return err
}

func (c healthCommand) address() (string, error) {
	if c.URL != "" {
		given, err := url.Parse(c.URL)
		if err != nil || given.Host == "" || given.Scheme != "http" && given.Scheme != "https" {
			return "", errors.New("health: expected a URL such as http://127.0.0.1:8081/readyz")
		}
		return c.URL, nil
	}
	e, err := readEnvironment()
	if err != nil {
		return "", err
	}
	listens := cmp.Or(e.HealthAddr, e.ConsoleAddr)
	host, port, err := net.SplitHostPort(listens)
	if err != nil {
		return "", fmt.Errorf("health: expected host:port in PASSERELLE_HEALTH_ADDR or PASSERELLE_CONSOLE_ADDR: %w", err)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() { // who listens at all addresses listens at loopback
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port) + "/readyz", nil
}
