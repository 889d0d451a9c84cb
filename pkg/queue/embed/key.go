package embed

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nats-io/nats-server/v2/server"
)

// ErrKey says that the store cannot be opened with the key that was given, or with none. Nothing was changed.
var ErrKey = errors.New("the store key does not fit")

const (
	keyFile    = "passerelle.key"
	minKey     = 16
	checkBytes = 32
)

// keyCheck stands beside an encrypted store, so that another key is told from damage: nats-server leaves out what it
// cannot decrypt, and new streams would be made in its place.
type keyCheck struct {
	Salt  []byte `json:"salt"`
	Check []byte `json:"check"` // derived from key and salt, good for nothing else
}

func checkOf(key string, salt []byte) ([]byte, error) {
	return hkdf.Key(sha256.New, []byte(key), salt, "passerelle: is it the same store key", checkBytes)
}

// checkKey compares the key with the one that the folder's store was encrypted with. The first key is remembered.
func checkKey(dir, key string) error {
	if key != "" && len(key) < minKey {
		return fmt.Errorf("%w: it has %d bytes, at least %d are needed; make one with: openssl rand -hex 32", ErrKey, len(key), minKey)
	}
	path := filepath.Join(dir, keyFile)
	raw, err := os.ReadFile(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return firstKey(dir, path, key)
	case err != nil:
		return fmt.Errorf("read %s: %w", path, err)
	case key == "":
		return fmt.Errorf("%w: the store in %s is encrypted and no key is given; set PASSERELLE_STORE_KEY to the key it was made with", ErrKey, dir)
	}
	var kept keyCheck
	if err := json.Unmarshal(raw, &kept); err != nil || len(kept.Check) != checkBytes {
		return fmt.Errorf("%w: %s cannot be read; restore it from a backup of the folder", ErrKey, path)
	}
	check, err := checkOf(key, kept.Salt)
	if err != nil {
		return fmt.Errorf("check the store key: %w", err)
	}
	if subtle.ConstantTimeCompare(check, kept.Check) != 1 {
		return fmt.Errorf("%w: the store in %s was encrypted with another one; set PASSERELLE_STORE_KEY to that key. Nothing was changed", ErrKey, dir)
	}
	return nil
}

// firstKey remembers the key of a store that is new, or was not encrypted until now. It is on the disk before anything
// is encrypted with the key.
func firstKey(dir, path, key string) error {
	sealed, err := filepath.Glob(filepath.Join(dir, storeName, "jetstream", "*", "streams", "*", server.JetStreamMetaFileKey))
	if err != nil {
		return fmt.Errorf("look at the store in %s: %w", dir, err)
	}
	switch {
	case len(sealed) > 0 && key == "":
		return fmt.Errorf("%w: the store in %s is encrypted and no key is given; set PASSERELLE_STORE_KEY to the key it was made with", ErrKey, dir)
	case len(sealed) > 0:
		return nil // the file was lost: whether the key fits shows when the streams are read, which is checked
	case key == "":
		return nil
	}
	kept := keyCheck{Salt: randomBytes()}
	if kept.Check, err = checkOf(key, kept.Salt); err != nil {
		return fmt.Errorf("remember the store key: %w", err)
	}
	raw, err := json.Marshal(kept)
	if err == nil {
		err = writeSynced(path, raw)
	}
	if err == nil {
		err = dropIndexes(dir)
	}
	if err != nil {
		return fmt.Errorf("remember the store key: %w", err)
	}
	return nil
}

// dropIndexes deletes what the server can make anew of the streams' messages, and would leave as it is, with subjects to
// be read in it, until a stream changes.
func dropIndexes(dir string) error {
	indexes, err := filepath.Glob(filepath.Join(dir, storeName, "jetstream", "*", "streams", "*", "msgs", "index.db"))
	for _, index := range indexes {
		err = errors.Join(err, os.Remove(index))
	}
	return err
}

func randomBytes() []byte {
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // it never fails
	return salt
}

// writeSynced puts the whole file there or nothing of it.
func writeSynced(path string, content []byte) error {
	file, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	err = errors.Join(err, file.Sync(), file.Close())
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// ErrUnreadable says that a stream on the disk could not be read. Work in it would seem not to exist.
var ErrUnreadable = errors.New("a stream of the store cannot be read")

// whole compares the streams on the disk with those that the server has read.
func whole(dir string, nats *server.Server) error {
	files, err := filepath.Glob(filepath.Join(dir, storeName, "jetstream", "*", "streams", "*", server.JetStreamMetaFile))
	if err != nil {
		return fmt.Errorf("look at the store in %s: %w", dir, err)
	}
	state, err := nats.Jsz(&server.JSzOptions{Accounts: true, Streams: true, Limit: 1024})
	if err != nil {
		return fmt.Errorf("ask the embedded NATS server for its streams: %w", err)
	}
	var read, missing []string
	for _, account := range state.AccountDetails {
		for _, stream := range account.Streams {
			read = append(read, stream.Name)
		}
	}
	for _, file := range files {
		name := filepath.Base(filepath.Dir(file))
		if !strings.HasPrefix(name, ".") && !slices.Contains(read, name) { // a name with a dot is being deleted
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("%w: %s in %s: wrong PASSERELLE_STORE_KEY, or damage; the log of the embedded server says more. Nothing was changed",
			ErrUnreadable, strings.Join(missing, ", "), dir)
	}
	return nil
}
