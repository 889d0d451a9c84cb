package simzendesk

import (
	"slices"
	"strings"
	"time"
)

// Roles of users.
const (
	RoleEndUser = "end-user"
	RoleAgent   = "agent"
	RoleAdmin   = "admin"
)

// Role types, for User.RoleType.
const (
	CustomAgent  = 0
	LightAgent   = 1
	ChatAgent    = 2
	Contributor  = 3
	AdminType    = 4
	BillingAdmin = 5
)

// User is an agent, an admin or an end user.
type User struct {
	ID          int64    `json:"id"` // 0 = the next one
	Name        string   `json:"name"`
	Email       string   `json:"email"`
	OtherEmails []string `json:"other_emails,omitempty"`
	Role        string   `json:"role"`                // "" = end-user
	RoleType    *int     `json:"role_type,omitempty"` // nil = none; LightAgent, …
	// CustomRoleID is the role of Enterprise accounts; 0 = none.
	CustomRoleID        int64  `json:"custom_role_id,omitempty"`
	ExternalID          string `json:"external_id,omitempty"`
	Locale              string `json:"locale,omitempty"` // "" = en-US
	Suspended           bool   `json:"suspended,omitempty"`
	Inactive            bool   `json:"inactive,omitempty"` // deleted
	Verified            bool   `json:"verified,omitempty"`
	OnlyPrivateComments bool   `json:"only_private_comments,omitempty"`
	// Groups of an agent; nil = the account's first group.
	Groups         []int64   `json:"groups,omitempty"`
	DefaultGroupID int64     `json:"default_group_id,omitempty"` // 0 = the first of Groups
	CreatedAt      time.Time `json:"created_at"`                 // zero = now
	UpdatedAt      time.Time `json:"updated_at"`
}

// Group is a group of agents.
type Group struct {
	ID        int64 // 0 = the next one
	Name      string
	Default   bool
	Deleted   bool
	CreatedAt time.Time // zero = now
}

func (u *User) agent() bool {
	return u.Role == RoleAgent || u.Role == RoleAdmin
}

func (u *User) light() bool {
	return u.RoleType != nil && *u.RoleType == LightAgent
}

// assignable: tickets can be assigned to agents alone, and not to light agents, suspended or deleted ones.
func (u *User) assignable() bool {
	return u.agent() && !u.light() && !u.Suspended && !u.Inactive
}

// AddUser adds a user, or replaces the one with its id, and returns it as stored. One that the journal brought stays.
func (a *AccountState) AddUser(u User) User {
	a.mu.Lock()
	defer a.mu.Unlock()
	if u.ID == 0 {
		u.ID = a.nextSetupID()
	}
	if old := a.users.get(u.ID); old != nil && a.fromJournal[u.ID] {
		return *old
	}
	a.putUser(a.completeUser(u))
	return *a.users.get(u.ID)
}

func (a *AccountState) completeUser(u User) User {
	u.Email = strings.ToLower(u.Email)
	if u.Role == "" {
		u.Role = RoleEndUser
	}
	if u.Locale == "" {
		u.Locale = "en-US"
	}
	if u.agent() && u.Groups == nil && len(a.groups.ids) > 0 {
		u.Groups = []int64{a.groups.ids[0]}
	}
	u.Groups = slices.Clone(u.Groups)
	if u.DefaultGroupID == 0 && len(u.Groups) > 0 {
		u.DefaultGroupID = u.Groups[0]
	}
	if u.CreatedAt.IsZero() {
		u.CreatedAt = a.now()
	}
	if u.UpdatedAt.IsZero() {
		u.UpdatedAt = u.CreatedAt
	}
	return u
}

func (a *AccountState) putUser(u User) {
	if old := a.users.get(u.ID); old != nil {
		for _, email := range old.emails() {
			delete(a.byEmail, email)
		}
		delete(a.byExternal, strings.ToLower(old.ExternalID))
	}
	a.users.put(u.ID, &u)
	for _, email := range u.emails() {
		a.byEmail[email] = u.ID
	}
	if u.ExternalID != "" {
		a.byExternal[strings.ToLower(u.ExternalID)] = u.ID
	}
}

// emails are all addresses, in lower case.
func (u *User) emails() []string {
	var out []string
	if u.Email != "" {
		out = append(out, u.Email)
	}
	for _, e := range u.OtherEmails {
		out = append(out, strings.ToLower(e))
	}
	return out
}

func (a *AccountState) userByEmail(email string) *User {
	id, found := a.byEmail[strings.ToLower(strings.TrimSpace(email))]
	if !found {
		return nil
	}
	return a.users.get(id)
}

// AddGroup adds a group, or replaces the one with its id, and returns it as stored.
func (a *AccountState) AddGroup(g Group) Group {
	a.mu.Lock()
	defer a.mu.Unlock()
	if g.ID == 0 {
		g.ID = a.nextSetupID()
	}
	if g.CreatedAt.IsZero() {
		g.CreatedAt = a.now()
	}
	a.groups.put(g.ID, &g)
	return g
}

// Users returns copies of all users by id.
func (a *AccountState) Users() []User {
	a.mu.Lock()
	defer a.mu.Unlock()
	return copies(&a.users)
}

// Groups returns all groups by id.
func (a *AccountState) Groups() []Group {
	a.mu.Lock()
	defer a.mu.Unlock()
	return copies(&a.groups)
}
