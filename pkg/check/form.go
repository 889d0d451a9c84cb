package check

import (
	"context"
	"fmt"
	"slices"

	"passerelle/pkg/zendesk"
)

const noTicket = "no conversation of the site gets a ticket: each becomes a dead letter (rejected_by_zendesk)"

// forms finds the site's ticket form.
func (v *visit) forms(ctx context.Context) {
	if v.account.forms.err != nil {
		v.unreadable(Error, Form, v.account.forms.err)
		return
	}
	if v.account.narrow && len(v.account.forms.value) == 0 {
		return // without the scope an account looks like one without forms
	}
	about := &Subject{Kind: "ticket_form", ID: v.settings.FormID}
	settings, found := v.formSettings()
	if found {
		about.ID, about.Name = settings.ID, settings.Name
	}
	const choose = "choose an active form in tickets.form_id of the site; the Admin Center shows a form's id in its address"
	switch {
	case !found && v.settings.FormID != 0:
		v.add(Error, Form, about, fmt.Sprintf("the account has no ticket form %d", v.settings.FormID), noTicket, choose)
		return
	case found && !settings.Active:
		v.add(Error, Form, about, fmt.Sprintf("the ticket form %s is not active", named(settings.Name, settings.ID)), noTicket, "activate the form in Zendesk, or "+choose)
		return
	}
	form, err := v.account.form(ctx, v.settings.FormID)
	if err != nil {
		v.unreadable(Error, Form, err)
		return
	}
	v.form, v.formKnown = form, true
	brand, known := v.theBrand()
	switch {
	case found && known && !settings.AllBrands && !slices.Contains(settings.BrandIDs, brand.ID):
		v.add(Error, Form, about, fmt.Sprintf("the ticket form %s is not for the brand %s", named(settings.Name, settings.ID), named(brand.Name, brand.ID)),
			"Zendesk refuses the ticket or gives it another form", "allow the form for that brand in Zendesk, or choose another tickets.form_id or tickets.brand_id")
	case found:
		v.ok(Form, fmt.Sprintf("the ticket form %s is active", named(settings.Name, settings.ID)))
	default:
		v.ok(Form, "the account has no ticket forms: tickets have all of its fields")
	}
}

// formSettings gives the configured form or the account's default one.
func (v *visit) formSettings() (zendesk.FormSettings, bool) {
	return formOf(v.account.forms.value, v.settings.FormID)
}

func formOf(all []zendesk.FormSettings, id int64) (zendesk.FormSettings, bool) {
	for _, f := range all {
		if id != 0 && f.ID == id || id == 0 && f.Default && f.Active {
			return f, true
		}
	}
	return zendesk.FormSettings{}, false
}

// theBrand gives the configured brand or the account's default one.
func (v *visit) theBrand() (zendesk.Brand, bool) {
	for _, b := range v.account.brands.value {
		if v.settings.BrandID != 0 && b.ID == v.settings.BrandID || v.settings.BrandID == 0 && b.Default {
			return b, true
		}
	}
	return zendesk.Brand{}, false
}

func (v *visit) brand() {
	if v.account.brands.err != nil {
		v.unreadable(Warning, Brand, v.account.brands.err)
		return
	}
	brand, found := v.theBrand()
	about := &Subject{Kind: "brand", ID: v.settings.BrandID, Name: brand.Name}
	const effect, fix = "Zendesk refuses the ticket or gives it another brand", "choose an active brand in tickets.brand_id of the site, or 0 for the account's default"
	switch {
	case v.settings.BrandID == 0:
		v.ok(Brand, "tickets get the account's default brand")
	case !found:
		v.add(Error, Brand, about, fmt.Sprintf("the account has no brand %d", v.settings.BrandID), effect, fix)
	case !brand.Active:
		v.add(Error, Brand, about, fmt.Sprintf("the brand %s is not active", named(brand.Name, brand.ID)), effect, fix)
	default:
		v.ok(Brand, fmt.Sprintf("the brand %s is active", named(brand.Name, brand.ID)))
	}
}

func (v *visit) group() {
	id := v.settings.GroupID
	switch {
	case id == 0:
		v.ok(Group, "the group is left to Zendesk")
		return
	case v.account.groups.err != nil:
		v.unreadable(Warning, Group, v.account.groups.err)
		return
	}
	for _, g := range v.account.groups.value {
		if g.ID == id && !g.Deleted {
			v.ok(Group, fmt.Sprintf("the group %s exists", named(g.Name, g.ID)))
			return
		}
	}
	v.add(Error, Group, &Subject{Kind: "group", ID: id}, fmt.Sprintf("the account has no group %d", id), noTicket,
		"choose a group in tickets.group_id of the site, or 0 to leave it to Zendesk")
}

func named(name string, id int64) string { return fmt.Sprintf("%q (%d)", name, id) }
