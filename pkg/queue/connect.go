package queue

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Options for Open. Exactly one of URL and Server is given.
type Options struct {
	URL      string                          // NATS servers, separated by commas; may carry user and password
	Server   nats.InProcessConnProvider      // an embedded server, or the way to one in another process
	Name     string                          // of this process, shown by the server
	Replicas int                             // of each stream; 0 means 1
	OnState  func(connected bool, err error) // told of lost and regained connections; may be nil

	// Patience bounds how long Open tries again when the server is not there yet, or its cluster has no leader yet. Zero: no
	// second try.
	Patience time.Duration
	OnWait   func(err error) // told once, when Open has to wait; may be nil

	// What to do about settings of streams, buckets and consumers that somebody changed on the server.
	OnDifference func(Difference) // told of each that is left alone; may be nil
	Apply        bool             // put all right
	Lenient      bool             // leave those alone too that break a guarantee: for commands that look
}

const (
	reconnectWait  = time.Second
	requestTimeout = 10 * time.Second
	openAgain      = 500 * time.Millisecond
	minMajor       = 2
	minMinor       = 14
)

// ErrServerTooOld says that the server lacks what the product builds on: scheduled messages that can be trusted came
// with 2.14.
var ErrServerTooOld = errors.New("the NATS server is too old: 2.14 or newer is needed")

// ErrNoJetStream says that the server is there and JetStream is not.
var ErrNoJetStream = errors.New("JetStream is off on the NATS server")

// Queue is a connection with its streams. Its methods may be called concurrently.
type Queue struct {
	nc     *nats.Conn
	js     jetstream.JetStream
	events jetstream.Stream
	hold   jetstream.Stream
	dead   jetstream.Stream
	sweep  jetstream.Stream
	ledger jetstream.KeyValue
	tokens jetstream.KeyValue
	chains jetstream.KeyValue
	config jetstream.KeyValue

	batches   jetstream.KeyValue
	noBatches settledBatches
	erasures  jetstream.KeyValue
	positions jetstream.KeyValue
	lanes     jetstream.KeyValue
	replicas  int

	alarms    alarms
	lateAlarm time.Duration // LateAlarm, but in tests
	holdAlone bool          // what is held has no replicas, or had none when the queue was opened

	batchesAlone bool // the same of batches
}

// Open connects, checks the server's version, and creates what is missing of streams, buckets and consumers. Settings
// of existing ones that an operator changed are left alone; the error wraps ErrDrift when one breaks a guarantee. What
// passes by itself is waited out as Options.Patience says; what does not (credentials, an old server, no JetStream) fails
// at once. A connection that is lost later is tried again for ever.
func Open(ctx context.Context, o Options) (*Queue, error) {
	begun := time.Now()
	for waited := false; ; waited = true {
		q, err := open(ctx, o)
		if err == nil || !Passing(err) || time.Since(begun) >= o.Patience {
			return q, err
		}
		if !waited && o.OnWait != nil {
			o.OnWait(err)
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(openAgain):
		}
	}
}

func open(ctx context.Context, o Options) (*Queue, error) {
	nc, err := nats.Connect(o.URL, o.connection()...)
	if err != nil {
		return nil, fmt.Errorf("connect to NATS: %w; check PASSERELLE_NATS_URL and that the server runs", withoutAddress(err))
	}
	q := &Queue{nc: nc, replicas: max(o.Replicas, 1), lateAlarm: LateAlarm}
	err = q.setUp(ctx, q.replicas)
	if err == nil {
		err = q.settle(ctx, o)
	}
	if err != nil {
		nc.Close()
		return nil, err
	}
	return q, nil
}

func (o Options) connection() []nats.Option {
	state := o.OnState
	if state == nil {
		state = func(bool, error) {}
	}
	options := []nats.Option{
		nats.Name(o.Name), nats.MaxReconnects(-1), nats.IgnoreAuthErrorAbort(), nats.ReconnectWait(reconnectWait), nats.Timeout(requestTimeout),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) { state(false, err) }),
		nats.ReconnectHandler(func(*nats.Conn) { state(true, nil) }),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}), // each caller gets its own error; the default prints to stderr
	}
	if o.Server != nil {
		options = append(options, nats.InProcessServer(o.Server))
	}
	return options
}

// unreached is why no connection came about. The error of the client may hold the address with its password, so it is
// named by its kind only.
type unreached struct {
	why   string
	cause error
}

func (u unreached) Error() string { return u.why }
func (u unreached) Unwrap() error { return u.cause }

func withoutAddress(err error) error {
	for _, known := range []error{nats.ErrNoServers, nats.ErrAuthorization, nats.ErrAuthExpired, nats.ErrTimeout, nats.ErrSecureConnRequired} {
		if errors.Is(err, known) {
			return known
		}
	}
	var unknown *net.DNSError
	why := "the address is not one, or the server refused"
	switch {
	case errors.As(err, &unknown):
		why = "the server's name is not known"
	case Passing(err):
		why = "the server does not answer"
	}
	return unreached{why, err}
}

