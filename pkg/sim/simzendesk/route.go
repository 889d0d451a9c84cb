package simzendesk

import (
	"net/http"
	"strings"
)

// route is an endpoint of the API. A segment "{id}" of its pattern takes anything.
type route struct {
	method, pattern string
	scope           string // granular OAuth resource; "" = only plain read or write
	admin           bool   // admins only
	idempotent      bool   // minds Idempotency-Key
	limit           func(*call) (reply, bool)
	serve           func(*call) reply
}

const (
	tokenPattern        = "/oauth/tokens"
	currentTokenPattern = "/api/v2/oauth/tokens/current"
)

// routes are tried in this order: literal segments stand before {id}.
var routes = []route{
	{method: "POST", pattern: tokenPattern, serve: issueToken},
	{method: "GET", pattern: currentTokenPattern, serve: showCurrentToken},

	{method: "GET", pattern: "/api/v2/tickets", scope: "tickets", limit: limitTicketsIndex, serve: listTickets},
	{method: "POST", pattern: "/api/v2/tickets", scope: "tickets", limit: limitCreate, idempotent: true, serve: createTicket},
	{method: "GET", pattern: "/api/v2/tickets/show_many", scope: "tickets", serve: showManyTickets},
	{method: "POST", pattern: "/api/v2/tickets/create_many", scope: "tickets", serve: createManyTickets},
	{method: "PUT", pattern: "/api/v2/tickets/update_many", scope: "tickets", serve: updateManyTickets},
	{method: "GET", pattern: "/api/v2/tickets/{id}", scope: "tickets", serve: showTicket},
	{method: "PUT", pattern: "/api/v2/tickets/{id}", scope: "tickets", limit: limitUpdate, serve: updateTicket},
	{method: "GET", pattern: "/api/v2/tickets/{id}/comments", scope: "tickets", serve: listComments},
	{method: "GET", pattern: "/api/v2/tickets/{id}/audits", scope: "tickets", serve: listAudits},
	{method: "POST", pattern: "/api/v2/imports/tickets", scope: "tickets", admin: true, serve: importTicket},
	{method: "POST", pattern: "/api/v2/imports/tickets/create_many", scope: "tickets", admin: true, serve: importManyTickets},
	{method: "GET", pattern: "/api/v2/search", serve: search},

	{method: "GET", pattern: "/api/v2/job_statuses", serve: listJobs},
	{method: "GET", pattern: "/api/v2/job_statuses/show_many", serve: showManyJobs},
	{method: "GET", pattern: "/api/v2/job_statuses/{id}", serve: showJob},

	{method: "GET", pattern: "/api/v2/ticket_forms", serve: listForms},
	{method: "GET", pattern: "/api/v2/ticket_forms/show_many", serve: showManyForms},
	{method: "GET", pattern: "/api/v2/ticket_forms/{id}", serve: showForm},
	{method: "PUT", pattern: "/api/v2/ticket_forms/{id}", admin: true, serve: updateForm},
	{method: "GET", pattern: "/api/v2/ticket_form_statuses", serve: listFormStatuses},
	{method: "GET", pattern: "/api/v2/ticket_fields", limit: limitFieldsIndex, serve: listFields},
	{method: "POST", pattern: "/api/v2/ticket_fields", admin: true, serve: createField},
	{method: "GET", pattern: "/api/v2/ticket_fields/{id}", serve: showField},
	{method: "PUT", pattern: "/api/v2/ticket_fields/{id}", admin: true, serve: updateField},
	{method: "GET", pattern: "/api/v2/custom_statuses", serve: listCustomStatuses},
	{method: "GET", pattern: "/api/v2/brands", serve: listBrands},

	{method: "GET", pattern: "/api/v2/users", scope: "users", serve: listUsers},
	{method: "GET", pattern: "/api/v2/users/me", scope: "users", serve: showMe},
	{method: "GET", pattern: "/api/v2/users/search", scope: "users", serve: searchUsers},
	{method: "GET", pattern: "/api/v2/users/show_many", scope: "users", serve: showManyUsers},
	{method: "POST", pattern: "/api/v2/users/create_or_update", scope: "users", limit: limitUpsert, serve: upsertUser},
	{method: "GET", pattern: "/api/v2/users/{id}", scope: "users", serve: showUser},
	{method: "GET", pattern: "/api/v2/users/{id}/group_memberships", scope: "users", serve: listUserMemberships},
	{method: "GET", pattern: "/api/v2/groups", serve: listGroups},
	{method: "GET", pattern: "/api/v2/groups/{id}/users", serve: listGroupUsers},
	{method: "GET", pattern: "/api/v2/group_memberships", serve: listMemberships},
	{method: "GET", pattern: "/api/v2/group_memberships/assignable", serve: listAssignableMemberships},

	{method: "GET", pattern: "/api/v2/triggers", scope: "triggers", serve: listTriggers},
	{method: "GET", pattern: "/api/v2/triggers/active", scope: "triggers", serve: listActiveTriggers},
	{method: "GET", pattern: "/api/v2/automations", scope: "automations", serve: listAutomations},
	{method: "GET", pattern: "/api/v2/automations/active", scope: "automations", serve: listActiveAutomations},
}

// match finds the endpoint. The path may end in ".json". id is what stands for {id}.
func match(method, path string) (found *route, id string) {
	path = strings.TrimSuffix(path, ".json")
	for i := range routes {
		if routes[i].method != method {
			continue
		}
		if id, ok := matchPattern(routes[i].pattern, path); ok {
			return &routes[i], id
		}
	}
	return nil, ""
}

func matchPattern(pattern, path string) (id string, ok bool) {
	before, after, variable := strings.Cut(pattern, "{id}")
	if !variable {
		return "", pattern == path
	}
	rest, ok := strings.CutPrefix(path, before)
	if !ok {
		return "", false
	}
	id, ok = strings.CutSuffix(rest, after)
	return id, ok && id != "" && !strings.Contains(id, "/")
}

// name is how requests are counted. Methods that the API does not have are not told apart.
func (rt *route) name(method string) string {
	switch {
	case rt != nil:
		return rt.method + " " + rt.pattern
	case method == http.MethodGet || method == http.MethodPost || method == http.MethodPut || method == http.MethodDelete:
		return method + " other"
	}
	return "other"
}

func (rt *route) reads() bool {
	return rt.method == http.MethodGet
}
