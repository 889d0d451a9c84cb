package simzendesk

import (
	"net/http"
	"slices"
	"strings"
)

// maxResults is how many results /search gives: https://developer.zendesk.com/api-reference/ticketing/ticket-management/search/
const maxResults = 1000

// term is a part of a search query: key:value, or a value alone. Both are in lower case.
type term struct {
	key, value string
}

// searchTerms splits a query at spaces that are not in quotes.
func searchTerms(query string) []term {
	var terms []term
	quoted := false
	words := strings.FieldsFunc(strings.ToLower(query), func(r rune) bool {
		if r == '"' {
			quoted = !quoted
		}
		return r == ' ' && !quoted
	})
	for _, w := range words {
		key, value, keyed := strings.Cut(w, ":")
		if !keyed || strings.HasPrefix(w, `"`) {
			key, value = "", w
		}
		terms = append(terms, term{key, strings.Trim(value, `"`)})
	}
	return terms
}

// search finds tickets, archived ones included, and users. What is new is not in the index yet.
func search(c *call) reply {
	query := c.r.URL.Query()
	if query.Has("page[size]") {
		return errorsReply(http.StatusBadRequest, "InvalidPaginationParameter", "page[size] is not supported", "Search has offset pagination only")
	}
	terms := searchTerms(query.Get("query"))
	var results []any
	if !slices.Contains(terms, term{"type", "user"}) {
		for _, t := range c.a.tickets.all() {
			if c.now.Sub(t.CreatedAt) >= c.a.server.cfg.IndexLag && !slices.ContainsFunc(terms, func(w term) bool { return !t.matches(w) }) {
				r := c.ticketWire(t)
				r.ResultType = "ticket"
				results = append(results, r)
			}
		}
	}
	if !slices.Contains(terms, term{"type", "ticket"}) {
		for _, u := range c.matchingUsers(terms) {
			r := c.userObject(u)
			r["result_type"] = "user"
			results = append(results, r)
		}
	}
	number, size := c.offset()
	if number*size > maxResults {
		return errorReply(http.StatusUnprocessableEntity, "invalid", "Invalid search: Requested response size was greater than Search Response Limits")
	}
	body, from, to := c.offsetBody(len(results), number, size)
	body["results"], body["facets"] = orEmpty(results[from:to]), nil
	return jsonReply(http.StatusOK, body)
}

func (t *Ticket) matches(w term) bool {
	switch w.key {
	case "type":
		return w.value == "ticket" || w.value == t.Type
	case "external_id":
		return strings.EqualFold(t.ExternalID, w.value)
	case "status":
		return t.Status == w.value
	case "tags":
		return slices.Contains(t.Tags, w.value)
	case "subject":
		return strings.Contains(strings.ToLower(t.Subject), w.value)
	case "":
		return strings.Contains(strings.ToLower(t.Subject+" "+t.Description), w.value) || idText(t.ID) == w.value
	}
	return false
}
