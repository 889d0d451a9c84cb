package site

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"go.uber.org/goleak"

	"passerelle/pkg/cache"
	"passerelle/pkg/cache/redistest"
	"passerelle/pkg/ticket"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type account struct {
	lists, agents, forms, fields int

	scarce bool
	left   int // calls, if they are scarce
}

func (a *account) Agents(context.Context) ([]ticket.AgentUser, error) {
	a.lists++
	return []ticket.AgentUser{{ID: 7, Email: "chloe@example.com", Active: true}}, nil
}

func (a *account) Agent(_ context.Context, email string) (ticket.AgentUser, bool, error) {
	a.agents++
	return ticket.AgentUser{ID: 7, Email: email, Active: true}, email == "chloe@example.com", nil
}

func (a *account) FormLayout(_ context.Context, id int64) (ticket.FormLayout, error) {
	if err := a.call(); err != nil {
		return ticket.FormLayout{}, err
	}
	a.forms++
	if id == 0 {
		return ticket.FormLayout{}, errors.New("down")
	}
	return ticket.FormLayout{ID: id, FieldIDs: []int64{1}}, nil
}

func (a *account) FormFields(context.Context) ([]ticket.Field, error) {
	a.fields++
	return []ticket.Field{{ID: 1, Title: "Order"}, {ID: 2}}, a.call()
}

func (a *account) CustomStatuses(context.Context) ([]ticket.CustomStatus, error) {
	return []ticket.CustomStatus{{ID: 5}}, a.call()
}

// call fails when the account has no call left.
func (a *account) call() error {
	if a.scarce && a.left == 0 {
		return &ticket.Failure{Trouble: ticket.TroubleAccount, Limited: true}
	}
	a.left--
	return nil
}

func openRedis(t *testing.T) *cache.Redis {
	t.Helper()
	url, _ := redistest.Start(t)
	redis, err := cache.OpenRedis(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = redis.Close() })
	return redis
}

