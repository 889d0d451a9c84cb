package simzendesk

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func names(a answer, key string) string {
	var out []string
	list, _ := a.at(key).([]any)
	for i := range list {
		name, _ := a.at(key, i, "name").(string)
		out = append(out, name)
	}
	return strings.Join(out, " ")
}

func TestUsers(t *testing.T) {
	b := newBench(t, Config{})
	other := b.acme.AddGroup(Group{Name: "Other"})
	ann := b.agent("ann")
	b.agent("light", func(u *User) { u.RoleType = new(LightAgent); u.Groups = []int64{other.ID} })
	b.agent("left", func(u *User) { u.Inactive = true })
	vera := b.acme.AddUser(User{Name: "Vera Ann", Email: "Vera@example.com", OtherEmails: []string{"v.two@Example.com"}, ExternalID: "X1"})
	for path, want := range map[string]string{
		"/api/v2/users": "Admin ann light Vera Ann",
		"/api/v2/users?role[]=agent&role[]=admin&page[size]=100": "Admin ann light",
		"/api/v2/users?role=end-user":                            "Vera Ann",
		"/api/v2/users/search?query=ann":                         "ann Vera Ann",
		"/api/v2/users/search?query=email:ann@acme.example":      "ann",
		"/api/v2/users/search?query=EXAMPLE":                     "Admin ann light Vera Ann",
		"/api/v2/users/search?query=v.two@example.com":           "Vera Ann",
		"/api/v2/users/search?query=%22vera+ann%22":              "Vera Ann",
		"/api/v2/users/search?query=role:agent+name:li":          "light",
		"/api/v2/users/search?query=external_id:x1":              "Vera Ann",
		"/api/v2/users/search?query=shoe:44":                     "",
		"/api/v2/users/search?external_id=x1":                    "Vera Ann",
		"/api/v2/users/search?external_id=nobody":                "",
		fmt.Sprintf("/api/v2/users/show_many?ids=%d,1", ann.ID):  "ann",
		"/api/v2/users/show_many?external_ids=X1":                "Vera Ann",
		fmt.Sprintf("/api/v2/groups/%d/users", other.ID):         "light",
	} {
		if got := names(b.do("GET", path, "").want(t, 200), "users"); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	a := b.do("GET", fmt.Sprintf("/api/v2/users/%d", vera.ID), "").want(t, 200)
	for key, want := range map[string]string{"email": `"vera@example.com"`, "role": `"end-user"`, "role_type": "null", "active": "true", "suspended": "false", "ticket_restriction": `"requested"`} {
		wantJSON(t, a.at("user", key), want)
	}
	for _, path := range []string{"/api/v2/users/5", "/api/v2/groups/5/users"} {
		b.do("GET", path, "").want(t, 404)
	}
	for _, key := range []string{"ids", "external_ids"} {
		b.do("GET", "/api/v2/users/show_many?"+key+"="+strings.Repeat("1,", 101), "").want(t, 400)
	}
	if got := names(b.do("GET", "/api/v2/groups", "").want(t, 200), "groups"); got != "Support Other" {
		t.Errorf("groups %q", got)
	}
	all := b.do("GET", "/api/v2/group_memberships", "").want(t, 200)
	assignable := b.do("GET", "/api/v2/group_memberships/assignable?page[size]=100", "").want(t, 200)
	if all.id("count") != 3 || len(assignable.at("group_memberships").([]any)) != 2 || assignable.id("group_memberships", 1, "user_id") != ann.ID {
		t.Errorf("memberships %s %s", all.raw, assignable.raw)
	}
	if len(b.acme.Groups()) != 2 {
		t.Error("Groups")
	}
}

func TestIndexLag(t *testing.T) {
	b := newBench(t, Config{IndexLag: time.Minute})
	b.create(`"subject":"S","external_id":"e","comment":{"body":"x"},"requester":{"name":"Neo","email":"neo@example.com"}`).want(t, 201)
	counts := func(want string) {
		t.Helper()
		wantJSON(t, b.do("GET", "/api/v2/users/search?query=neo@example.com", "").at("count"), want)
		wantJSON(t, b.do("GET", "/api/v2/search?query=external_id:e+type:ticket", "").at("count"), want)
	}
	counts("0")
	wantJSON(t, b.do("GET", "/api/v2/tickets?external_id=e", "").at("count"), "1")
	b.clock.move(time.Minute)
	counts("1")
}

func TestCreateOrUpdateUser(t *testing.T) {
	b := newBench(t, Config{})
	post := func(in string) answer {
		return b.do("POST", "/api/v2/users/create_or_update", `{"user":{`+in+`}}`)
	}
	first := post(`"name":"Neo","email":"Neo@Example.com","external_id":"n1"`).want(t, 201)
	again := post(`"name":"Neo B","email":"neo@example.com","external_id":"N1","locale":"fr","verified":true`).want(t, 200)
	if first.id("user", "id") != again.id("user", "id") || again.at("user", "name") != "Neo B" || again.at("user", "external_id") != "N1" || again.at("user", "locale") != "fr" {
		t.Errorf("%s", again.raw)
	}
	// By external id, another address is added to those that are there.
	post(`"external_id":"n1","email":"second@example.com"`).want(t, 200)
	if a := b.create(plain+`,"requester":"second@example.com"`).want(t, 201); a.id("ticket", "requester_id") != first.id("user", "id") {
		t.Error("the second address is not known")
	}
	for in, want := range map[string]string{
		`"email":"x@example.com"`:                   `{"name":[{"description":"Name: Name:  is too short (minimum is 1 character)"}]}`,
		`"name":"X","email":"x@"`:                   `{"email":[{"description":"Email: x@ is not properly formatted","error":"InvalidFormat"}]}`,
		`"name":"` + strings.Repeat("n", 256) + `"`: `{"name":[{"description":"Name: is too long"}]}`,
	} {
		wantJSON(t, post(in).want(t, 422).at("details"), want)
	}
	b.do("POST", "/api/v2/users/create_or_update", `{}`).want(t, 400)
}

func TestSearch(t *testing.T) {
	b := newBench(t, Config{})
	b.create(`"subject":"Blue shoe","external_id":"iadvize:1","tags":["x"],"type":"question","comment":{"body":"where"}`).want(t, 201)
	b.create(`"subject":"Red hat","external_id":"iadvize:2","comment":{"body":"shoe too"}`).want(t, 201)
	for query, want := range map[string]int64{
		"type:ticket external_id:iadvize:1": 1, `type:ticket external_id:"iadvize:1"`: 1, "external_id:iadvize:3": 0, "type:ticket shoe": 2,
		"type:ticket status:new": 2, "tags:x type:ticket": 1, "subject:hat": 1, "type:question": 1, "type:user role:admin": 1,
		"type:ticket nothing:x": 0, "type:ticket 2": 1,
	} {
		a := b.do("GET", "/api/v2/search?query="+strings.NewReplacer(" ", "+", `"`, "%22").Replace(query), "").want(t, 200)
		if a.id("count") != want {
			t.Errorf("%s: %d, want %d", query, a.id("count"), want)
		}
	}
	wantJSON(t, b.do("GET", "/api/v2/search?query=hat", "").at("results", 0, "result_type"), `"ticket"`)
	b.do("GET", "/api/v2/search?query=hat&page[size]=3", "").want(t, 400)
	b.do("GET", "/api/v2/search?query=hat&page=11", "").want(t, 422)
}
