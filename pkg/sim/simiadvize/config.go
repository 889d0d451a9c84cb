package simiadvize

import (
	"crypto/x509"
	"time"
)

// Config sets a Server up. The zero value is a platform without users, conversations or faults.
type Config struct {
	Users []User // who may get a token; nobody when empty

	TokenLife time.Duration // 0 = 24 h
	// LoginsPerMinute bounds the token requests of one user in a clock minute: 0 = 10, negative = unlimited. Over it
	// the answer is 429, and further token generation is blocked for the rest of the minute.
	LoginsPerMinute int
	// LoginsPerMinuteByAddress is the same for one client address: 0 = 100, negative = unlimited.
	LoginsPerMinuteByAddress int

	// ReadableAfter is how long after Add a closed conversation still answers null and is missing in lists.
	ReadableAfter time.Duration
	// ClosingFormAfter is how long after Add the closingFormValues of a conversation stay null.
	ClosingFormAfter time.Duration
	Latency          time.Duration // added to every answer outside /_sim/

	PageLimit   int  // edges of a page at most, whatever `first` asks; 0 = 100
	NewestFirst bool // order of closedConversations; oldest first by default

	IDsAsStrings    bool      // LegacyId as a JSON string, in GraphQL and in webhooks; a number by default
	Timestamps      Timestamp // spelling in GraphQL and in webhooks
	NotFoundAsError bool      // conversation(id) of an unknown conversation: null with a GraphQL error; null alone by default
	TickedAs        string    // how a ticked checkbox of the closing form reads: "true" (also when empty), "1", "on", "yes", "checked"
	// MissingFields are taken out of the schema, as "Conversation.customData": a platform whose schema differs. A field
	// of an interface goes from the types that implement it too.
	MissingFields []string
	// OneConversation: a query for several conversations is refused as a whole. It is not documented whether it is taken.
	OneConversation bool
	// NoIntrospection: __schema and __type answer null.
	NoIntrospection bool
	// UnreadableProjects are those that the API users may not read: to ask for their conversations is a GraphQL error,
	// and each of their conversations answers null.
	UnreadableProjects []int64

	ClientID         int64           // clientId in webhooks; 0 = 1
	Webhooks         []Webhook       // where POST /_sim/conversations sends; the first that fits the project
	RetryDelays      []time.Duration // nil = 10 s and 20 s; empty = no retry
	NoRetryOnFailure bool            // a timeout or a refused connection is final; retried like 4xx and 5xx by default
	ConnectTimeout   time.Duration   // of a webhook; 0 = 1 s
	ReplyTimeout     time.Duration   // of a webhook; 0 = 30 s
	RootCAs          *x509.CertPool  // trusted for https webhooks; nil = the system's

	// Journal is a JSON Lines file. Conversations are appended to it before they can be read, and read again by New.
	Journal string
	Seed    int64            // of the shares of faults
	Now     func() time.Time // nil = time.Now
}

// User may ask for a token.
type User struct {
	Username, Password string
}

// Timestamp is one of the spellings that the documentation shows.
type Timestamp int

// The spellings. TimestampOffset has no milliseconds; TimestampMixed takes any of the three, the same for equal times.
const (
	TimestampUTC    Timestamp = iota // 2019-04-12T07:58:35.171Z
	TimestampOffset                  // 2017-04-22T11:01:00+02:00
	TimestampZone                    // 2017-11-22T12:04:00.762Z[Etc/UTC]
	TimestampMixed
)

func (cfg Config) withDefaults() Config {
	or := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	or(&cfg.TokenLife, 24*time.Hour)
	or(&cfg.ConnectTimeout, time.Second)
	or(&cfg.ReplyTimeout, 30*time.Second)
	if cfg.LoginsPerMinute == 0 {
		cfg.LoginsPerMinute = 10
	}
	if cfg.LoginsPerMinuteByAddress == 0 {
		cfg.LoginsPerMinuteByAddress = 100
	}
	if cfg.PageLimit <= 0 {
		cfg.PageLimit = 100
	}
	if cfg.TickedAs == "" {
		cfg.TickedAs = "true"
	}
	if cfg.ClientID == 0 {
		cfg.ClientID = 1
	}
	if cfg.RetryDelays == nil {
		cfg.RetryDelays = []time.Duration{10 * time.Second, 20 * time.Second}
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return cfg
}
