package queue

import (
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"passerelle/pkg/ticket"
)

// Names of streams, buckets and consumers.
const (
	eventsStream   = "EVENTS"
	holdStream     = "HOLD"
	deadStream     = "DEAD"
	ledgerBucket   = "ledger"
	workerConsumer = "workers"
	wakeConsumer   = "runners"
)

const (
	ackWait       = 30 * time.Second // refreshed by Delivery.Working; bounds how long a killed worker's work rests
	maxAckPending = 20_000
	deadLife      = 90 * 24 * time.Hour
	ledgerLife    = 30 * 24 * time.Hour
	maxEventBytes = 4 << 30 // beyond it webhooks are refused, so that their sender tries again
)

// RepeatWindow is for how long after an event was stored the server remembers it, and answers a repeat as a duplicate. A
// server that is restarted forgets those that are dealt with.
// https://docs.nats.io/using-nats/developer/develop_jetstream/model_deep_dive#message-deduplication
const RepeatWindow = 10 * time.Minute

// noAccount stands in subjects for the account of a site that is not configured.
const noAccount = "_"

// accountToken makes an account's name safe in a subject.
func accountToken(account string) string {
	if account == "" {
		return noAccount
	}
	return string(ticket.JobOf(account))
}

func eventSubject(e ticket.Event) string {
	subject := "ev." + accountToken(e.Account) + "." + e.Key()
	if e.Kind == ticket.KindClosed {
		subject += "." + string(e.Kind)
	}
	return subject
}

func deadSubject(e ticket.Event) string {
	return "dead." + accountToken(e.Account) + "." + e.Key()
}

// Held events lie in two spaces of one stream, so that the escalated ones need not be searched for among the others.
const (
	heldSpace  = "hold."
	firstSpace = "first." // known to be escalations: worked off ahead of the others
)

// heldSpaces are in the order in which an event can move.
var heldSpaces = []string{heldSpace, firstSpace}

func holdSubject(escalated bool, account, key string) string {
	space := heldSpace
	if escalated {
		space = firstSpace
	}
	return space + accountToken(account) + "." + key
}

// An account's alarm lies in one space as long as it is set, and in the other from when it rings until somebody has seen to
// it.
const (
	wakeSpace = "wake."
	runSpace  = "run."
)

func wakeSubject(account string) string { return wakeSpace + accountToken(account) }
func runSubject(account string) string  { return runSpace + accountToken(account) }

// One pending event per subject: the same end of a conversation that comes twice is refused while it waits, however
// long it waits.
func eventsConfig(replicas int) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: eventsStream, Description: "what iAdvize reported and nobody has dealt with yet", Subjects: []string{"ev.>"},
		Retention: jetstream.WorkQueuePolicy, Storage: jetstream.FileStorage, Replicas: replicas,
		Discard: jetstream.DiscardNew, DiscardNewPerSubject: true, MaxMsgsPerSubject: 1, MaxBytes: maxEventBytes,
		Duplicates: RepeatWindow,
	}
}

// Reads of the hold stream go to its leader, so that what was deleted is not seen again: no direct access.
func holdConfig(replicas int) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: holdStream, Description: "what waits for its account, and the accounts' alarm clocks",
		Subjects: []string{heldSpace + ">", firstSpace + ">", wakeSpace + "*", runSpace + "*"}, Retention: jetstream.WorkQueuePolicy, Storage: jetstream.FileStorage,
		Replicas: replicas, MaxMsgsPerSubject: 1, AllowMsgSchedules: true, AllowMsgTTL: true,
	}
}

func deadConfig(replicas int) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: deadStream, Description: "what can never become a ticket as it is", Subjects: []string{"dead.>"},
		Retention: jetstream.LimitsPolicy, Storage: jetstream.FileStorage, Replicas: replicas,
		MaxMsgsPerSubject: 1, MaxAge: deadLife, AllowDirect: false,
	}
}

func ledgerConfig(replicas int) jetstream.KeyValueConfig {
	return jetstream.KeyValueConfig{
		Bucket: ledgerBucket, Description: "what became of each conversation", TTL: ledgerLife, History: 1,
		Storage: jetstream.FileStorage, Replicas: replicas,
	}
}

func workersConfig() jetstream.ConsumerConfig {
	return jetstream.ConsumerConfig{
		Durable: workerConsumer, AckPolicy: jetstream.AckExplicitPolicy, AckWait: ackWait, MaxAckPending: maxAckPending, MaxDeliver: -1,
	}
}

func runnersConfig() jetstream.ConsumerConfig {
	return jetstream.ConsumerConfig{
		Durable: wakeConsumer, AckPolicy: jetstream.AckExplicitPolicy, AckWait: ackWait, MaxAckPending: maxAckPending, MaxDeliver: -1,
		FilterSubject: runSpace + "*",
	}
}
