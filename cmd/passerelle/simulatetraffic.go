package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"

	"passerelle/pkg/sim/simiadvize"
	"passerelle/pkg/sim/simzendesk"
	"passerelle/pkg/sim/traffic"
)

type simulateTraffic struct {
	IAdvize string        `name:"iadvize" default:"http://127.0.0.1:9002" help:"Address of the simulated iAdvize."`
	Webhook string        `default:"http://127.0.0.1:8080/webhooks/iadvize" help:"Where the webhooks go."`
	Secret  string        `default:"demo-webhook-secret" help:"What they are signed with."`
	Rate    float64       `default:"2" help:"Conversations a second, 0.01 to 1000."`
	Sites   int           `default:"3" help:"Sites of the demonstration, as given to simulate zendesk."`
	Seed    int64         `help:"Same seed, same conversations; 0 takes the time."`
	For     time.Duration `help:"End after that time, or some 2 s later when answers are still to come; 0: at the first signal."`
}

const (
	controlTime   = 90 * time.Second // longer than iAdvize tries a webhook
	trafficGrace  = 2 * time.Second  // after the end, for the answers that are still to come
	reportGrace   = time.Second      // after that, for the simulator to say what became of the webhooks
	mostSending   = 256              // conversations at once
	maxToldAnswer = 200              // bytes of a webhook's answer
)

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
	sender := trafficSender{simulateTraffic: c, client: &http.Client{Timeout: controlTime}}
	if c.For > 0 {
		end := time.Now().Add(c.For)
		sender.until = end.Add(trafficGrace)
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, end)
		defer cancel()
	}
	return sender.run(ctx, std, traffic.New(traffic.Config{Seed: c.Seed, Sites: sites}, store), sites)
}

// trafficSender hands each conversation to the simulator in the other process, which sends the webhook.
type trafficSender struct {
	simulateTraffic

	client *http.Client
	until  time.Time // no webhook is tried after; zero: as iAdvize does
}

// run sends conversations until ctx ends. What is under way then has little time left.
func (s trafficSender) run(ctx context.Context, std streams, g *traffic.Generator, sites []traffic.Site) error {
	ticker := time.NewTicker(time.Duration(float64(time.Second) / s.Rate))
	defer ticker.Stop()
	sending, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	results := make(chan error, mostSending)
	underWay := 0
	var seen trafficTally
	for n := 0; ctx.Err() == nil; {
		select {
		case <-ctx.Done():
		case err := <-results:
			underWay--
			seen.count(std, err)
		case <-ticker.C:
			if underWay == mostSending {
				continue // the simulator does not keep up; the next tick tries again
			}
			site := sites[n%len(sites)]
			conversation := g.Conversation(site)
			n, underWay = n+1, underWay+1
			go func() { results <- s.send(sending, conversation, site) }()
		}
	}
	defer time.AfterFunc(trafficGrace+reportGrace, cut).Stop()
	for ; underWay > 0; underWay-- {
		seen.count(std, <-results)
	}
	return seen.end(std)
}

// trafficTally is what became of the conversations.
type trafficTally struct {
	sent, failed int
	first        error
}

// count tells of the first failure at once.
func (t *trafficTally) count(std streams, err error) {
	t.sent++
	if err == nil {
		return
	}
	if t.failed++; t.first == nil {
		t.first = err
		_, _ = fmt.Fprintln(std.err, "traffic:", err)
	}
}

// end prints the sum. It fails when nothing at all was accepted.
func (t *trafficTally) end(std streams) error {
	if _, err := fmt.Fprintf(std.out, "%d conversations, %d not accepted\n", t.sent, t.failed); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	if t.sent > 0 && t.failed == t.sent {
		return fmt.Errorf("no webhook was accepted; the first one: %w", t.first)
	}
	return nil
}

// send gives an error that says what became of the webhook, unless it was accepted.
func (s trafficSender) send(ctx context.Context, conversation simiadvize.Conversation, site traffic.Site) error {
	body, err := s.body(conversation, site)
	if err != nil {
		return fmt.Errorf("write the conversation: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimRight(s.IAdvize, "/")+"/_sim/conversations", bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("reach the simulated iAdvize: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := s.client.Do(request)
	switch {
	case err != nil && ctx.Err() != nil:
		return errors.New("no answer when the time was over")
	case err != nil:
		return fmt.Errorf("reach the simulated iAdvize: %w; is passerelle simulate iadvize running, and --iadvize its address?", err)
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return fmt.Errorf("read the simulated iAdvize's answer: %w", err)
	}
	var out struct {
		Delivery *simiadvize.Delivery `json:"delivery"`
	}
	if response.StatusCode != http.StatusCreated || json.Unmarshal(answer, &out) != nil || out.Delivery == nil {
		return fmt.Errorf("the simulated iAdvize answered %d: %.*s; is --iadvize its address?", response.StatusCode, maxToldAnswer, bytes.TrimSpace(answer))
	}
	return delivered(*out.Delivery)
}

// body is the conversation with what the simulator's control wants beside it.
func (s trafficSender) body(conversation simiadvize.Conversation, site traffic.Site) ([]byte, error) {
	raw, err := json.Marshal(conversation)
	if err != nil {
		return nil, err
	}
	body := map[string]any{}
	if err := json.Unmarshal(raw, &body); err != nil {
		return nil, err
	}
	body["send"], body["webhook"] = true, simiadvize.Webhook{URL: site.WebhookURL, Secret: s.Secret}
	if !s.until.IsZero() {
		body["until"] = s.until
	}
	return json.Marshal(body)
}

// delivered gives an error unless the webhook was accepted.
func delivered(d simiadvize.Delivery) error {
	switch {
	case d.Accepted:
		return nil
	case d.Status == http.StatusUnauthorized:
		return fmt.Errorf("the webhook was answered 401: %.*s; is --secret the one of the configuration?", maxToldAnswer, strings.TrimSpace(d.Body))
	case d.Status != 0:
		return fmt.Errorf("the webhook was answered %d: %.*s", d.Status, maxToldAnswer, strings.TrimSpace(d.Body))
	default:
		return fmt.Errorf("the webhook had no answer: %s; is passerelle serve running, and --webhook its address?", d.Error)
	}
}
