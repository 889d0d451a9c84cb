package simzendesk

import (
	"fmt"
	"testing"
)

func TestFieldsOfANewAccount(t *testing.T) {
	b := newBench(t, Config{})
	a := b.do("GET", "/api/v2/ticket_fields.json", "").want(t, 200)
	want := []string{"subject", "description", "status", "tickettype", "priority", "group", "assignee"}
	for i, kind := range want {
		if a.at("ticket_fields", i, "type") != kind || a.at("ticket_fields", i, "required") != (kind == "assignee") ||
			a.at("ticket_fields", i, "required_in_portal") != (i < 2) {
			t.Errorf("field %d: %v", i, a.at("ticket_fields", i))
		}
	}
	wantJSON(t, a.at("count"), "7")
	wantJSON(t, a.at("ticket_fields", 4, "system_field_options", 0), `{"name":"Low","value":"low"}`)
	wantJSON(t, a.at("ticket_fields", 3, "removable"), "true")
	a = b.do("GET", "/api/v2/ticket_fields?page[size]=5", "").want(t, 200)
	if len(a.at("ticket_fields").([]any)) != 5 || a.at("meta", "has_more") != true {
		t.Errorf("%.200s", a.raw)
	}
}

func TestCreateAndChangeField(t *testing.T) {
	b := newBench(t, Config{})
	a := b.do("POST", "/api/v2/ticket_fields", `{"ticket_field":{"type":"tagger","title":"Reason","required":true,"description":"d","custom_field_options":[{"name":"A","value":"a","default":true},{"name":"B","value":"b","allow_solving":false},1]}}`).want(t, 201)
	id := a.id("ticket_field", "id")
	wantJSON(t, a.at("ticket_field", "custom_field_options", 1, "allow_solving"), "false")
	wantJSON(t, a.at("ticket_field", "position"), "8")
	option := a.id("ticket_field", "custom_field_options", 0, "id")
	form := b.do("GET", "/api/v2/ticket_forms", "").want(t, 200)
	if ids := form.at("ticket_forms", 0, "ticket_field_ids").([]any); int64(ids[len(ids)-1].(float64)) != id {
		t.Errorf("the field is not on the default form: %v", ids)
	}
	path := fmt.Sprintf("/api/v2/ticket_fields/%d", id)
	a = b.do("PUT", path, `{"ticket_field":{"required":false,"active":false,"position":3,"custom_field_options":[{"name":"C","value":"c"},{"name":"AA","value":"a"}]}}`).want(t, 200)
	if a.id("ticket_field", "custom_field_options", 1, "id") != option || a.at("ticket_field", "title") != "Reason" || a.at("ticket_field", "active") != false {
		t.Errorf("%s", a.raw)
	}
	wantJSON(t, b.do("GET", path, "").want(t, 200).at("ticket_field", "required"), "false")
	for in, want := range map[string]string{
		`"type":"tagger","title":"T"`: `{"field_options":[{"description":"Field options: must contain at least one option","error":"EmptyValue"}]}`,
		`"type":"text"`:               `{"title":[{"description":"Title: cannot be blank","error":"BlankValue"}]}`,
		`"type":"car","title":"T"`:    `{"type":[{"description":"Type: is invalid","error":"InvalidValue"}]}`,
	} {
		wantJSON(t, b.do("POST", "/api/v2/ticket_fields", `{"ticket_field":{`+in+`}}`).want(t, 422).at("details"), want)
	}
	b.do("POST", "/api/v2/ticket_fields", `{}`).want(t, 400)
	b.do("PUT", path, `{}`).want(t, 400)
	b.do("PUT", "/api/v2/ticket_fields/5", `{"ticket_field":{}}`).want(t, 404)
	b.do("GET", "/api/v2/ticket_fields/5", "").want(t, 404)
	lookup := b.do("POST", "/api/v2/ticket_fields", `{"ticket_field":{"type":"lookup","title":"L","relationship_target_type":"zen:user"}}`).want(t, 201)
	wantJSON(t, lookup.at("ticket_field", "relationship_target_type"), `"zen:user"`)
}