func TestDirectory(t *testing.T) {
	redis := openRedis(t)
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
	before, mended := acme.forms, time.Now()
	for range 2 {
		d.Refresh(ctx, "ha", 1234, mended)
		d.Refresh(ctx, "ha", 99, mended)
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
	d.Refresh(t.Context(), "ha", 1234, time.Now())
	if got := d.Config().Sites["acme-fr"].Locale; got != "nl" {
		t.Errorf("after Refresh the locale is %s", got)
	}
	cancel()
	<-done
}

// After a start the file in force is not parsed once more: that of 5,000 sites takes half a gigabyte.
func TestTheFileInForceIsNotParsedAgain(t *testing.T) {
	const broken = "sites: ["
	path := filepath.Join(t.TempDir(), "passerelle.yaml")
	if err := os.WriteFile(path, []byte(broken), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		revision string
		told     int
	}{{"another", 1}, {revisionOf([]byte(broken)), 0}} {
		d := NewDirectory(&Config{Revision: c.revision}, nil, nil)
		told := 0
		d.file.Store(&watchedFile{path: path, seen: fileStamp{size: -1}, changed: func(*Config, error) { told++ }})
		d.look()
		if told != c.told {
			t.Errorf("with revision %s in force: told %d times, expected %d", c.revision, told, c.told)
		}
	}
}

func TestASiteIsKeptUnderItsOwnRevisionOnly(t *testing.T) {
	parse := func(text string) *Config {
		config, err := Parse("x.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return config
	}
	first, second := parse(sound), parse(strings.Replace(sound, "locale: fr", "locale: en", 1))
	d := NewDirectory(first, nil, func(string) (Account, bool) { return nil, false })
	// One was about to be read when another revision came into force.
	d.Use(second)
	if s, ok, err := d.sites.Get(t.Context(), first.Revision+"/ha/1234"); err == nil {
		t.Errorf("kept as the first revision's: %s, %v", s.Locale, ok)
	}
	for range 2 {
		d.Use(first)
		if s, ok := d.Site(t.Context(), "ha", 1234); !ok || s.Locale != "fr" {
			t.Errorf("the first revision's: %s, %v", s.Locale, ok)
		}
		d.Use(second)
		if s, ok := d.Site(t.Context(), "ha", 1234); !ok || s.Locale != "en" {
			t.Errorf("the second revision's: %s, %v", s.Locale, ok)
		}
	}
}

func TestASiteFromRedisTakesNoMemoryOfItsOwn(t *testing.T) {
	redis := openRedis(t)
	for _, from := range []string{"the configuration", "Redis"} {
		config, err := Parse("x.yaml", []byte(sound))
		if err != nil {
			t.Fatal(err)
		}
		d := NewDirectory(config, redis, func(string) (Account, bool) { return nil, false })
		got, _ := d.Site(t.Context(), "ha", 1234)
		own, _ := config.Site("ha", 1234)
		if own.Locale == "" || unsafe.StringData(got.Locale) != unsafe.StringData(own.Locale) {
			t.Errorf("from %s: another copy of the site", from)
		}
		if fromRedis := d.sites.Stats().RedisHits > 0; fromRedis != (from == "Redis") {
			t.Errorf("from %s: read from Redis: %v", from, fromRedis)
		}
	}
}

func TestAFormIsKnownHoweverFewCallsThereAre(t *testing.T) {
	config, err := Parse("x.yaml", []byte(sound))
	if err != nil {
		t.Fatal(err)
	}
	acme := &account{scarce: true}
	d := NewDirectory(config, nil, func(string) (Account, bool) { return acme, true })
	var form ticket.Form
	for tries := 1; ; tries++ {
		acme.left = 1
		form, err = d.Form(t.Context(), "acme", 9)
		if err == nil {
			break
		}
		if tries == 3 {
			t.Fatalf("with a call at a time it is not known after %d tries: %v", tries, err)
		}
	}
	if form.ID != 9 || len(form.Fields) != 1 || form.Fields[0].Title != "Order" || len(form.Elsewhere) != 1 || len(form.Statuses) != 1 {
		t.Errorf("form = %+v", form)
	}
	acme.left = 1
	if other, err := d.Form(t.Context(), "acme", 10); err != nil || other.ID != 10 {
		t.Errorf("another form of the account took more than a call: %+v, %v", other, err)
	}
}

func TestAReplayOnAnAccountWithFewCallsKnowsItsForm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		config, err := Parse("x.yaml", []byte(sound))
		if err != nil {
			t.Fatal(err)
		}
		acme := &account{scarce: true, left: 3}
		d := NewDirectory(config, nil, func(string) (Account, bool) { return acme, true })
		if _, err := d.Form(t.Context(), "acme", 360000000001); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		mended := time.Now()
		for tries := range 3 {
			time.Sleep(10 * time.Second)
			acme.left = 1
			d.Refresh(t.Context(), "ha", 1234, mended)
			if _, err = d.Form(t.Context(), "acme", 360000000001); (err == nil) != (tries == 2) {
				t.Errorf("try %d: %v", tries, err)
			}
		}
		if acme.forms != 2 || acme.fields != 3 { // one of the looks at the fields found no call left
			t.Errorf("asked for %d layouts and %d times for the fields", acme.forms, acme.fields)
		}
	})
}

func TestAYoungFormIsNotAskedForAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		config, err := Parse("x.yaml", []byte(sound))
		if err != nil {
			t.Fatal(err)
		}
		acme := &account{}
		d := NewDirectory(config, nil, func(string) (Account, bool) { return acme, true })
		read := func(after time.Duration, forms int) {
			t.Helper()
			time.Sleep(after)
			d.RefreshOld(t.Context(), "ha", 1234, time.Now().Add(-30*time.Second))
			if _, err := d.Form(t.Context(), "acme", 360000000001); err != nil || acme.forms != forms || acme.fields != forms {
				t.Errorf("%v, asked for %d layouts and %d times for the fields, want %d", err, acme.forms, acme.fields, forms)
			}
		}
		read(0, 1)
		read(29*time.Second, 1)
		read(2*time.Second, 2)
		read(29*time.Second, 2)
		d.RefreshOld(t.Context(), "ha", 99, time.Now()) // no such site
	})
}
