package simiadvize

import (
	"bytes"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
)

// maxDepth is how deep a query may be nested.
const maxDepth = 30

var operationName = regexp.MustCompile(`(?m)^\s*(?:query|mutation|subscription)\s+(\w+)`)

func (s *Server) serveGraphQL(w http.ResponseWriter, r *http.Request, body []byte) {
	s.count(func(c *Requests) { c.GraphQL++ })
	if !s.tokens.accept(r) {
		s.count(func(c *Requests) { c.Unauthorized++ })
		refuseToken(w)
		return
	}
	var query struct {
		Query         string         `json:"query"`
		OperationName string         `json:"operationName"`
		Variables     map[string]any `json:"variables"`
	}
	numbers := json.NewDecoder(bytes.NewReader(body))
	numbers.UseNumber() // an id above 2^53 must arrive as it was sent
	if err := numbers.Decode(&query); err != nil || query.Query == "" {
		answer(w, http.StatusBadRequest, graphqlErrors("the body is not a GraphQL request in JSON"))
		return
	}
	s.countOperation(query.OperationName, query.Query)
	if s.cfg.OneConversation && strings.Count(query.Query, "conversation(") > 1 {
		answer(w, http.StatusBadRequest, graphqlErrors("the query is too complex"))
		return
	}
	schema := s.schemas["ha"]
	if strings.EqualFold(r.URL.Query().Get("platform"), "sd") {
		schema = s.schemas["sd"]
	}
	variables, _ := plainNumbers(query.Variables).(map[string]any)
	result := schema.Exec(r.Context(), query.Query, query.OperationName, variables)
	status := http.StatusOK
	if len(result.Errors) > 0 && (len(result.Data) == 0 || string(result.Data) == "{}") {
		// Not executed, because of the query or its arguments: iAdvize's clients see 400.
		status, result.Data = http.StatusBadRequest, nil
	}
	answer(w, status, result)
}

func graphqlErrors(message string) map[string]any {
	return map[string]any{"data": nil, "errors": []any{map[string]any{
		"message": message, "path": []any{}, "locations": []any{map[string]int{"line": 1, "column": 1}},
	}}}
}

func (s *Server) countOperation(name, query string) {
	if found := operationName.FindStringSubmatch(query); name == "" && found != nil {
		name = found[1]
	} else if name == "" {
		name = "anonymous"
	}
	s.count(func(c *Requests) {
		if _, known := c.Operations[name]; !known && len(c.Operations) >= 100 {
			name = "other"
		}
		c.Operations[name]++
	})
}

func (s *Server) countQuery(name string) {
	s.count(func(c *Requests) { c.Queries[name]++ })
}

// plainNumbers turns the decoder's numbers into what the engine knows: int32, int64 or float64.
func plainNumbers(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			v[k] = plainNumbers(v[k])
		}
	case []any:
		for i := range v {
			v[i] = plainNumbers(v[i])
		}
	case json.Number:
		if n, err := v.Int64(); err == nil {
			if int64(int32(n)) == n {
				return int32(n)
			}
			return n
		}
		f, err := v.Float64()
		if err != nil {
			return v.String()
		}
		return f
	}
	return v
}
