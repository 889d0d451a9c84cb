package site

import (
	"context"
	"os"
	"time"
)

const watchEvery = time.Second

// Watch reads the file again whenever it changes, until ctx ends. changed is told of each new configuration, or of the
// error that keeps the old one in force.
func Watch(ctx context.Context, path string, old *Config, changed func(*Config, error)) {
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	// The first look reads the file whatever its age: it may have changed since it was loaded.
	seen, revision := fileStamp{size: -1}, old.Revision
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now := stamp(path)
		if now == seen {
			continue
		}
		seen = now
		config, err := Load(path)
		if err != nil {
			changed(nil, err)
			continue
		}
		if config.Revision != revision {
			revision = config.Revision
			changed(config, nil)
		}
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
