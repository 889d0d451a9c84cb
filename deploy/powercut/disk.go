package powercut

import (
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"syscall"
)

// Disk is the memory of a mounted file system. Its methods may be called concurrently.
type Disk struct {
	mu   sync.Mutex
	root *inode
	last uint64 // number given to an inode
	off  bool   // the power is cut
	gone chan struct{}

	changes int    // so far
	cutAt   int    // the change instead of which the power is cut; 0: none
	onCut   func() // called then, under the mutex
}

// inode is a file, a folder, or a socket. Everything in it belongs to the disk's mutex.
type inode struct {
	number uint64
	mode   uint32 // kind and permissions, as in stat

	data, kept []byte // of a file: as it was written, and as it was synced
	from, to   int    // the part of data that may differ from kept; from == to: none

	entries, keptEntries map[string]*inode // of a folder, in the same way

	place, keptPlace place // where its name is, and where the synced one is
}

type place struct {
	folder *inode
	name   string
}

// NewDisk gives an empty disk.
func NewDisk() *Disk {
	d := &Disk{gone: make(chan struct{})}
	d.root = d.newInode(syscall.S_IFDIR | 0o700)
	return d
}

func (d *Disk) newInode(mode uint32) *inode {
	d.last++
	n := &inode{number: d.last, mode: mode}
	if n.isFolder() {
		n.entries, n.keptEntries = map[string]*inode{}, map[string]*inode{}
	}
	return n
}

func (n *inode) isFolder() bool { return n.mode&syscall.S_IFMT == syscall.S_IFDIR }

// Cut cuts the power: whoever uses the disk from now on hangs, so that nothing is done after the cut, until Release. With
// nil only what was synced is left. With a source of randomness some of the rest is, too, as on a real disk: of each file
// all that was written, or the beginning of it, or nothing; and of all folders the names of now, or those that were synced.
func (d *Disk) Cut(luck *rand.Rand) *Disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.cutLocked(luck)
}

// CutAfter cuts the power, as Cut does, once that many changes more were made: files made, written to or synced, names
// changed. The channel gets what is left.
func (d *Disk) CutAfter(changes int, luck *rand.Rand) <-chan *Disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	left := make(chan *Disk, 1)
	d.cutAt = d.changes + changes
	d.onCut = func() { left <- d.cutLocked(luck) }
	return left
}

func (d *Disk) cutLocked(luck *rand.Rand) *Disk {
	d.off = true
	left := &Disk{gone: make(chan struct{}), last: d.last}
	left.root = d.root.survive(luck, luck != nil && luck.IntN(2) == 0)
	return left
}

// Release lets those that hang since the cut have an error. It is for after the processes that use the disk were killed.
func (d *Disk) Release() { close(d.gone) }

// Changes is how many were made.
func (d *Disk) Changes() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.changes
}

// SyncAll syncs everything, as the kernel does by itself after a while.
func (d *Disk) SyncAll() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.root.syncAll()
}

// enter locks the disk for one operation. After the cut it waits for Release.
func (d *Disk) enter() syscall.Errno {
	d.mu.Lock()
	if !d.off {
		return 0
	}
	d.mu.Unlock()
	<-d.gone
	return syscall.EIO
}

// change is enter for what changes the disk.
func (d *Disk) change() syscall.Errno {
	errno := d.enter()
	if errno != 0 {
		return errno
	}
	if d.changes++; d.changes != d.cutAt {
		return 0
	}
	d.onCut()
	d.mu.Unlock()
	return d.enter()
}

// survive copies what is left after the cut: of the names, or of the new ones, and of the contents.
func (n *inode) survive(luck *rand.Rand, newNames bool) *inode {
	c := &inode{number: n.number, mode: n.mode, kept: slices.Clone(n.kept)}
	if luck != nil && n.from < n.to {
		switch luck.IntN(3) {
		case 0:
			c.keep(n.data, n.from, n.to)
		case 1:
			c.keepSome(n.data, n.from, n.from+luck.IntN(n.to-n.from))
		}
	}
	c.data = slices.Clone(c.kept)
	if !n.isFolder() {
		return c
	}
	c.entries, c.keptEntries = map[string]*inode{}, map[string]*inode{}
	left := n.keptEntries
	if newNames {
		left = n.entries
	}
	for _, name := range slices.Sorted(maps.Keys(left)) {
		if left[name].mode&syscall.S_IFMT == syscall.S_IFSOCK {
			continue
		}
		e := left[name].survive(luck, newNames)
		e.place = place{c, name}
		e.keptPlace = e.place
		c.entries[name], c.keptEntries[name] = e, e
	}
	return c
}

