package site

import (
	"context"
	"os"
	"sync"
	"time"

	"passerelle/pkg/ticket"
)

const (
	watchEvery = time.Second
)

// Watch reads the configuration file again whenever it changes, and puts it in force. A bad one is refused whole while
// the old one stays in force. changed is told of either, and by a NotInForce that an applied configuration goes before
// the file; it must not block. The first look reads the file whatever
// its age, because it may have changed since it was loaded.
func (d *Directory) Watch(ctx context.Context, path string, changed func(*Config, error)) {
	d.file.Store(&watchedFile{path: path, seen: fileStamp{size: -1}, changed: changed})
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			d.look()
		}
	}
}

type watchedFile struct {
	path    string
	changed func(*Config, error)

	mu   sync.Mutex
	seen fileStamp // guarded by mu
}

// look reads the file if it changed since the last look.
func (d *Directory) look() {
	f := d.file.Load()
	if f == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	now := stamp(f.path)
	if now == f.seen {
		return
	}
	f.seen = now
	content, err := readFile(f.path)
	if err == nil && revisionOf(content) == d.Config().Revision {
		return // it is in force, as it is after a start: to parse a long one takes half a gigabyte
	}
	var loaded *Config
	if err == nil {
		loaded, err = Parse(f.path, content)
	}
	if config, err := d.offer(f.path, loaded, err); config != nil || err != nil {
		f.changed(config, err)
	}
}

// Refresh makes sure that what a person had mended at that time is seen: it looks at the configuration file, and asks anew
// for the site's form and fallback assignee, and for each other agent whom its tickets could not be assigned to, as far as
// they were asked for before. It does so once in five seconds at most. The list of the account's agents is not read again.
func (d *Directory) Refresh(ctx context.Context, platform string, projectID int64, mended time.Time) {
	d.look()
	if s, ok := d.Config().Site(platform, projectID); ok {
		d.refresh(ctx, s, mended, false)
	}
}

// RefreshOld is Refresh for what was known before that time. A form that was put together since is left as it is, however
// long its parts took: an account with so few calls would tell nothing else.
func (d *Directory) RefreshOld(ctx context.Context, platform string, projectID int64, before time.Time) {
	d.look()
	if s, ok := d.Config().Site(platform, projectID); ok {
		d.refresh(ctx, s, before, d.forms.Since(formKey(s.Account, s.Tickets.FormID), before))
	}
}

// refreshRest is how long what was asked anew for a site is left alone.
const refreshRest = 5 * time.Second

func (d *Directory) refresh(ctx context.Context, s ticket.Site, mended time.Time, formIsNew bool) {
	d.refreshMu.Lock()
	now := time.Now()
	last := d.refreshed[s.Name]
	due := now.Sub(last) >= refreshRest && last.Before(mended)
	if due {
		d.refreshed[s.Name] = now
		if d.doubts[s.Account] == nil {
			d.doubts[s.Account] = map[string]doubt{}
		}
		d.doubts[s.Account][s.Name] = doubt{now, s.Tickets.GroupID, address(s.Tickets.FallbackAssignee)}
	}
	d.refreshMu.Unlock()
	if due && !formIsNew {
		d.forgetForm(ctx, s, mended)
	}
}

type fileStamp struct {
	modified time.Time
	size     int64
}

func stamp(path string) fileStamp {
	info, err := os.Stat(path)
	if err != nil {
		return fileStamp{}
	}
	return fileStamp{info.ModTime(), info.Size()}
}
