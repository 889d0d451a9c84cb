//go:build linux

package powercut

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// Mount puts the disk at an empty folder. It needs /dev/fuse, and root or fusermount3; the error says that it is not to be
// had. unmount waits until nobody uses it any more.
func (d *Disk) Mount(folder string) (unmount func() error, err error) {
	if _, err := os.Stat("/dev/fuse"); err != nil {
		return nil, fmt.Errorf("mount a disk at %s: no FUSE on this machine: %w", folder, err)
	}
	server, err := fs.Mount(folder, &node{disk: d, in: d.root}, &fs.Options{
		MountOptions: fuse.MountOptions{FsName: "powercut", Name: "powercut", DirectMount: true, MaxWrite: 512 << 10},
	})
	if err != nil {
		return nil, fmt.Errorf("mount a disk at %s: %w; it needs root, or fusermount3", folder, err)
	}
	return func() error {
		if err := server.Unmount(); err != nil {
			return fmt.Errorf("unmount %s: %w", folder, err)
		}
		server.Wait()
		return nil
	}, nil
}

// node is an inode as the kernel sees it.
type node struct {
	fs.Inode

	disk *Disk
	in   *inode
}

// handle is an open file.
type handle struct{ sync bool }

var (
	_ fs.NodeLookuper  = (*node)(nil)
	_ fs.NodeGetattrer = (*node)(nil)
	_ fs.NodeSetattrer = (*node)(nil)
	_ fs.NodeOpener    = (*node)(nil)
	_ fs.NodeCreater   = (*node)(nil)
	_ fs.NodeReader    = (*node)(nil)
	_ fs.NodeWriter    = (*node)(nil)
	_ fs.NodeFsyncer   = (*node)(nil)
	_ fs.NodeMkdirer   = (*node)(nil)
	_ fs.NodeMknoder   = (*node)(nil)
	_ fs.NodeUnlinker  = (*node)(nil)
	_ fs.NodeRmdirer   = (*node)(nil)
	_ fs.NodeRenamer   = (*node)(nil)
	_ fs.NodeReaddirer = (*node)(nil)
	_ fs.NodeStatfser  = (*node)(nil)
)

func (n *node) child(ctx context.Context, in *inode, out *fuse.EntryOut) *fs.Inode {
	in.attributes(&out.Attr)
	return n.NewInode(ctx, &node{disk: n.disk, in: in}, fs.StableAttr{Mode: in.mode & syscall.S_IFMT, Ino: in.number})
}

func (n *inode) attributes(out *fuse.Attr) {
	out.Ino, out.Mode, out.Nlink, out.Size = n.number, n.mode, 1, uint64(len(n.data))
	out.Uid, out.Gid = uint32(os.Getuid()), uint32(os.Getgid()) //nolint:gosec // they are not negative here
}

// Lookup finds a name in a folder.
func (n *node) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	if errno := n.disk.enter(); errno != 0 {
		return nil, errno
	}
	defer n.disk.mu.Unlock()
	in := n.in.entries[name]
	if in == nil {
		return nil, syscall.ENOENT
	}
	return n.child(ctx, in, out), 0
}

// Getattr is stat.
func (n *node) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	if errno := n.disk.enter(); errno != 0 {
		return errno
	}
	defer n.disk.mu.Unlock()
	n.in.attributes(&out.Attr)
	return 0
}

// Setattr is truncate and chmod.
func (n *node) Setattr(_ context.Context, _ fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	if errno := n.disk.change(); errno != 0 {
		return errno
	}
	defer n.disk.mu.Unlock()
	if size, ok := in.GetSize(); ok {
		n.in.resize(int(size)) //nolint:gosec // a test's files are small
	}
	if mode, ok := in.GetMode(); ok {
		n.in.mode = n.in.mode&syscall.S_IFMT | mode&^syscall.S_IFMT
	}
	n.in.attributes(&out.Attr)
	return 0
}

// Open opens a file. The kernel's cache is passed by, so that each write is seen when it is made.
func (n *node) Open(_ context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	if errno := n.disk.enter(); errno != 0 {
		return nil, 0, errno
	}
	defer n.disk.mu.Unlock()
	if flags&syscall.O_TRUNC != 0 {
		n.in.resize(0)
	}
	return handle{flags&syscall.O_DSYNC != 0}, fuse.FOPEN_DIRECT_IO, 0
}

