package cache

import "time"

type settings struct {
	now                               func() time.Time
	loadTimeout, retryAfter, patience time.Duration
}

// Option changes a setting of [New].
type Option func(*settings)

// Clock replaces [time.Now] where lifetimes are reckoned. The function must be safe for concurrent use.
func Clock(now func() time.Time) Option { return func(s *settings) { s.now = now } }

// LoadTimeout bounds one call of the source, whoever waits for it. The default is 10 s.
func LoadTimeout(d time.Duration) Option { return func(s *settings) { s.loadTimeout = d } }

// RetryAfter is how long a stale value is used before a source that failed is asked again. The default is 1 s.
func RetryAfter(d time.Duration) Option { return func(s *settings) { s.retryAfter = d } }

// StalePatience is how long a caller waits for the source while there is a stale value to fall back on. The default is 1 s.
func StalePatience(d time.Duration) Option { return func(s *settings) { s.patience = d } }
