package simzendesk

import (
	"crypto/md5"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// What an account is set up with. Fields: https://developer.zendesk.com/api-reference/ticketing/tickets/ticket_fields/
// Forms: https://developer.zendesk.com/api-reference/ticketing/tickets/ticket_forms/

func (c *call) fieldWire(f *Field) any {
	out := object{
		"url": c.url("/api/v2/ticket_fields/" + idText(f.ID)), "id": f.ID, "type": f.Type, "title": f.Title, "raw_title": f.Title,
		"description": f.Description, "raw_description": f.Description, "position": f.Position, "active": !f.Inactive, "required": f.Required,
		"collapsed_for_agents": false, "regexp_for_validation": null(f.Regexp), "title_in_portal": f.Title, "raw_title_in_portal": f.Title,
		"visible_in_portal": f.VisibleInPortal, "editable_in_portal": f.EditableInPortal, "required_in_portal": f.RequiredInPortal,
		"tag": null(f.Tag), "created_at": stamp(f.CreatedAt), "updated_at": stamp(f.UpdatedAt), "removable": !f.System,
		"agent_description": null(f.AgentDescription), "key": nil, "agent_can_edit": true,
	}
	if f.Type == "tagger" || f.Type == "multiselect" {
		options := make([]object, len(f.Options))
		for i, o := range f.Options {
			options[i] = object{"id": o.ID, "name": o.Name, "raw_name": o.Name, "value": o.Value, "default": o.Default, "allow_solving": !o.NoSolving}
		}
		out["custom_field_options"] = options
	}
	if values, found := systemOptions[f.Type]; found {
		options := make([]object, len(values))
		for i, v := range values {
			options[i] = object{"name": v[0], "value": v[1]}
		}
		out["system_field_options"] = options
	}
	if f.Type == "lookup" {
		out["relationship_target_type"], out["relationship_filter"] = f.RelationshipTarget, object{"all": []any{}, "any": []any{}}
	}
	return out
}

// listFields gives all fields by position; with page[size] pages by id.
func listFields(c *call) reply {
	if c.r.URL.Query().Has("page[size]") {
		return cursorPage(c, "ticket_fields", c.a.fields.all(), c.fieldWire)
	}
	all := c.a.fieldsByPosition()
	return jsonReply(http.StatusOK, object{"ticket_fields": wires(all, c.fieldWire), "next_page": nil, "previous_page": nil, "count": len(all)})
}

func (c *call) field() *Field {
	return c.a.fields.get(input{"id": c.id}.number("id"))
}

func showField(c *call) reply {
	f := c.field()
	if f == nil {
		return notFound()
	}
	return jsonReply(http.StatusOK, object{"ticket_field": c.fieldWire(f)})
}

var customTypes = []string{"text", "textarea", "checkbox", "date", "integer", "decimal", "regexp", "partialcreditcard", "multiselect", "tagger", "lookup"}

func createField(c *call) reply {
	in, bad := c.object("ticket_field")
	if bad != nil {
		return *bad
	}
	v := c.a.newInvalid()
	f := Field{ID: c.a.nextRunID(), Type: in.text("type"), OffForm: c.a.switches().NewFieldsOffForms, CreatedAt: c.now}
	if !slices.Contains(customTypes, f.Type) {
		v.add("type", invalidValue, "Type", "InvalidValue")
	}
	return c.saveField(&f, in, v, http.StatusCreated)
}

func updateField(c *call) reply {
	in, bad := c.object("ticket_field")
	if bad != nil {
		return *bad
	}
	old := c.field()
	if old == nil {
		return notFound()
	}
	f := *old
	return c.saveField(&f, in, c.a.newInvalid(), http.StatusOK)
}

func (c *call) saveField(f *Field, in input, v *invalid, status int) reply {
	for key, at := range map[string]*string{"title": &f.Title, "description": &f.Description, "agent_description": &f.AgentDescription, "regexp_for_validation": &f.Regexp,
		"tag": &f.Tag, "relationship_target_type": &f.RelationshipTarget} {
		if in.has(key) {
			*at = in.text(key)
		}
	}
	for key, at := range map[string]*bool{"required": &f.Required, "required_in_portal": &f.RequiredInPortal,
		"visible_in_portal": &f.VisibleInPortal, "editable_in_portal": &f.EditableInPortal} {
		if in.has(key) {
			*at = in.flag(key)
		}
	}
	if in.has("active") {
		f.Inactive = !in.flag("active")
	}
	if n := in.number("position"); n > 0 {
		f.Position = int(n)
	}
	if strings.TrimSpace(f.Title) == "" {
		v.add("title", blank, "Title", "BlankValue")
	}
	if in.has("custom_field_options") {
		f.Options = c.options(f, in.list("custom_field_options"))
	}
	if (f.Type == "tagger" || f.Type == "multiselect") && len(f.Options) == 0 {
		v.add("field_options", noOption, "Field options", "EmptyValue")
	}
	if !v.empty() {
		return v.reply()
	}
	f.UpdatedAt = c.now
	done := c.a.completeField(*f)
	if err := c.a.store(entry{Field: &done}); err != nil {
		return c.notStored(err)
	}
	return jsonReply(status, object{"ticket_field": c.fieldWire(&done)})
}

// options replaces a field's options. Those whose value was there keep their id.
func (c *call) options(f *Field, list []any) []Option {
	var out []Option
	for _, item := range list {
		in, ok := item.(map[string]any)
		if !ok {
			continue
		}
		o := input(in)
		option := Option{ID: o.number("id"), Name: o.text("name"), Value: o.text("value"), Default: o.flag("default"),
			NoSolving: o.has("allow_solving") && !o.flag("allow_solving")}
		if old := f.option(option.Value); old != nil {
			option.ID = old.ID
		}
		if option.ID == 0 {
			option.ID = c.a.nextRunID()
		}
		out = append(out, option)
	}
	return out
}

func (c *call) formWire(f *Form) any {
	return object{
		"url": c.url("/api/v2/ticket_forms/" + idText(f.ID)), "id": f.ID, "name": f.Name, "raw_name": f.Name, "display_name": f.DisplayName,
		"raw_display_name": f.DisplayName, "end_user_visible": f.EndUserVisible, "position": 1, "ticket_field_ids": orEmpty(f.FieldIDs),
		"active": !f.Inactive, "default": f.Default, "in_all_brands": len(f.RestrictedBrands) == 0, "restricted_brand_ids": orEmpty(f.RestrictedBrands),
		"agent_conditions": orEmpty(f.AgentConditions), "end_user_conditions": orEmpty(f.EndUserConditions),
		"created_at": stamp(f.CreatedAt), "updated_at": stamp(f.CreatedAt), "deleted_at": nil,
	}
}

// listForms filters by active, end_user_visible and fallback_to_default.
func listForms(c *call) reply {
	query := c.r.URL.Query()
	var list []*Form
	for _, f := range c.a.forms.all() {
		if query.Get("active") == "true" && f.Inactive || query.Get("end_user_visible") == "true" && !f.EndUserVisible {
			continue
		}
		list = append(list, f)
	}
	if f := c.a.defaultForm(); len(list) == 0 && f != nil && query.Get("fallback_to_default") == "true" {
		list = append(list, f)
	}
	return page(c, "ticket_forms", list, c.formWire)
}

func showForm(c *call) reply {
	f := c.a.forms.get(input{"id": c.id}.number("id"))
	if f == nil {
		return notFound()
	}
	return jsonReply(http.StatusOK, object{"ticket_form": c.formWire(f)})
}

// updateForm changes a form's name, its fields and whether it is active. System fields stay on it.
func updateForm(c *call) reply {
	in, bad := c.object("ticket_form")
	if bad != nil {
		return *bad
	}
	old := c.a.forms.get(input{"id": c.id}.number("id"))
	if old == nil {
		return notFound()
	}
	f := *old
	if in.has("name") {
		f.Name = in.text("name")
	}
	if in.has("active") {
		f.Inactive = !in.flag("active")
	}
	if in.has("ticket_field_ids") {
		f.FieldIDs = []int64{}
		for _, v := range in.list("ticket_field_ids") {
			// Ids of no field are left out.
			if id := (input{"id": v}).number("id"); c.a.fields.get(id) != nil {
				f.FieldIDs = append(f.FieldIDs, id)
			}
		}
		f.FieldIDs = c.a.formFields(f.FieldIDs, false)
	}
	if err := c.a.store(entry{Form: &f}); err != nil {
		return c.notStored(err)
	}
	return jsonReply(http.StatusOK, object{"ticket_form": c.formWire(&f)})
}

func showManyForms(c *call) reply {
	ids, bad := c.ids("ids")
	if bad != nil {
		return *bad
	}
	list := []any{}
	for _, id := range ids {
		if f := c.a.forms.get(input{"id": id}.number("id")); f != nil {
			list = append(list, c.formWire(f))
		}
	}
	return jsonReply(http.StatusOK, object{"ticket_forms": list, "count": len(list), "next_page": nil, "previous_page": nil})
}

func formStatusID(n int64) string {
	return fmt.Sprintf("01%X", md5.Sum(fmt.Append(nil, n)))[:26]
}

func listFormStatuses(c *call) reply {
	if c.a.account.NoFormStatuses {
		return forbidden()
	}
	list := make([]object, len(c.a.formStatuses))
	for i, fs := range c.a.formStatuses {
		list[i] = object{"id": fs.id, "ticket_form_id": fs.formID, "custom_status_id": fs.statusID}
	}
	return jsonReply(http.StatusOK, object{"ticket_form_statuses": list})
}

func listCustomStatuses(c *call) reply {
	created := stamp(c.now)
	return jsonReply(http.StatusOK, object{"custom_statuses": wires(c.a.statuses.all(), func(s *CustomStatus) any {
		return object{"id": s.ID, "status_category": s.Category, "agent_label": s.AgentLabel, "raw_agent_label": s.AgentLabel,
			"end_user_label": s.AgentLabel, "raw_end_user_label": s.AgentLabel, "description": "", "raw_description": "",
			"end_user_description": "", "raw_end_user_description": "", "active": !s.Inactive, "default": s.Default,
			"created_at": created, "updated_at": created}
	})})
}

func listBrands(c *call) reply {
	return page(c, "brands", c.a.brands.all(), func(b *Brand) any {
		forms := []int64{}
		for _, f := range c.a.forms.all() {
			if len(f.RestrictedBrands) == 0 || slices.Contains(f.RestrictedBrands, b.ID) {
				forms = append(forms, f.ID)
			}
		}
		return object{"url": c.url("/api/v2/brands/" + idText(b.ID)), "id": b.ID, "name": b.Name, "brand_url": c.url(""), "subdomain": c.a.account.Name,
			"has_help_center": false, "help_center_state": "disabled", "active": !b.Inactive, "default": b.Default, "is_deleted": false,
			"logo": nil, "ticket_form_ids": forms, "signature_template": "{{agent.signature}}", "host_mapping": nil}
	})
}

// rule is what triggers and automations have in common.
func (c *call) rule(kind string, id int64, title string, inactive, standard bool, all, some []TriggerCondition, actions []Action, created string) object {
	return object{"url": c.url("/api/v2/" + kind + "/" + idText(id)), "id": id, "title": title, "raw_title": title, "active": !inactive,
		"default": standard, "description": nil, "conditions": object{"all": orEmpty(all), "any": orEmpty(some)}, "actions": orEmpty(actions),
		"created_at": created, "updated_at": created}
}

func triggersPage(c *call, pass func(*Trigger) bool) reply {
	list := slices.DeleteFunc(c.a.triggersByPosition(), func(t *Trigger) bool { return !pass(t) })
	return page(c, "triggers", list, func(t *Trigger) any {
		out := c.rule("triggers", t.ID, t.Title, t.Inactive, t.Default, t.All, t.Any, t.Actions, stamp(t.CreatedAt))
		out["position"], out["category_id"] = t.Position, nil
		return out
	})
}

func listTriggers(c *call) reply {
	active := c.r.URL.Query().Get("active")
	return triggersPage(c, func(t *Trigger) bool { return active == "" || (active == "true") == !t.Inactive })
}

func listActiveTriggers(c *call) reply {
	return triggersPage(c, func(t *Trigger) bool { return !t.Inactive })
}

func automationsPage(c *call, pass func(*Automation) bool) reply {
	list := slices.DeleteFunc(c.a.automations.all(), func(t *Automation) bool { return !pass(t) })
	return page(c, "automations", list, func(t *Automation) any {
		out := c.rule("automations", t.ID, t.Title, t.Inactive, t.Default, t.All, t.Any, t.Actions, stamp(t.CreatedAt))
		out["position"] = 1
		return out
	})
}

func listAutomations(c *call) reply {
	return automationsPage(c, func(*Automation) bool { return true })
}

func listActiveAutomations(c *call) reply {
	return automationsPage(c, func(t *Automation) bool { return !t.Inactive })
}
