package site

import (
	"context"
	"time"

	"passerelle/pkg/cache"
	"passerelle/pkg/ticket"
)

// formParts is what ticket forms are made of.
type formParts struct {
	layouts  *cache.Cache[ticket.FormLayout]
	fields   *cache.Cache[[]ticket.Field] // by account
	statuses *cache.Cache[[]ticket.CustomStatus]
}

// newFormParts takes what finds the account that a key begins with, and the rest of the key.
func newFormParts(find func(key string) (Account, string, error), opts ...cache.Option) formParts {
	return formParts{
		layouts: part("form layouts", find, func(ctx context.Context, a Account, id string) (ticket.FormLayout, error) {
			return a.FormLayout(ctx, formID(id))
		}, opts...),
		fields: part("ticket fields", find, func(ctx context.Context, a Account, _ string) ([]ticket.Field, error) {
			return a.FormFields(ctx)
		}, opts...),
		statuses: part("custom statuses", find, func(ctx context.Context, a Account, _ string) ([]ticket.CustomStatus, error) {
			return a.CustomStatuses(ctx)
		}, opts...),
	}
}

// part keeps what an account answers to one call. rest is what follows the account's name in a key.
func part[T any](name string, find func(key string) (Account, string, error), ask func(ctx context.Context, a Account, rest string) (T, error), opts ...cache.Option) *cache.Cache[T] {
	return cache.New(name, partPolicy, nil, func(ctx context.Context, key string) (T, bool, error) {
		a, rest, err := find(key)
		if err != nil {
			var none T
			return none, false, err
		}
		value, err := ask(ctx, a, rest)
		return value, err == nil, err
	}, opts...)
}

func (p formParts) form(ctx context.Context, account string, id int64) (ticket.Form, bool, error) {
	layout, _, err := p.layouts.Get(ctx, formKey(account, id))
	if err != nil {
		return ticket.Form{}, false, err
	}
	fields, _, err := p.fields.Get(ctx, account)
	if err != nil {
		return ticket.Form{}, false, err
	}
	statuses, _, err := p.statuses.Get(ctx, account)
	if err != nil {
		return ticket.Form{}, false, err
	}
	return layout.With(fields, statuses), true, nil
}

// forgetForm sees to it that what is known of the form of a site was asked for at that time or later. A part that was, stays:
// an account with few calls may take long to tell all of them.
func (d *Directory) forgetForm(ctx context.Context, s ticket.Site, before time.Time) {
	key := formKey(s.Account, s.Tickets.FormID)
	old := d.parts.layouts.ForgetBefore(ctx, key, before)
	old = d.parts.fields.ForgetBefore(ctx, s.Account, before) || old
	old = d.parts.statuses.ForgetBefore(ctx, s.Account, before) || old
	if old || !d.forms.Since(key, before) {
		d.forms.Forget(ctx, key)
	}
}