// write writes at an offset, and syncs that part for a file that was opened so. The file's size goes with it.
func (n *inode) write(p []byte, offset int, sync bool) {
	end := offset + len(p)
	n.touch(min(offset, len(n.data)), max(end, offset))
	n.grow(end)
	copy(n.data[offset:], p)
	if sync {
		n.keep(n.data, offset, end)
		n.keepName()
	}
}

// resize gives a file another size.
func (n *inode) resize(size int) {
	n.touch(min(size, len(n.data)), max(size, len(n.data)))
	if size < len(n.data) {
		n.data = n.data[:size]
	}
	n.grow(size)
}

func (n *inode) grow(size int) {
	for len(n.data) < size {
		n.data = append(n.data, make([]byte, size-len(n.data))...)
	}
}

func (n *inode) touch(from, to int) {
	if n.from == n.to {
		n.from, n.to = from, to
		return
	}
	n.from, n.to = min(n.from, from), max(n.to, to)
}

// keep takes a part of data over, and its size.
func (n *inode) keep(data []byte, from, to int) {
	n.kept = n.kept[:min(len(n.kept), len(data))]
	n.keepSome(data, from, to)
	n.kept = append(n.kept, make([]byte, len(data)-len(n.kept))...)
}

// keepSome takes a part of data over. What was kept of the rest stays.
func (n *inode) keepSome(data []byte, from, to int) {
	to = min(to, len(data))
	if from >= to {
		return
	}
	n.kept = append(n.kept, make([]byte, max(0, to-len(n.kept)))...)
	copy(n.kept[from:to], data[from:to])
}

// sync is fsync.
func (n *inode) sync() {
	if n.isFolder() {
		n.syncNames()
	} else {
		n.syncData()
	}
	n.keepName()
}

func (n *inode) syncData() {
	if n.from < n.to || len(n.kept) != len(n.data) {
		n.keep(n.data, n.from, n.to)
	}
	n.from, n.to = 0, 0
}

func (n *inode) syncNames() {
	for name, old := range n.keptEntries {
		if n.entries[name] != old {
			delete(n.keptEntries, name)
			if old.keptPlace == (place{n, name}) {
				old.keptPlace = place{}
			}
		}
	}
	for _, entry := range n.entries {
		entry.keepOwnName()
	}
}

// keepName keeps the name of an inode and those of the folders above it.
func (n *inode) keepName() {
	for ; n.place.folder != nil; n = n.place.folder {
		n.keepOwnName()
	}
}

func (n *inode) keepOwnName() {
	if n.keptPlace == n.place {
		return
	}
	if old := n.keptPlace; old.folder != nil && old.folder.keptEntries[old.name] == n {
		delete(old.folder.keptEntries, old.name) // a rename is kept as a whole
	}
	if replaced := n.place.folder.keptEntries[n.place.name]; replaced != nil {
		replaced.keptPlace = place{}
	}
	n.place.folder.keptEntries[n.place.name] = n
	n.keptPlace = n.place
}

func (n *inode) syncAll() {
	if !n.isFolder() {
		n.syncData()
		return
	}
	n.syncNames()
	for _, entry := range n.entries {
		entry.syncAll()
	}
}

// add puts an inode under a name, in the place of what is there.
func (n *inode) add(name string, child *inode) {
	n.remove(name)
	n.entries[name] = child
	child.place = place{n, name}
}

func (n *inode) remove(name string) {
	if old := n.entries[name]; old != nil {
		old.place = place{}
		delete(n.entries, name)
	}
}