// setUpFailed says what to look at when a stream or bucket cannot be set up.
func setUpFailed(what string, err error) error {
	switch {
	case errors.Is(err, nats.ErrNoResponders): // nobody is there for its requests, which an election does not bring about
		return fmt.Errorf("set up %s: %w; switch it on (a jetstream block in the server's configuration)", what, ErrNoJetStream)
	case Passing(err):
		return fmt.Errorf("set up %s: %w; NATS gives no answer: its cluster has no leader, or the user may not use JetStream ($JS.API.>)", what, err)
	}
	return fmt.Errorf("set up %s: %w; JetStream must be on and the user allowed to create streams", what, err)
}

func (q *Queue) setUp(ctx context.Context, replicas int) error {
	if err := newEnough(q.nc.ConnectedServerVersion()); err != nil {
		return err
	}
	js, err := jetstream.New(q.nc, jetstream.WithDefaultTimeout(requestTimeout))
	if err != nil {
		return fmt.Errorf("open JetStream: %w", err)
	}
	q.js = js
	for _, s := range []struct {
		config jetstream.StreamConfig
		into   *jetstream.Stream
	}{{eventsConfig(replicas), &q.events}, {holdConfig(replicas), &q.hold}, {deadConfig(replicas), &q.dead}, {sweepConfig(replicas), &q.sweep}} {
		if *s.into, err = ensureStream(ctx, js, s.config); err == nil {
			err = outgrow(ctx, js, s.into)
		}
		if err != nil {
			return setUpFailed("stream "+s.config.Name, err)
		}
	}
	q.holdAlone = q.hold.CachedInfo().Config.Replicas <= 1
	for _, b := range []struct {
		config jetstream.KeyValueConfig
		into   *jetstream.KeyValue
	}{
		{ledgerConfig(replicas), &q.ledger}, {tokensConfig(replicas), &q.tokens}, {chainsConfig(replicas), &q.chains},
		{configConfig(replicas), &q.config}, {erasuresConfig(replicas), &q.erasures}, {positionsConfig(replicas), &q.positions},
		{batchesConfig(replicas), &q.batches}, {lanesConfig(replicas), &q.lanes},
	} {
		if *b.into, err = ensureBucket(ctx, js, b.config); err != nil {
			return setUpFailed("bucket "+b.config.Bucket, err)
		}
	}
	batches, err := q.batches.Status(ctx)
	if err != nil {
		return setUpFailed("bucket "+batchesBucket, err)
	}
	q.batchesAlone = batches.Config().Replicas <= 1
	q.ledger = lasting{q.ledger, js, ledgerConfig(replicas)}
	q.batches = lasting{q.batches, js, batchesConfig(replicas)}
	if _, err := q.LedgerSince(ctx); err != nil {
		return err
	}
	return nil
}

func ensureStream(ctx context.Context, js jetstream.JetStream, config jetstream.StreamConfig) (jetstream.Stream, error) {
	stream, err := js.Stream(ctx, config.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		stream, err = js.CreateStream(ctx, config)
		if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) { // another process was quicker
			return js.Stream(ctx, config.Name)
		}
	}
	return stream, err
}

func ensureBucket(ctx context.Context, js jetstream.JetStream, config jetstream.KeyValueConfig) (jetstream.KeyValue, error) {
	kv, err := js.KeyValue(ctx, config.Bucket)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		kv, err = js.CreateKeyValue(ctx, config)
		if errors.Is(err, jetstream.ErrBucketExists) {
			return js.KeyValue(ctx, config.Bucket)
		}
	}
	return kv, err
}

// newEnough reads "2.15.2" and "2.14.0-RC.1".
func newEnough(version string) error {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) == 3 {
		major, errMajor := strconv.Atoi(parts[0])
		minor, errMinor := strconv.Atoi(parts[1])
		if errMajor == nil && errMinor == nil && (major > minMajor || major == minMajor && minor >= minMinor) {
			return nil
		}
	}
	return fmt.Errorf("%w; this one says %q", ErrServerTooOld, version)
}

// Healthy gives an error when the server cannot be reached within 10 seconds.
func (q *Queue) Healthy(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	if err := q.nc.FlushWithContext(ctx); err != nil {
		return fmt.Errorf("reach NATS: %w", err)
	}
	return nil
}

// Close sends what is still buffered and closes the connection. It may be called twice.
func (q *Queue) Close() {
	if q.nc.IsConnected() {
		_ = q.nc.FlushTimeout(requestTimeout) // a server that goes away meanwhile gets nothing more
	}
	q.nc.Close()
}
