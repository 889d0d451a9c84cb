package simzendesk

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strconv"
)

const (
	maxPage  = 100    // records
	maxDepth = 10_000 // records that offset paging reaches
)

// page answers with a part of a list: page[size] asks for cursor paging, everything else is offset paging. See
// https://developer.zendesk.com/api-reference/introduction/pagination/
func page[T any](c *call, key string, list []T, wire func(T) any) reply {
	if c.r.URL.Query().Has("page[size]") {
		return cursorPage(c, key, list, wire)
	}
	return offsetPage(c, key, list, wire)
}

func cursorPage[T any](c *call, key string, list []T, wire func(T) any) reply {
	query := c.r.URL.Query()
	size, err := strconv.Atoi(query.Get("page[size]"))
	if err != nil || size < 1 || size > maxPage {
		return errorsReply(http.StatusBadRequest, "InvalidPaginationParameter", "Invalid page[size]", "page[size] must be a number from 1 to 100")
	}
	from := 0
	switch {
	case query.Get("page[after]") != "":
		n, ok := readCursor(query.Get("page[after]"))
		if !ok {
			return badCursor()
		}
		from = n
	case query.Get("page[before]") != "":
		n, ok := readCursor(query.Get("page[before]"))
		if !ok {
			return badCursor()
		}
		from = max(0, n-1-size)
		size = max(0, min(size, n-1))
	}
	from = min(from, len(list))
	to := min(from+size, len(list))
	meta := object{"has_more": to < len(list), "after_cursor": nil, "before_cursor": nil}
	links := object{"next": nil, "prev": nil}
	if to > from {
		meta["after_cursor"], meta["before_cursor"] = cursor(to), cursor(from+1)
		if to < len(list) {
			links["next"] = c.pageURL("page[after]", cursor(to), "page[before]")
		}
		if from > 0 {
			links["prev"] = c.pageURL("page[before]", cursor(from+1), "page[after]")
		}
	}
	return jsonReply(http.StatusOK, object{key: wires(list[from:to], wire), "meta": meta, "links": links})
}

func badCursor() reply {
	return errorsReply(http.StatusBadRequest, "InvalidPaginationParameter", "Invalid cursor", "page[after] or page[before] is not a cursor of this list")
}

// A cursor is a position in a list that only grows at its end.
func cursor(n int) string {
	return base64.RawURLEncoding.EncodeToString([]byte("o" + strconv.Itoa(n)))
}

func readCursor(s string) (int, bool) {
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || len(b) < 2 || b[0] != 'o' {
		return 0, false
	}
	n, err := strconv.Atoi(string(b[1:]))
	return n, err == nil && n >= 0
}

func offsetPage[T any](c *call, key string, list []T, wire func(T) any) reply {
	number, size := c.offset()
	if number*size > maxDepth {
		return errorsReply(http.StatusBadRequest, "InvalidPaginationDepth", "Pagination requests using Offset Pagination are limited",
			"Offset pagination reaches 10,000 records. Use cursor pagination for more.")
	}
	body, from, to := c.offsetBody(len(list), number, size)
	body[key] = wires(list[from:to], wire)
	return jsonReply(http.StatusOK, body)
}

// offset reads page and per_page.
func (c *call) offset() (number, size int) {
	number, size = 1, maxPage
	if n, err := strconv.Atoi(c.r.URL.Query().Get("page")); err == nil && n > 0 {
		number = min(n, maxDepth+1)
	}
	if n, err := strconv.Atoi(c.r.URL.Query().Get("per_page")); err == nil && n > 0 {
		size = min(n, maxPage)
	}
	return number, size
}

func (c *call) offsetBody(length, number, size int) (body object, from, to int) {
	from = min((number-1)*size, length)
	to = min(from+size, length)
	body = object{"count": length, "next_page": nil, "previous_page": nil}
	if to < length {
		body["next_page"] = c.pageURL("page", strconv.Itoa(number+1), "")
	}
	if number > 1 {
		body["previous_page"] = c.pageURL("page", strconv.Itoa(number-1), "")
	}
	return body, from, to
}

func (c *call) pageURL(key, value, without string) string {
	query := url.Values{}
	for k, v := range c.r.URL.Query() {
		if k != without {
			query[k] = v
		}
	}
	query.Set(key, value)
	return c.url(c.path + "?" + query.Encode())
}

func wires[T any](list []T, wire func(T) any) []any {
	out := make([]any, len(list))
	for i, item := range list {
		out[i] = wire(item)
	}
	return out
}
