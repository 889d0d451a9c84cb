package site

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"passerelle/pkg/cache"
	"passerelle/pkg/cache/redistest"
	"passerelle/pkg/ticket"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type account struct{ lists, agents, forms int }

func (a *account) Agents(context.Context) ([]ticket.AgentUser, error) {
	a.lists++
	return []ticket.AgentUser{{ID: 7, Email: "chloe@example.com", Active: true}}, nil
}

func (a *account) Agent(_ context.Context, email string) (ticket.AgentUser, bool, error) {
	a.agents++
	return ticket.AgentUser{ID: 7, Email: email, Active: true}, email == "chloe@example.com", nil
}

func (a *account) Form(_ context.Context, id int64) (ticket.Form, error) {
	a.forms++
	if id == 0 {
		return ticket.Form{}, errors.New("down")
	}
	return ticket.Form{ID: id}, nil
}

func TestDirectory(t *testing.T) {
	url, _ := redistest.Start(t)
	redis, err := cache.OpenRedis(url)
	if err != nil {
		t.Fatal(err)
	}
	defer redis.Close()
	config, err := Parse("x.yaml", []byte(sound))
	if err != nil {
		t.Fatal(err)
	}
	acme := &account{}
	open := func() *Directory {
		return NewDirectory(config, redis, func(name string) (Account, bool) { return acme, name == "acme" })
	}
	ctx := t.Context()
	for range 2 { // the second one is another process: it finds everything in Redis
		d := open()
		if s, ok := d.Site(ctx, "ha", 1234); !ok || s.Name != "acme-fr" || s.Tickets.Defaults[360000000020] != "sav" {
			t.Errorf("site = %+v, %v", s, ok)
		}
		if _, ok := d.Site(ctx, "ha", 99); ok {
			t.Error("an unknown site was found")
		}
		for range 3 {
			if a, ok, err := d.Agent(ctx, "acme", " Chloe@example.com"); !ok || err != nil || a.ID != 7 {
				t.Errorf("agent = %+v, %v, %v", a, ok, err)
			}
			if f, err := d.Form(ctx, "acme", 9); err != nil || f.ID != 9 {
				t.Errorf("form = %+v, %v", f, err)
			}
		}
	}
	if acme.lists != 1 || acme.agents != 0 || acme.forms != 1 {
		t.Errorf("the account was asked %d times for its agents, %d times for one and %d times for a form", acme.lists, acme.agents, acme.forms)
	}
	d := open()
	if _, found, err := d.Agent(ctx, "acme", "nobody@example.com"); found || err != nil {
		t.Errorf("nobody = %v, %v", found, err)
	}
	if _, err := d.Form(ctx, "acme", 0); err == nil {
		t.Error("no error of a source that fails")
	}
	if _, err := d.Form(ctx, "gone", 9); !errors.Is(err, errNoAccount) {
		t.Errorf("error = %v", err)
	}
	if _, _, err := d.Agent(ctx, "gone", "a@example.com"); !errors.Is(err, errNoAccount) {
		t.Errorf("error = %v", err)
	}
	if _, err := d.Form(ctx, "acme", 360000000001); err != nil {
		t.Fatal(err)
	}
	before := acme.forms
	for range 2 {
		d.Refresh(ctx, "ha", 1234, 5*time.Second)
		d.Refresh(ctx, "ha", 99, 0)
		if _, err := d.Form(ctx, "acme", 360000000001); err != nil || acme.forms != before+1 {
			t.Errorf("after Refresh: %v, %d calls, want %d", err, acme.forms, before+1)
		}
	}
	changed, err := Parse("x.yaml", []byte(strings.Replace(sound, "locale: fr", "locale: de", 1)))
	if err != nil {
		t.Fatal(err)
	}
	d.Use(changed)
	if s, _ := d.Site(ctx, "ha", 1234); s.Locale != "de" || d.Config() != changed {
		t.Errorf("the change is masked: locale %s", s.Locale)
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if s, ok := d.Site(cancelled, "ha", 1234); !ok || s.Locale != "de" {
		t.Errorf("site = %+v, %v", s, ok)
	}
}

func TestWatch(t *testing.T) {
	path := filepath.Join(t.TempDir(), "passerelle.yaml")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(sound)
	old, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	type change struct {
		config *Config
		err    error
	}
	changes := make(chan change, 1)
	d := NewDirectory(old, nil, func(string) (Account, bool) { return nil, false })
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		d.Watch(ctx, path, func(c *Config, err error) { changes <- change{c, err} })
	}()
	write("sites: [")
	if c := <-changes; c.err == nil || d.Config() != old {
		t.Error("a bad file was taken")
	}
	write(strings.Replace(sound, "locale: fr", "locale: en # English", 1))
	if c := <-changes; c.err != nil || d.Config().Sites["acme-fr"].Locale != "en" {
		t.Errorf("change = %+v", c)
	}
	write(strings.Replace(sound, "locale: fr", "locale: nl # at once", 1))
	d.Refresh(t.Context(), "ha", 1234, 5*time.Second)
	if got := d.Config().Sites["acme-fr"].Locale; got != "nl" {
		t.Errorf("after Refresh the locale is %s", got)
	}
	cancel()
	<-done
}
