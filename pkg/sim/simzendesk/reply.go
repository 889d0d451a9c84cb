package simzendesk

import (
	"encoding/json"
	"maps"
	"net/http"
	"strconv"
)

// reply is a whole answer, ready to be written or kept.
type reply struct {
	Status int               `json:"status"`
	Header map[string]string `json:"header,omitempty"`
	Body   []byte            `json:"body,omitempty"`
}

// object is a JSON object.
type object = map[string]any

func jsonReply(status int, body any) reply {
	b, err := json.Marshal(body)
	if err != nil {
		return reply{Status: http.StatusInternalServerError}
	}
	return reply{status, map[string]string{"Content-Type": "application/json; charset=utf-8"}, b}
}

func textReply(status int, text string) reply {
	return reply{status, map[string]string{"Content-Type": "text/plain; charset=utf-8"}, []byte(text)}
}

func htmlReply(status int, title string) reply {
	return reply{status, map[string]string{"Content-Type": "text/html; charset=utf-8"},
		[]byte("<!DOCTYPE html><html><head><title>" + title + "</title></head><body><h1>" + title + "</h1></body></html>\n")}
}

// errorReply is the commonest family of error bodies.
func errorReply(status int, code, description string) reply {
	return jsonReply(status, object{"error": code, "description": description})
}

// errorsReply is the family of error bodies that newer endpoints have.
func errorsReply(status int, code, title, detail string) reply {
	return jsonReply(status, object{"errors": []object{{"code": code, "title": title, "detail": detail}}})
}

func forbidden() reply {
	return jsonReply(http.StatusForbidden, object{"error": object{
		"title": "Forbidden", "message": "You do not have access to this page. Please contact the account owner of this help desk for further help.",
	}})
}

func notFound() reply {
	return errorReply(http.StatusNotFound, "RecordNotFound", "Not found")
}

func invalidEndpoint() reply {
	return errorReply(http.StatusNotFound, "InvalidEndpoint", "Not found")
}

func (r *reply) set(key, value string) {
	// The header may be shared with a reply that is kept: it is never changed in place.
	header := make(map[string]string, len(r.Header)+1)
	maps.Copy(header, r.Header)
	header[key] = value
	r.Header = header
}

func (r reply) writeHeader(w http.ResponseWriter, length int) {
	for k, v := range r.Header {
		w.Header().Set(k, v)
	}
	w.Header().Set("Content-Length", strconv.Itoa(length))
	w.WriteHeader(r.Status)
}

func (r reply) write(w http.ResponseWriter) {
	r.writeHeader(w, len(r.Body))
	// The status is sent: a client that went away meanwhile is all that can go wrong.
	_, _ = w.Write(r.Body)
}
