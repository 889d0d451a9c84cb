package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// ServerSync says when a server syncs what it stores to its disk.
type ServerSync struct {
	Name     string
	Always   bool          // before it acknowledges
	Interval time.Duration // otherwise: at least so often
}

const (
	maxVarz = 1 << 20
	// quietAfter bounds the wait for one more server's answer; only a server that exports its system account answers.
	quietAfter = 300 * time.Millisecond
)

// varz is the part of a server's own report that is read here.
type varz struct {
	Name      string `json:"server_name"`
	JetStream struct {
		Config *struct {
			SyncAlways   bool          `json:"sync_always"`
			SyncInterval time.Duration `json:"sync_interval"`
		} `json:"config"`
	} `json:"jetstream"`
}

// Syncs asks the servers when they sync: each at its monitoring address, as "http://host:8222", or, when none is given,
// all by the connection, which only works where the operator lets this account see the system account's reports. No
// server and no error means that it cannot be known. https://docs.nats.io/running-a-nats-service/configuration/sys_accounts
func (q *Queue) Syncs(ctx context.Context, monitors []string) ([]ServerSync, error) {
	if len(monitors) == 0 {
		return q.syncsBySystem(ctx)
	}
	var all []ServerSync
	var failed []error
	for _, monitor := range monitors {
		v, err := fetchVarz(ctx, monitor)
		if err != nil {
			failed = append(failed, err)
			continue
		}
		all = v.into(all)
	}
	return all, errors.Join(failed...)
}

// into adds the server, unless it has no JetStream.
func (v varz) into(all []ServerSync) []ServerSync {
	if c := v.JetStream.Config; c != nil {
		all = append(all, ServerSync{Name: v.Name, Always: c.SyncAlways, Interval: c.SyncInterval})
	}
	return all
}

func fetchVarz(ctx context.Context, monitor string) (v varz, err error) {
	address, err := url.Parse(strings.TrimSpace(monitor))
	if err != nil || address.Scheme != "http" && address.Scheme != "https" || address.Host == "" {
		return v, errors.New("PASSERELLE_NATS_MONITOR_URL: expected addresses as http://host:8222, separated by commas")
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address.JoinPath("varz").String(), nil)
	if err != nil {
		return v, fmt.Errorf("ask NATS monitoring at %s: %w", address.Host, err)
	}
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		var wrapped *url.Error // its text holds the whole address, which may have a password
		if errors.As(err, &wrapped) {
			err = wrapped.Err
		}
		return v, fmt.Errorf("ask NATS monitoring at %s: %w", address.Host, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return v, fmt.Errorf("ask NATS monitoring at %s: HTTP %d", address.Host, response.StatusCode)
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, maxVarz)).Decode(&v); err != nil {
		return v, fmt.Errorf("ask NATS monitoring at %s: the answer is not a server's report: %w", address.Host, err)
	}
	return v, nil
}

func (q *Queue) syncsBySystem(ctx context.Context) ([]ServerSync, error) {
	inbox := nats.NewInbox()
	answers, err := q.nc.SubscribeSync(inbox)
	if err != nil {
		return nil, fmt.Errorf("ask the NATS servers: %w", err)
	}
	defer answers.Unsubscribe() //nolint:errcheck // a connection that is gone has no subscription
	if err := q.nc.PublishRequest("$SYS.REQ.SERVER.PING.VARZ", inbox, nil); err != nil {
		return nil, fmt.Errorf("ask the NATS servers: %w", err)
	}
	var all []ServerSync
	for {
		wait, cancel := context.WithTimeout(ctx, quietAfter)
		msg, err := answers.NextMsgWithContext(wait)
		cancel()
		if err != nil { // no more answers, or nobody who would
			return all, nil
		}
		var report struct {
			Data varz `json:"data"`
		}
		if json.Unmarshal(msg.Data, &report) == nil {
			all = report.Data.into(all)
		}
	}
}
