package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"passerelle/ingest"
	"passerelle/pkg/observe"
	"passerelle/pkg/sim/simiadvize"
	"passerelle/pkg/sim/simzendesk"
	"passerelle/pkg/sim/traffic"
	"passerelle/pkg/site"
	"passerelle/pkg/ticket"
)

type demoCommand struct {
	For   time.Duration `help:"End by itself after that time, as 30s, once what came in is settled."`
	Rate  float64       `default:"10" help:"Conversations a second, 0.1 to 1000."`
	Sites int           `default:"3" help:"Sites, 1 to 500. The last of several has a required field without default, and so gives dead letters."`
	Seed  int64         `default:"1" help:"Same seed, same conversations."`
}

// settleLimit is how long the demonstration waits in the end for what came in.
const settleLimit = 2 * time.Minute

// demoLimit is how many calls a minute each simulated account allows, as Zendesk's high volume add-on does: more than the
// usual traffic needs. https://developer.zendesk.com/api-reference/introduction/rate-limits/
const demoLimit = 2500

// Run runs the demonstration until its time is over or the first signal.
func (c demoCommand) Run(ctx context.Context, std streams) error {
	started := time.Now()
	if c.Rate < 0.1 || c.Rate > 1000 || c.Sites < 1 || c.Sites > 500 || c.For < 0 {
		return usageError{errors.New("expected --rate 0.1 to 1000, --sites 1 to 500, and --for not negative")}
	}
	d, err := openDemo(ctx, c, std, started)
	if stoppedEarly(ctx, err) {
		_, _ = fmt.Fprintln(std.err, "Stopped before a conversation ended.")
		if std.json {
			return printJSON(std, summary{})
		}
		return nil
	}
	if err != nil {
		return err
	}
	defer d.done.run()
	if !std.json {
		d.welcome(std)
	}
	sum, err := d.run(ctx, c, std)
	if err != nil {
		return err
	}
	if std.json {
		err = printJSON(std, sum)
	} else {
		sum.print(std)
	}
	if err == nil && (sum.Lost > 0 || sum.Doubled > 0) {
		err = fmt.Errorf("%d conversations lost, %d tickets doubled", sum.Lost, sum.Doubled)
	}
	return err
}

// demo is the product with a simulated world around it.
type demo struct {
	service *service
	zendesk *simzendesk.Server
	traffic *traffic.Generator
	config  string // path
	first   *firstTicket
	done    cleanups

	zendeskURL, iadvizeURL string // where the simulators listen
}

// firstTicket notes when the first ticket was made.
type firstTicket struct {
	started time.Time
	once    sync.Once
	after   time.Duration // readable once the service has ended
}

func (f *firstTicket) Attempt(_ string, o ticket.Outcome, _ time.Duration) {
	if o.Result == ticket.ResultCreated {
		f.once.Do(func() { f.after = time.Since(f.started) })
	}
}

