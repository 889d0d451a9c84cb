package simzendesk

import (
	"net/mail"
	"slices"
	"strings"
	"unicode/utf8"
)

// people are the requester and the submitter.
func (d *draft) people(in input) {
	switch {
	case in.number("requester_id") != 0:
		d.ticket.RequesterID = d.userID(in.number("requester_id"), "requester", "Requester")
	case in["requester"] != nil:
		d.requester(in["requester"])
	}
	if in["submitter_id"] != nil && d.old == nil {
		d.ticket.SubmitterID = d.userID(in.number("submitter_id"), "submitter", "Submitter")
	}
	u := d.a.users.get(d.ticket.RequesterID)
	if u != nil && u.Suspended && (d.old == nil || d.old.RequesterID != u.ID) {
		d.bad.add("requester", suspended, u.Name, "UserSuspended")
	}
}

// userID checks that there is such a user.
func (d *draft) userID(id int64, key, title string) int64 {
	if u := d.a.users.get(id); u == nil || u.Inactive {
		d.bad.add(key, invalidValue, title, "InvalidValue")
		return 0
	}
	return id
}

// requester reads the requester: an e-mail address, an id, or a person. One whose address is unknown becomes a user.
func (d *draft) requester(v any) {
	person := input{}
	switch v := v.(type) {
	case map[string]any:
		person = v
	default:
		text := textOf(v)
		if !strings.Contains(text, "@") {
			d.ticket.RequesterID = d.userID(input{"id": v}.number("id"), "requester", "Requester")
			return
		}
		person["email"] = text
	}
	email := strings.ToLower(strings.TrimSpace(person.text("email")))
	if u := d.a.userByEmail(email); u != nil {
		d.ticket.RequesterID = u.ID
		return
	}
	name := strings.TrimSpace(person.text("name"))
	switch {
	case email != "" && !validEmail(email):
		d.bad.add("requester", badEmail, email, "InvalidFormat")
	case name == "":
		d.bad.add("requester", tooShort, "Requester", "")
	case utf8.RuneCountInString(name) > 255:
		d.bad.add("requester", tooLong, "Requester", "")
	default:
		u := d.a.completeUser(User{ID: d.a.nextRunID(), Name: name, Email: email, Locale: person.text("locale"), ExternalID: person.text("external_id")})
		d.newUser = &u
		d.ticket.RequesterID = u.ID
	}
}

func validEmail(email string) bool {
	address, err := mail.ParseAddress(email)
	return err == nil && address.Address == email
}

// assignment reads the group and the assignee.
func (d *draft) assignment(in input) {
	t := &d.ticket
	groupGiven := in["group_id"] != nil
	if in.has("group_id") {
		t.GroupID = in.number("group_id")
		if g := d.a.groups.get(t.GroupID); t.GroupID != 0 && (g == nil || g.Deleted) {
			d.bad.add("group", invalidValue, "Group", "InvalidValue")
			return
		}
	}
	var assignee *User
	switch {
	case in["assignee_id"] != nil:
		assignee = d.a.users.get(in.number("assignee_id"))
	case in["assignee_email"] != nil:
		assignee = d.a.userByEmail(in.text("assignee_email"))
		if assignee == nil && d.a.switches().UnknownAssigneeEmail == IgnoreUnknown {
			return
		}
	case in.has("assignee_id"):
		t.AssigneeID = 0
		return
	default:
		// A ticket that moves to a group without its assignee loses the assignee.
		if u := d.a.users.get(t.AssigneeID); groupGiven && u != nil && !slices.Contains(u.Groups, t.GroupID) {
			t.AssigneeID = 0
		}
		return
	}
	member := assignee != nil && (t.GroupID == 0 || slices.Contains(assignee.Groups, t.GroupID))
	if assignee == nil || !assignee.assignable() {
		d.bad.add("assignee", invalidValue, "Assignee", "InvalidValue")
		if groupGiven && !member {
			d.bad.add("assignee", notInGroup, "Assignee", "")
		}
		return
	}
	if !member && groupGiven {
		d.bad.add("assignee", notInGroup, "Assignee", "")
		return
	}
	t.AssigneeID = assignee.ID
	if !member || t.GroupID == 0 {
		t.GroupID = assignee.DefaultGroupID
	}
}
