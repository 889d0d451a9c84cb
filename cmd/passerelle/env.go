package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/kelseyhightower/envconfig"
	"github.com/rs/zerolog"

	"passerelle/pkg/observe"
	"passerelle/pkg/site"
)

// environment is what the process reads from PASSERELLE_* variables.
type environment struct {
	Config          string        `default:"passerelle.yaml"`
	NATSURL         string        `envconfig:"NATS_URL"`
	NATSReplicas    int           `envconfig:"NATS_REPLICAS" default:"1"`
	NATSMonitorURL  []string      `envconfig:"NATS_MONITOR_URL"` // where each NATS server answers /varz
	ApplyStreams    bool          `ignored:"true"`               // serve --apply
	DataDir         string        `split_words:"true" default:"./data"`
	StoreKey        site.Ref      `split_words:"true"` // encrypts the embedded store
	RedisURL        string        `split_words:"true"`
	IngestAddr      string        `split_words:"true" default:":8080"`
	ConsoleAddr     string        `split_words:"true" default:"127.0.0.1:8081"`
	ConsolePassword site.Ref      `split_words:"true"`
	HealthAddr      string        `split_words:"true"` // probes and metrics of any role, without password; empty: none
	LogLevel        string        `split_words:"true" default:"info"`
	LogFormat       string        `split_words:"true"`
	DrainTimeout    time.Duration `split_words:"true" default:"45s"`
	WorkerSlots     int           `split_words:"true" default:"32"`
	Patience        time.Duration `default:"15m"` // how long a conversation may stay unreadable at iAdvize
	JobExpiry       time.Duration `split_words:"true" default:"72h"`
	SweepEvery      time.Duration `split_words:"true" default:"5m"`
	TimerSlack      time.Duration `split_words:"true" default:"1ms"`

	RedisState func(why error) `ignored:"true"` // told why Redis is away, and nil when it is back; may be nil
}

const prefix = "PASSERELLE"

// kinds are the types of the settings that not every text can be.
var kinds = map[string]string{"int": "a whole number", "time.Duration": "a time such as 45s or 15m"}

// warnOfUnknown names a variable that looks like a setting and is none, which would go unnoticed otherwise.
func warnOfUnknown(log zerolog.Logger) {
	if err := envconfig.CheckDisallowed(prefix, &environment{}); err != nil {
		log.Warn().Err(err).Msg("a variable has no meaning here; the README lists the settings")
	}
}

func readEnvironment() (environment, error) {
	var e environment
	if err := envconfig.Process(prefix, &e); err != nil {
		var wrong *envconfig.ParseError
		if errors.As(err, &wrong) {
			err = fmt.Errorf("%s: %q is not %s", wrong.KeyName, wrong.Value, kinds[wrong.TypeName])
		}
		return e, usageError{fmt.Errorf("environment: %w", err)}
	}
	// These may hold a password, so that they take references too. What reads them never shows them.
	for name, address := range map[string]*string{"NATS_URL": &e.NATSURL, "REDIS_URL": &e.RedisURL} {
		resolved, err := site.Ref(*address).Resolve()
		if err != nil {
			return e, usageError{fmt.Errorf("environment: PASSERELLE_%s: %w", name, err)}
		}
		*address = resolved
	}
	switch {
	case e.WorkerSlots < 1 || e.WorkerSlots > 10_000:
		return e, usageError{fmt.Errorf("environment: PASSERELLE_WORKER_SLOTS: expected 1 to 10000")}
	case e.DrainTimeout <= 0 || e.Patience <= 0 || e.JobExpiry <= 0:
		return e, usageError{fmt.Errorf("environment: expected a positive time in PASSERELLE_DRAIN_TIMEOUT, PASSERELLE_PATIENCE and PASSERELLE_JOB_EXPIRY")}
	case e.SweepEvery < time.Second || e.SweepEvery > 24*time.Hour:
		return e, usageError{fmt.Errorf("environment: PASSERELLE_SWEEP_EVERY: expected 1s to 24h")}
	case e.TimerSlack < 0 || e.TimerSlack > 100*time.Millisecond:
		return e, usageError{fmt.Errorf("environment: PASSERELLE_TIMER_SLACK: expected 0 to 100ms")}
	case e.NATSReplicas < 1 || e.NATSReplicas > 5:
		return e, usageError{fmt.Errorf("environment: PASSERELLE_NATS_REPLICAS: expected 1 to 5")}
	case e.StoreKey != "" && e.NATSURL != "":
		return e, usageError{fmt.Errorf("environment: PASSERELLE_STORE_KEY encrypts the embedded store, and PASSERELLE_NATS_URL names another: encrypt that one by jetstream { cipher, key } in its own configuration, and unset PASSERELLE_STORE_KEY")}
	}
	return e, nil
}

func (e environment) logger() (zerolog.Logger, error) {
	log, err := observe.Logger(os.Stderr, e.LogLevel, e.LogFormat)
	if err != nil {
		return log, usageError{err}
	}
	return log, nil
}

// storeKey gives the key of the embedded store; empty when it is not encrypted.
func (e environment) storeKey() (string, error) {
	key, err := e.StoreKey.Resolve()
	if err != nil {
		return "", usageError{fmt.Errorf("PASSERELLE_STORE_KEY: %w", err)}
	}
	return key, nil
}

// password gives the console's password, which is needed as soon as others than this machine can reach the console.
func (e environment) password() (string, error) {
	password, err := e.ConsolePassword.Resolve()
	if err != nil {
		return "", usageError{fmt.Errorf("PASSERELLE_CONSOLE_PASSWORD: %w", err)}
	}
	host, _, err := net.SplitHostPort(e.ConsoleAddr)
	if err != nil {
		return "", usageError{fmt.Errorf("PASSERELLE_CONSOLE_ADDR: expected host:port: %w", err)}
	}
	ip := net.ParseIP(host)
	if local := host == "localhost" || ip != nil && ip.IsLoopback(); !local && password == "" {
		return "", usageError{fmt.Errorf("PASSERELLE_CONSOLE_PASSWORD: needed, because PASSERELLE_CONSOLE_ADDR %s can be reached from other machines", e.ConsoleAddr)}
	}
	return password, nil
}
