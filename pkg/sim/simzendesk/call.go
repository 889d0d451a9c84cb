package simzendesk

import (
	"bytes"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	json "github.com/go-json-experiment/json/v1"
)

// call is a request to an account while it is worked on.
type call struct {
	a     *AccountState
	r     *http.Request
	path  string // without the account's name
	route *route // nil: no such endpoint
	id    string // what stands for {id}
	body  []byte
	fault *Fault // that this request meets; nil = none
	delay time.Duration

	user   *User    // nil: nobody, which only /users/me allows
	scopes []string // of an OAuth token; nil without one
	now    time.Time
	idem   *idemKey
	limits map[string]string // headers for the answer
}

// serve answers a request, or fails as a fault says.
func (a *AccountState) serve(w http.ResponseWriter, r *http.Request, path string, body []byte) {
	c := &call{a: a, r: r, path: path, body: body, delay: a.server.cfg.Latency, limits: map[string]string{}}
	c.route, c.id = match(r.Method, path)
	a.count(c.route.name(r.Method))
	if fault, found := a.faults.pick(c); found {
		c.fault = &fault
		c.fail(w)
		return
	}
	c.write(w, c.answer())
}

// write sends the answer with the headers that all answers have.
func (c *call) write(w http.ResponseWriter, r reply) {
	c.head(w)
	r.write(w)
}

func (c *call) head(w http.ResponseWriter) {
	h := w.Header()
	h.Set("x-request-id", requestID())
	h.Set("x-zendesk-api-version", "v2")
	h.Set("X-Zendesk-Zorg", "yes")
	for k, v := range c.limits {
		h.Set(k, v)
	}
}

// answer is the right answer.
func (c *call) answer() reply {
	if c.route == nil {
		return invalidEndpoint()
	}
	if c.route.pattern == tokenPattern {
		return c.work()
	}
	if refused, ok := c.authenticate(); !ok {
		return refused
	}
	if refused, ok := c.limitAccount(); !ok {
		return refused
	}
	if c.user != nil && !c.user.agent() {
		return forbidden()
	}
	if c.route.admin && c.user.Role != RoleAdmin {
		return forbidden()
	}
	if c.route.limit != nil {
		if refused, ok := c.route.limit(c); !ok {
			return refused
		}
	}
	if key := c.r.Header.Get("Idempotency-Key"); key != "" && c.route.idempotent {
		return c.idempotent(key)
	}
	return c.work()
}

// work lets the time of the work pass and does it.
func (c *call) work() reply {
	if !c.a.server.pause(c.r.Context(), c.delay) {
		return reply{Status: http.StatusServiceUnavailable}
	}
	c.a.mu.Lock()
	defer c.a.mu.Unlock()
	return c.workLocked()
}

func (c *call) workLocked() reply {
	c.now = c.a.now()
	c.a.advanceJobs(c.now)
	return c.route.serve(c)
}

// input is a JSON object of a request. Zendesk is permissive: numbers may be strings and the other way round.
type input map[string]any

// object reads the object that stands under a key in the body. The reply says what is wrong with it.
func (c *call) object(key string) (input, *reply) {
	var body map[string]any
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	in, ok := body[key].(map[string]any)
	if !ok {
		r := jsonReply(http.StatusBadRequest, object{"error": object{
			"title": "Invalid attribute", "message": "You passed an invalid value for the " + key + " attribute. Invalid parameter: " + key + " must be an object",
		}})
		return nil, &r
	}
	return in, nil
}

func (c *call) decode(into any) *reply {
	d := json.NewDecoder(bytes.NewReader(c.body))
	d.UseNumber()
	if err := d.Decode(into); err != nil {
		r := errorReply(http.StatusBadRequest, "InvalidJSON", "The request body is not valid JSON")
		return &r
	}
	return nil
}

func (in input) has(key string) bool {
	_, ok := in[key]
	return ok
}

// text is the value as text, "" for null and for what has no text.
func (in input) text(key string) string {
	return textOf(in[key])
}

// number is the value as an id, 0 for null and for what is not one.
func (in input) number(key string) int64 {
	n, err := strconv.ParseInt(textOf(in[key]), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

func (in input) flag(key string) bool {
	return textOf(in[key]) == "true"
}

func (in input) list(key string) []any {
	l, _ := in[key].([]any)
	return l
}

func textOf(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case int:
		return strconv.Itoa(v)
	case int64:
		return strconv.FormatInt(v, 10)
	}
	return ""
}

// address is the client's, without the port.
func (c *call) address() string {
	host, _, err := net.SplitHostPort(c.r.RemoteAddr)
	if err != nil {
		return c.r.RemoteAddr
	}
	return host
}

// ids reads a comma-separated query parameter. More than a hundred values are refused.
func (c *call) ids(key string) ([]string, *reply) {
	values := strings.FieldsFunc(c.r.URL.Query().Get(key), func(r rune) bool { return r == ',' || r == ' ' })
	if len(values) > maxPage {
		r := tooManyValues("Parameter " + key + " cannot specify more than 100 values")
		return nil, &r
	}
	return values, nil
}

func tooManyValues(description string) reply {
	return jsonReply(http.StatusBadRequest, object{"error": "TooManyValues", "description": description, "max_count": maxPage})
}

// url is the address of a record, as answers show it.
func (c *call) url(path string) string {
	return c.a.urls(c.r.Host)(path)
}