func TestFormsBrandsAndStatuses(t *testing.T) {
	b := newBench(t, Config{})
	text := b.acme.AddField(Field{Type: "text", Title: "T", OffForm: true})
	brand := b.acme.AddBrand(Brand{Name: "Second", Default: true})
	form := b.acme.AddForm(Form{Name: "Returns", Default: true, FieldIDs: []int64{text.ID, 5}, RestrictedBrands: []int64{brand.ID}})
	b.acme.AddForm(Form{Name: "Old", Inactive: true})
	a := b.do("GET", "/api/v2/ticket_forms?active=true", "").want(t, 200)
	if got := names(a, "ticket_forms"); got != "Default Ticket Form Returns" {
		t.Errorf("forms %q", got)
	}
	wantJSON(t, a.at("ticket_forms", 0, "default"), "false")
	wantJSON(t, a.at("ticket_forms", 1, "in_all_brands"), "false")
	if ids := a.at("ticket_forms", 1, "ticket_field_ids").([]any); len(ids) != 7 {
		t.Errorf("system fields are missing: %v", ids)
	}
	wantJSON(t, b.do("GET", "/api/v2/ticket_forms?end_user_visible=true", "").at("count"), "1")
	one := b.do("GET", fmt.Sprintf("/api/v2/ticket_forms/%d", form.ID), "").want(t, 200)
	wantJSON(t, one.at("ticket_form", "agent_conditions"), "[]")
	b.do("GET", "/api/v2/ticket_forms/5", "").want(t, 404)
	wantJSON(t, b.do("GET", fmt.Sprintf("/api/v2/ticket_forms/show_many?ids=%d,5", form.ID), "").want(t, 200).at("count"), "1")
	b.do("GET", "/api/v2/ticket_forms/show_many?ids=1,2,3,4,5,6,7,8,9,1,2,3,4,5,6,7,8,9,1,2,3,4,5,6,7,8,9,1,2,3,4,5,6,7,8,9,1,2,3,4,5,6,7,8,9,1,2,3,4,5,6,7,8,9,1,2,3,4,5,6,7,8,9,1,2,3,4,5,6,7,8,9,1,2,3,4,5,6,7,8,9,1,2,3,4,5,6,7,8,9,1,2,3,4,5,6,7,8,9,1,2,3", "").want(t, 400)

	ticket := b.create(plain).want(t, 201)
	if ticket.id("ticket", "ticket_form_id") != form.ID || ticket.id("ticket", "brand_id") != brand.ID {
		t.Error("the defaults are not filled in")
	}
	brands := b.do("GET", "/api/v2/brands", "").want(t, 200)
	if got := names(brands, "brands"); got != "acme Second" || brands.at("brands", 0, "default") != false {
		t.Errorf("brands %s", brands.raw)
	}
	wantJSON(t, b.do("GET", "/api/v2/custom_statuses", "").want(t, 200).at("custom_statuses", 4, "status_category"), `"solved"`)
	// Nothing fits: the default form, if it is asked for.
	form.EndUserVisible, form.Inactive = false, false
	b.acme.AddForm(form)
	first := b.acme.Forms()[0]
	first.EndUserVisible = false
	b.acme.AddForm(first)
	wantJSON(t, b.do("GET", "/api/v2/ticket_forms?end_user_visible=true&fallback_to_default=true", "").at("count"), "1")
}

func TestSetUpIsReplacedByID(t *testing.T) {
	b := newBench(t, Config{})
	f := b.acme.AddField(Field{ID: 360000000010, Type: "text", Title: "One"})
	f.Title = "Two"
	b.acme.AddField(f)
	if all := b.acme.Fields(); len(all) != 8 || all[7].Title != "Two" || all[7].ID != 360000000010 {
		t.Errorf("%+v", all)
	}
	u := b.acme.AddUser(User{Name: "A", Email: "a@example.com", ExternalID: "x"})
	u.Email, u.ExternalID = "b@example.com", ""
	b.acme.AddUser(u)
	if len(b.acme.byEmail) != 2 || len(b.acme.byExternal) != 0 {
		t.Errorf("%v %v", b.acme.byEmail, b.acme.byExternal)
	}
	if again := b.sim.AddAccount(acme()); again != b.acme {
		t.Error("the account was made twice")
	}
}

func TestUpdateForm(t *testing.T) {
	b := newBench(t, Config{Switches: Switches{NewFieldsOffForms: true}})
	field := b.do("POST", "/api/v2/ticket_fields", `{"ticket_field":{"type":"text","title":"T","agent_description":"for agents"}}`).want(t, 201)
	id := field.id("ticket_field", "id")
	wantJSON(t, field.at("ticket_field", "agent_description"), `"for agents"`)
	form := b.acme.Forms()[0]
	if len(form.FieldIDs) != 7 {
		t.Fatalf("the new field is on a form: %v", form.FieldIDs)
	}
	path := fmt.Sprintf("/api/v2/ticket_forms/%d", form.ID)
	b.do("PUT", path, fmt.Sprintf(`{"ticket_form":{"ticket_field_ids":[%d,5],"name":"N","active":false}}`, id)).want(t, 200)
	form = b.acme.Forms()[0]
	// Type and priority are no system fields: they go. 5 is the id of no field.
	if len(form.FieldIDs) != 6 || form.FieldIDs[5] != id || form.Name != "N" || !form.Inactive {
		t.Errorf("form = %+v", form)
	}
	b.do("PUT", path, `{}`).want(t, 400)
	b.do("PUT", "/api/v2/ticket_forms/5", `{"ticket_form":{}}`).want(t, 404)
}

func TestATokenTellsItsScopes(t *testing.T) {
	b := newBench(t, Config{}, func(a *Account) { a.GrantedScopes = []string{"tickets:write"} })
	a := b.do("POST", "/oauth/tokens", `{"grant_type":"client_credentials","client_id":"passerelle","client_secret":"hush","scope":"read write"}`).want(t, 200)
	wantJSON(t, a.at("scope"), `"tickets:write"`)
	bearer := "Bearer " + a.at("access_token").(string)
	wantJSON(t, b.do("GET", "/api/v2/oauth/tokens/current", "", "Authorization", bearer).want(t, 200).at("token", "scopes"), `["tickets:write"]`)
	b.do("GET", "/api/v2/groups", "", "Authorization", bearer).want(t, 403)
	b.do("GET", "/api/v2/oauth/tokens/current", "").want(t, 404)
}
