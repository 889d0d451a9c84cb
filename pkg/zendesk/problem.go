package zendesk

import (
	"encoding/json"
	"slices"
)

type detailEntry struct {
	Description string `json:"description"`
	Error       string `json:"error"`
	FieldID     int64  `json:"ticket_field_id"`
	FieldType   string `json:"ticket_field_type"`
}

// readProblem reads the envelopes that Zendesk uses: {"error":"Code",…,"details":{…}}, {"error":{"title",…}},
// {"errors":[{"code",…}]}, plain text and HTML. What it does not know gives the zero problem.
func readProblem(body []byte) problem {
	var envelope struct {
		Error   json.RawMessage            `json:"error"`
		Details map[string]json.RawMessage `json:"details"`
		Errors  []struct {
			Code string `json:"code"`
		} `json:"errors"`
	}
	var p problem
	if json.Unmarshal(body, &envelope) != nil {
		// The details may be of a form that is not known; the code is worth having all the same.
		var code struct {
			Error string `json:"error"`
		}
		_ = json.Unmarshal(body, &code)
		p.code = code.Error
		return p
	}
	var titled struct {
		Title string `json:"title"`
	}
	if json.Unmarshal(envelope.Error, &p.code) != nil && json.Unmarshal(envelope.Error, &titled) == nil {
		p.code = titled.Title
	}
	if p.code == "" && len(envelope.Errors) > 0 {
		p.code = envelope.Errors[0].Code
	}
	keys := make([]string, 0, len(envelope.Details))
	for key := range envelope.Details {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		var entries []detailEntry
		if json.Unmarshal(envelope.Details[key], &entries) != nil {
			entries = []detailEntry{{}}
		}
		for _, e := range entries {
			p.add(key, e)
		}
	}
	return p
}
