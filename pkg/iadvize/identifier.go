package iadvize

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
)

// Number is an integer id that iAdvize writes as a number or as a string.
type Number int64

var errNumber = errors.New("expected an integer id, as a number or as a string")

// UnmarshalJSON reads 12, "12" and null (0).
func (n *Number) UnmarshalJSON(raw []byte) error {
	text := strings.TrimSpace(strings.Trim(strings.TrimSpace(string(raw)), `"`))
	if text == "null" || text == "" {
		*n = 0
		return nil
	}
	v, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return errNumber
	}
	*n = Number(v)
	return nil
}

// Numbers is a list of ids; a single id counts as a list of one, as webhooks of 2019 wrote it.
type Numbers []Number

// UnmarshalJSON reads a list, a single id and null.
func (n *Numbers) UnmarshalJSON(raw []byte) error {
	if strings.HasPrefix(strings.TrimSpace(string(raw)), "[") {
		return json.Unmarshal(raw, (*[]Number)(n))
	}
	var one Number
	if err := one.UnmarshalJSON(raw); err != nil {
		return err
	}
	*n = nil
	if one != 0 {
		*n = Numbers{one}
	}
	return nil
}

// Text is an id that iAdvize writes as a string or, in older events, as a number.
type Text string

// UnmarshalJSON reads "a", 12 and null ("").
func (t *Text) UnmarshalJSON(raw []byte) error {
	var s string
	if err := json.Unmarshal(raw, &s); err == nil {
		*t = Text(s)
		return nil
	}
	var number json.Number
	if err := json.Unmarshal(raw, &number); err != nil {
		return errors.New("expected an id, as a string or as a number")
	}
	*t = Text(number.String())
	return nil
}