// Create makes a file and opens it.
func (n *node) Create(ctx context.Context, name string, flags, mode uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	inode, errno := n.make(ctx, name, syscall.S_IFREG|mode&0o7777, out)
	return inode, handle{flags&syscall.O_DSYNC != 0}, fuse.FOPEN_DIRECT_IO, errno
}

func (n *node) make(ctx context.Context, name string, mode uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	if errno := n.disk.change(); errno != 0 {
		return nil, errno
	}
	defer n.disk.mu.Unlock()
	if n.in.entries[name] != nil {
		return nil, syscall.EEXIST
	}
	in := n.disk.newInode(mode)
	n.in.add(name, in)
	return n.child(ctx, in, out), 0
}

// Mkdir makes a folder.
func (n *node) Mkdir(ctx context.Context, name string, mode uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	return n.make(ctx, name, syscall.S_IFDIR|mode&0o7777, out)
}

// Mknod makes a socket, or a file.
func (n *node) Mknod(ctx context.Context, name string, mode, _ uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	return n.make(ctx, name, mode, out)
}

// Read reads from a file.
func (n *node) Read(_ context.Context, _ fs.FileHandle, into []byte, offset int64) (fuse.ReadResult, syscall.Errno) {
	if errno := n.disk.enter(); errno != 0 {
		return nil, errno
	}
	defer n.disk.mu.Unlock()
	if offset >= int64(len(n.in.data)) {
		return fuse.ReadResultData(nil), 0
	}
	return fuse.ReadResultData(into[:copy(into, n.in.data[offset:])]), 0
}

// Write writes into a file.
func (n *node) Write(_ context.Context, f fs.FileHandle, data []byte, offset int64) (uint32, syscall.Errno) {
	if errno := n.disk.change(); errno != 0 {
		return 0, errno
	}
	defer n.disk.mu.Unlock()
	h, _ := f.(handle)
	n.in.write(data, int(offset), h.sync)
	return uint32(len(data)), 0 //nolint:gosec // at most MaxWrite
}

// Fsync is fsync and fdatasync, of files and folders.
func (n *node) Fsync(context.Context, fs.FileHandle, uint32) syscall.Errno {
	if errno := n.disk.change(); errno != 0 {
		return errno
	}
	defer n.disk.mu.Unlock()
	n.in.sync()
	return 0
}

// Unlink removes a name.
func (n *node) Unlink(_ context.Context, name string) syscall.Errno {
	if errno := n.disk.change(); errno != 0 {
		return errno
	}
	defer n.disk.mu.Unlock()
	n.in.remove(name)
	return 0
}

// Rmdir removes an empty folder.
func (n *node) Rmdir(_ context.Context, name string) syscall.Errno {
	if errno := n.disk.change(); errno != 0 {
		return errno
	}
	defer n.disk.mu.Unlock()
	if in := n.in.entries[name]; in != nil && len(in.entries) > 0 {
		return syscall.ENOTEMPTY
	}
	n.in.remove(name)
	return 0
}

// Rename renames, also over what is there.
func (n *node) Rename(_ context.Context, name string, parent fs.InodeEmbedder, newName string, flags uint32) syscall.Errno {
	if errno := n.disk.change(); errno != 0 {
		return errno
	}
	defer n.disk.mu.Unlock()
	to, ok := parent.(*node)
	in := n.in.entries[name]
	switch {
	case !ok || in == nil:
		return syscall.ENOENT
	case flags != 0:
		return syscall.ENOSYS
	}
	if there := to.in.entries[newName]; there != nil && len(there.entries) > 0 {
		return syscall.ENOTEMPTY
	}
	delete(n.in.entries, name)
	to.in.add(newName, in)
	return 0
}

// Readdir lists a folder.
func (n *node) Readdir(context.Context) (fs.DirStream, syscall.Errno) {
	if errno := n.disk.enter(); errno != 0 {
		return nil, errno
	}
	defer n.disk.mu.Unlock()
	var list []fuse.DirEntry
	for _, name := range slices.Sorted(maps.Keys(n.in.entries)) {
		in := n.in.entries[name]
		list = append(list, fuse.DirEntry{Name: name, Mode: in.mode & syscall.S_IFMT, Ino: in.number})
	}
	return fs.NewListDirStream(list), 0
}

// Statfs tells of much room.
func (n *node) Statfs(_ context.Context, out *fuse.StatfsOut) syscall.Errno {
	const blocks = 1 << 24 // of 4 KiB
	out.Blocks, out.Bfree, out.Bavail, out.Bsize, out.NameLen = blocks, blocks, blocks, 4<<10, 255
	return 0
}
