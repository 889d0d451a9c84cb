package main

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestTheStoreIsEncryptedWithAKey(t *testing.T) {
	w := newTown(t)
	w.conversation(closedID, nil)
	dir := t.TempDir()
	with := func(key string) []string {
		return slices.Concat(w.env, []string{"PASSERELLE_DATA_DIR=" + dir, "PASSERELLE_STORE_KEY=" + key})
	}
	key := "${file:" + write(t, "key", strings.Repeat("k", 32)+"\n") + "}"
	p := start(t, with(key), "serve")
	post(t, p.address("ingest"), published(closedID))
	w.checkTicket(closedID)
	if out, errOut, status := command(t, with(""), "deadletters", "list"); status != 0 {
		t.Errorf("a command beside the process needs no key: %d %s %s", status, out, errOut)
	}
	if status := p.end(); status != 0 {
		t.Errorf("exit status %d", status)
	}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		if bytes.Contains(content, []byte(closedID)) {
			t.Errorf("%s shows the conversation's id", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, wrong := range []struct{ key, says string }{
		{"", "is encrypted and no key is given"},
		{strings.Repeat("x", 32), "was encrypted with another one"},
		{"short", "at least 16 are needed"},
		{"${file:/nowhere/key}", "PASSERELLE_STORE_KEY: secret file"},
	} {
		for _, args := range [][]string{{"serve"}, {"deadletters", "list"}} {
			if _, errOut, status := command(t, with(wrong.key), args...); status != exitUsage || !strings.Contains(errOut, wrong.says) {
				t.Errorf("%v with key %q: %d %s", args, wrong.key, status, errOut)
			}
		}
	}
	if _, errOut, status := command(t, append(with(key), "PASSERELLE_NATS_URL=nats://127.0.0.1:1"), "serve"); status != exitUsage || !strings.Contains(errOut, "PASSERELLE_STORE_KEY encrypts the embedded store") {
		t.Errorf("a key with a server of its own: %d %s", status, errOut)
	}
	if out, errOut, status := command(t, with(key), "trace", closedID); status != 0 || !strings.Contains(out, "created") {
		t.Errorf("after all that: %d %s %s", status, out, errOut)
	}
}
