//go:build !linux

package powercut

import (
	"errors"
	"fmt"
)

// Mount fails: only Linux mounts the disk.
func (d *Disk) Mount(folder string) (unmount func() error, err error) {
	return nil, fmt.Errorf("mount a disk at %s: %w", folder, errors.ErrUnsupported)
}