func openDemo(ctx context.Context, c demoCommand, std streams, started time.Time) (_ *demo, err error) {
	d := &demo{first: &firstTicket{started: started}}
	defer func() {
		if err != nil {
			d.done.run()
		}
	}()
	dir, err := os.MkdirTemp("", "passerelle-demo-")
	if err != nil {
		return nil, fmt.Errorf("make a temporary folder: %w", err)
	}
	d.done.add(func() { _ = os.RemoveAll(dir) })
	d.zendesk = simzendesk.New(simzendesk.Config{Seed: c.Seed, RequestsPerMinute: demoLimit})
	w := buildWorld(d.zendesk, c.Sites)
	d.zendeskURL, err = d.simulate(d.zendesk, func() { _ = d.zendesk.Close() })
	if err != nil {
		return nil, err
	}
	iadvize, err := simiadvize.New(simiadvize.Config{Users: []simiadvize.User{{Username: demoUser, Password: demoPassword}}, Seed: c.Seed})
	if err != nil {
		return nil, err
	}
	d.iadvizeURL, err = d.simulate(iadvize, func() { _ = iadvize.Close() })
	if err != nil {
		return nil, err
	}
	text, err := w.config(d.zendeskURL, d.iadvizeURL, demoPassword, demoSecret, demoPassword)
	if err != nil {
		return nil, err
	}
	d.config = filepath.Join(dir, "passerelle.yaml")
	if err := os.WriteFile(d.config, []byte(text), 0o600); err != nil {
		return nil, fmt.Errorf("write configuration: %w", err)
	}
	config, err := site.Load(d.config)
	if err != nil {
		return nil, err
	}
	level := zerolog.WarnLevel
	log := zerolog.New(observe.Console(std.err)).Level(level).With().Timestamp().Logger()
	e := environment{
		Config: d.config, DataDir: filepath.Join(dir, "data"), IngestAddr: "127.0.0.1:0", ConsoleAddr: "127.0.0.1:0",
		DrainTimeout: 45 * time.Second, WorkerSlots: 32, NATSReplicas: 1, SweepEvery: 5 * time.Minute,
	}
	if d.service, err = openService(ctx, e, fileConfig{config: config}, log, []string{"ingest", "worker", "console"}, d.first); err != nil {
		return nil, err
	}
	d.done.add(d.service.close)
	d.traffic = traffic.New(traffic.Config{
		Seed: c.Seed, Rate: c.Rate, Sites: w.traffic("http://" + d.service.address("ingest") + "/webhooks/iadvize"), DrainTimeout: settleLimit,
	}, iadvize)
	return d, nil
}

// simulate serves a simulator on a free port of this machine.
func (d *demo) simulate(h http.Handler, end func()) (url string, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("listen for a simulator: %w", err)
	}
	server := ingest.Server(h)
	var wait sync.WaitGroup
	wait.Go(func() { _ = server.Serve(listener) }) // it ends when it is closed
	d.done.add(func() { end(); _ = server.Close(); wait.Wait() })
	return "http://" + listener.Addr().String(), nil
}

func (d *demo) welcome(std streams) {
	_, _ = fmt.Fprintf(std.out, `Passerelle demonstration: simulated iAdvize and Zendesk, everything on this machine.

  webhooks  http://%s/webhooks/iadvize
  console   http://%s/
  tickets   %s/_sim/demo-1/tickets
  iAdvize   %s

In another terminal, with what runs here:
  export PASSERELLE_DATA_DIR=%s PASSERELLE_CONFIG=%s
  go run ./cmd/passerelle deadletters list
  go run ./cmd/passerelle lanes list

Ctrl-C lets no more conversations end and waits for the tickets of those that did; a second one ends it at once and leaves its folder.

`, d.service.address("ingest"), d.service.address("console"), d.zendeskURL, d.iadvizeURL, d.service.DataDir, d.config)
}

// run lets the traffic in for the wanted time, waits until all of it is settled, and counts.
func (d *demo) run(ctx context.Context, c demoCommand, std streams) (summary, error) {
	serving, endServing := context.WithCancel(context.WithoutCancel(ctx)) // the service outlives the traffic
	var parts sync.WaitGroup
	var serveErr error
	parts.Go(func() { serveErr = d.service.run(serving) })
	producing, stop := ctx, func() {}
	if c.For > 0 {
		producing, stop = context.WithTimeout(ctx, c.For)
	}
	trafficErr := d.traffic.Run(producing)
	stop()
	if !std.json {
		_, _ = fmt.Fprintf(std.err, "No more conversations end now. Waiting until those that ended are settled, %s at most.\n", settleLimit)
	}
	settled, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleLimit)
	defer cancel()
	sum, err := d.settle(settled)
	endServing()
	parts.Wait()
	sum.FirstTicketMS = d.first.after.Milliseconds()
	return sum, errors.Join(trafficErr, err, serveErr)
}
