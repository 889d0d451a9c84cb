package simzendesk

import (
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"
)

// Users and groups: https://developer.zendesk.com/api-reference/ticketing/users/users/

func (c *call) userWire(u *User) any {
	return c.userObject(u)
}

func (c *call) userObject(u *User) object {
	out := object{
		"id": u.ID, "url": c.url("/api/v2/users/" + idText(u.ID)), "name": u.Name, "email": null(u.Email), "created_at": stamp(u.CreatedAt),
		"updated_at": stamp(u.UpdatedAt), "time_zone": "Paris", "iana_time_zone": "Europe/Paris", "phone": nil, "shared_phone_number": nil,
		"photo": nil, "locale_id": 1, "locale": u.Locale, "organization_id": nil, "role": u.Role, "verified": u.Verified,
		"external_id": null(u.ExternalID), "tags": []string{}, "alias": nil, "active": !u.Inactive, "shared": false, "shared_agent": false,
		"last_login_at": nil, "two_factor_auth_enabled": false, "signature": nil, "details": nil, "notes": nil, "role_type": nil,
		"custom_role_id": null(u.CustomRoleID), "moderator": u.agent(), "ticket_restriction": nil, "only_private_comments": u.OnlyPrivateComments || u.light(),
		"restricted_agent": !u.agent(), "suspended": u.Suspended, "chat_only": false, "default_group_id": null(u.DefaultGroupID),
		"report_csv": false, "user_fields": object{},
	}
	if u.RoleType != nil {
		out["role_type"] = *u.RoleType
	}
	if !u.agent() {
		out["ticket_restriction"] = "requested"
	}
	return out
}

func listUsers(c *call) reply {
	query := c.r.URL.Query()
	roles := slices.Concat(query["role[]"], query["role"])
	var list []*User
	for _, u := range c.a.users.all() {
		if !u.Inactive && (len(roles) == 0 || slices.Contains(roles, u.Role)) {
			list = append(list, u)
		}
	}
	return page(c, "users", list, c.userWire)
}

func showMe(c *call) reply {
	if c.user == nil {
		return jsonReply(http.StatusOK, object{"user": object{"id": nil, "name": "Anonymous user", "email": "invalid@example.com", "role": "end-user", "active": nil}})
	}
	return jsonReply(http.StatusOK, object{"user": c.userWire(c.user)})
}

func showUser(c *call) reply {
	u := c.a.users.get(input{"id": c.id}.number("id"))
	if u == nil {
		return notFound()
	}
	return jsonReply(http.StatusOK, object{"user": c.userWire(u)})
}

func showManyUsers(c *call) reply {
	ids, bad := c.ids("ids")
	if bad != nil {
		return *bad
	}
	external, bad := c.ids("external_ids")
	if bad != nil {
		return *bad
	}
	list := []any{}
	for _, id := range ids {
		if u := c.a.users.get(input{"id": id}.number("id")); u != nil {
			list = append(list, c.userWire(u))
		}
	}
	for _, id := range external {
		if u := c.a.users.get(c.a.byExternal[strings.ToLower(id)]); u != nil {
			list = append(list, c.userWire(u))
		}
	}
	return jsonReply(http.StatusOK, object{"users": list, "count": len(list), "next_page": nil, "previous_page": nil})
}

// searchUsers finds parts of names and addresses, and only who is in the index already. external_id is exact.
func searchUsers(c *call) reply {
	query := c.r.URL.Query()
	var list []*User
	if query.Has("external_id") {
		if u := c.a.users.get(c.a.byExternal[strings.ToLower(query.Get("external_id"))]); u != nil {
			list = append(list, u)
		}
	} else {
		list = c.matchingUsers(searchTerms(query.Get("query")))
	}
	return offsetPage(c, "users", list, c.userWire)
}

func (c *call) matchingUsers(terms []term) []*User {
	var list []*User
	for _, u := range c.a.users.all() {
		if !u.Inactive && c.now.Sub(u.CreatedAt) >= c.a.server.cfg.IndexLag &&
			!slices.ContainsFunc(terms, func(t term) bool { return !u.matches(t) }) {
			list = append(list, u)
		}
	}
	return list
}

