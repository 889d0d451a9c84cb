package main

import (
	"fmt"
	"os"
	"slices"
	"syscall"
)

// Where nats-server keeps its stores, and with them the logs of a run.
const (
	inMemory = "memory"
	onDisk   = "disk"
)

// memoryFolder is the file system in memory that every Linux has. A container's is often too small.
const (
	memoryFolder = "/dev/shm"
	memoryNeeded = 2 << 30 // bytes; a run of fairness as it is by default writes less than half
)

// usualStores are in memory where what is compared is how long tickets take: each sync of a disk takes the processors
// from the product, as it does not where nats-server has a machine of its own.
func usualStores(scenario string) string {
	if slices.Contains([]string{"fairness", "rate"}, scenario) && memoryRoom() >= memoryNeeded {
		return inMemory
	}
	return onDisk
}

// memoryRoom tells how many bytes fit into the file system in memory; 0 = there is none.
func memoryRoom() uint64 {
	var s syscall.Statfs_t
	if syscall.Statfs(memoryFolder, &s) != nil {
		return 0
	}
	return s.Bavail * uint64(s.Bsize) //nolint:gosec // the size of a block
}

// makeFolder makes the folder of a rig: its stores, and its logs. Programs do not go there, as a file system in memory may
// refuse to run them.
func (b *bench) makeFolder(name string) (string, error) {
	parent, pattern := b.dir, name+"-"
	if b.stores == inMemory {
		parent, pattern = memoryFolder, "passerelle-bench-"+pattern
	}
	dir, err := os.MkdirTemp(parent, pattern)
	if err != nil {
		return "", fmt.Errorf("make a folder: %w", err)
	}
	if b.stores == inMemory {
		b.folders = append(b.folders, dir)
	}
	return dir, nil
}

// tidy removes what the run has written, or all but logs and stores, and says where these are.
func (b *bench) tidy(everything bool) {
	if everything || b.stores == inMemory { // then the programs alone are there
		_ = os.RemoveAll(b.dir)
	} else {
		_, _ = fmt.Fprintln(b.log, "logs and stores are in", b.dir)
	}
	for _, dir := range b.folders {
		if everything {
			_ = os.RemoveAll(dir)
		} else {
			_, _ = fmt.Fprintf(b.log, "logs and stores are in %s, and take memory until it is removed\n", dir)
		}
	}
}
