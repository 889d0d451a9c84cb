// Package powercut is a disk that a test can cut the power of. It is a file system in memory, mounted through FUSE, that
// keeps apart what was written and what was synced; at the cut only the second is left. kill -9 alone proves nothing of the
// kind: what a dead process wrote is still in the kernel's cache.
//
// What is synced is what POSIX and the usual file systems promise, and not more:
//   - fsync, fdatasync and a write to a file opened with O_SYNC or O_DSYNC keep that file's content (of the write: what
//     it wrote), and no other's;
//   - a synced file keeps its name, and those of the folders above it. POSIX wants an fsync of each folder for that;
//     ext4, XFS, Btrfs and ZFS do it by themselves, and nats-server counts on it for the files of its messages (it syncs
//     a folder after a rename only);
//   - fsync of a folder keeps the names in it, as they are then;
//   - a name that was removed or changed and not synced is back after the cut, with the content that was synced last.
package powercut
