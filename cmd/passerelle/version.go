package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"
)

// version is set by the linker.
var version = ""

type versionCommand struct{}

type versionInfo struct {
	Version string            `json:"version"`
	Commit  string            `json:"commit"`
	Go      string            `json:"go"`
	Modules map[string]string `json:"modules"`
}

func readVersion() versionInfo {
	v := versionInfo{Version: cmp.Or(version, "dev"), Commit: "unknown", Go: runtime.Version(), Modules: map[string]string{}}
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	for _, s := range build.Settings {
		if s.Key == "vcs.revision" {
			v.Commit = s.Value
		}
	}
	for _, m := range build.Deps {
		v.Modules[m.Path] = m.Version
	}
	return v
}

// Run prints it.
func (versionCommand) Run(std streams) error {
	v := readVersion()
	if std.json {
		return printJSON(std, v)
	}
	_, err := fmt.Fprintf(std.out, "passerelle %s\ncommit %s\n%s\n", v.Version, v.Commit, v.Go)
	for _, name := range []string{"github.com/nats-io/nats-server/v2", "github.com/nats-io/nats.go", "github.com/redis/go-redis/v9"} {
		if err == nil {
			_, err = fmt.Fprintf(std.out, "%s %s\n", name, v.Modules[name])
		}
	}
	return err
}
