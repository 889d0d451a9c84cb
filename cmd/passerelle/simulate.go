package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"passerelle/ingest"
	"passerelle/pkg/sim/simiadvize"
	"passerelle/pkg/sim/simzendesk"
	"passerelle/pkg/sim/traffic"
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

type simulateTraffic struct {
	IAdvize string        `name:"iadvize" default:"http://127.0.0.1:9002" help:"Address of the simulated iAdvize."`
	Webhook string        `default:"http://127.0.0.1:8080/webhooks/iadvize" help:"Where the webhooks go."`
	Secret  string        `default:"demo-webhook-secret" help:"What they are signed with."`
	Rate    float64       `default:"2" help:"Conversations a second, 0.01 to 1000."`
	Sites   int           `default:"3" help:"Sites of the demonstration, as given to simulate zendesk."`
	Seed    int64         `help:"Same seed, same conversations; 0 takes the time."`
	For     time.Duration `help:"End after that time; 0: at the first signal."`
}

const controlTime = 90 * time.Second // longer than iAdvize tries a webhook

// Run makes conversations until its time is over.
func (c simulateTraffic) Run(ctx context.Context, std streams) error {
	if c.Rate < 0.01 || c.Rate > 1000 {
		return usageError{errors.New("expected --rate 0.01 to 1000")}
	}
	if err := soundSites(c.Sites); err != nil {
		return err
	}
	if c.Seed == 0 {
		c.Seed = time.Now().UnixNano()
	}
	if c.For > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.For)
		defer cancel()
	}
	store, err := simiadvize.New(simiadvize.Config{})
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }()
	w := buildWorld(simzendesk.New(simzendesk.Config{}), c.Sites)
	var sites []traffic.Site // each as often as its weight says
	for _, s := range w.traffic(c.Webhook) {
		sites = append(sites, slices.Repeat([]traffic.Site{s}, s.Weight)...)
	}
	rand.New(rand.NewPCG(uint64(c.Seed), 2)).Shuffle(len(sites), func(i, k int) { sites[i], sites[k] = sites[k], sites[i] }) //nolint:gosec // an order, not a secret
	generator := traffic.New(traffic.Config{Seed: c.Seed, Sites: sites}, store)
	return c.run(ctx, std, generator, sites)
}

// run hands each conversation to the simulator in the other process, which sends the webhook.
func (c simulateTraffic) run(ctx context.Context, std streams, g *traffic.Generator, sites []traffic.Site) error {
	ticker := time.NewTicker(time.Duration(float64(time.Second) / c.Rate))
	defer ticker.Stop()
	client := &http.Client{Timeout: controlTime}
	sent, failed := 0, 0
	slots := make(chan struct{}, 256)
	results := make(chan error, 256)
	count := func(err error) {
		if sent++; err != nil {
			if failed++; failed == 1 {
				_, _ = fmt.Fprintln(std.err, "traffic:", err)
			}
		}
	}
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			for range len(slots) {
				count(<-results)
			}
			_, err := fmt.Fprintf(std.out, "%d conversations, %d not accepted\n", sent, failed)
			return err
		case err := <-results:
			<-slots
			count(err)
			n--
			continue
		case <-ticker.C:
		}
		site := sites[n%len(sites)]
		conversation := g.Conversation(site)
		select {
		case slots <- struct{}{}:
			go func() { results <- c.send(context.WithoutCancel(ctx), client, conversation, site) }()
		default: // the simulator does not keep up; the next tick tries again
		}
	}
}

func (c simulateTraffic) send(ctx context.Context, client *http.Client, conversation simiadvize.Conversation, site traffic.Site) error {
	raw, err := json.Marshal(conversation)
	if err != nil {
		return fmt.Errorf("send conversation: %w", err)
	}
	body := map[string]any{}
	if err := json.Unmarshal(raw, &body); err != nil {
		return fmt.Errorf("send conversation: %w", err)
	}
	body["send"], body["webhook"] = true, simiadvize.Webhook{URL: site.WebhookURL, Secret: c.Secret}
	if raw, err = json.Marshal(body); err != nil {
		return fmt.Errorf("send conversation: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimRight(c.IAdvize, "/")+"/_sim/conversations", bytes.NewReader(raw))
	if err != nil {
		return fmt.Errorf("send conversation: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("send conversation: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return fmt.Errorf("send conversation: %w", err)
	}
	if response.StatusCode >= http.StatusBadRequest || bytes.Contains(answer, []byte(`"accepted":false`)) {
		return fmt.Errorf("send conversation: the simulator answered %d, webhook not accepted", response.StatusCode)
	}
	return nil
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