func (u *User) matches(t term) bool {
	inEmail := slices.ContainsFunc(u.emails(), func(e string) bool { return strings.Contains(e, t.value) })
	switch t.key {
	case "type":
		return t.value == "user"
	case "role":
		return strings.EqualFold(u.Role, t.value)
	case "email", "user":
		return inEmail
	case "name":
		return strings.Contains(strings.ToLower(u.Name), t.value)
	case "external_id":
		return strings.EqualFold(u.ExternalID, t.value)
	case "":
		return inEmail || strings.Contains(strings.ToLower(u.Name), t.value)
	}
	return false
}

// upsertUser answers POST /users/create_or_update: an external id or an address that is known names the user.
func upsertUser(c *call) reply {
	in, bad := c.object("user")
	if bad != nil {
		return *bad
	}
	v := c.a.newInvalid()
	email := strings.ToLower(strings.TrimSpace(in.text("email")))
	if email != "" && !validEmail(email) {
		v.add("email", badEmail, email, "InvalidFormat")
	}
	old := c.a.users.get(c.a.byExternal[strings.ToLower(in.text("external_id"))])
	if old == nil {
		old = c.a.userByEmail(email)
	}
	u, status := User{Email: email, Role: RoleEndUser}, http.StatusCreated
	if old != nil {
		u, status = *old, http.StatusOK
		// An address given to someone who has another one becomes an additional one.
		if email != "" && !slices.Contains(u.emails(), email) {
			u.OtherEmails = append(slices.Clone(u.OtherEmails), email)
		}
	}
	if in.has("name") {
		u.Name = strings.TrimSpace(in.text("name"))
	}
	if s := in.text("external_id"); s != "" {
		u.ExternalID = s
	}
	if s := in.text("locale"); s != "" {
		u.Locale = s
	}
	u.Verified = u.Verified || in.flag("verified")
	switch {
	case u.Name == "":
		v.add("name", tooShort, "Name", "")
	case utf8.RuneCountInString(u.Name) > 255:
		v.add("name", tooLong, "Name", "")
	}
	if !v.empty() {
		return v.reply()
	}
	if old == nil {
		u.ID = c.a.nextRunID()
	}
	u.UpdatedAt = c.now
	u = c.a.completeUser(u)
	if err := c.a.store(entry{User: &u}); err != nil {
		return c.notStored(err)
	}
	return jsonReply(status, object{"user": c.userWire(&u)})
}

func (c *call) groupWire(g *Group) any {
	return object{"url": c.url("/api/v2/groups/" + idText(g.ID)), "id": g.ID, "name": g.Name, "description": "", "default": g.Default,
		"deleted": g.Deleted, "is_public": true, "created_at": stamp(g.CreatedAt), "updated_at": stamp(g.CreatedAt)}
}

func listGroups(c *call) reply {
	var list []*Group
	for _, g := range c.a.groups.all() {
		if !g.Deleted {
			list = append(list, g)
		}
	}
	return page(c, "groups", list, c.groupWire)
}

func listGroupUsers(c *call) reply {
	id := input{"id": c.id}.number("id")
	if c.a.groups.get(id) == nil {
		return notFound()
	}
	var list []*User
	for _, u := range c.a.users.all() {
		if u.agent() && !u.Inactive && slices.Contains(u.Groups, id) {
			list = append(list, u)
		}
	}
	return page(c, "users", list, c.userWire)
}

type membership struct {
	user  *User
	group *Group
}

// memberships are those of the users that pass. Their ids are made of their users' and their groups'.
func (c *call) memberships(pass func(*User) bool) reply {
	var list []membership
	for _, u := range c.a.users.all() {
		for _, id := range u.Groups {
			if g := c.a.groups.get(id); g != nil && !g.Deleted && u.agent() && pass(u) {
				list = append(list, membership{u, g})
			}
		}
	}
	return page(c, "group_memberships", list, func(m membership) any {
		id := m.user.ID*1000 + m.group.ID%1000
		return object{"url": c.url("/api/v2/group_memberships/" + idText(id)), "id": id, "user_id": m.user.ID, "group_id": m.group.ID,
			"default": m.user.DefaultGroupID == m.group.ID, "created_at": stamp(m.user.CreatedAt), "updated_at": stamp(m.user.UpdatedAt)}
	})
}

func listMemberships(c *call) reply {
	return c.memberships(func(u *User) bool { return !u.Inactive })
}

func listUserMemberships(c *call) reply {
	id := input{"id": c.id}.number("id")
	if c.a.users.get(id) == nil {
		return notFound()
	}
	return c.memberships(func(u *User) bool { return u.ID == id })
}

func listAssignableMemberships(c *call) reply {
	return c.memberships((*User).assignable)
}
