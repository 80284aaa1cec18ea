// Package share is one NFS export as the provisioner sees it: a mounted
// directory tree on which volumes own directories. Every file-system call of
// the product is in this package, and every one of them starts at the open root
// of the share's mount and follows no symlink on its way. An os.Root would not
// do: it follows those that stay inside, and inside are the directories of
// others.
//
// It knows no Kubernetes type. It does not decide what a class allows or what
// a claim deserves; it is told, and it keeps the share safe while obeying.
//
// # Layout of a share
//
//	<directory>                             a volume's data
//	archived-<directory>-<volume>           data of a deleted volume, kept
//	.nfs-provisioner/records/<directory>    the record: who owns <directory>
//	.nfs-provisioner/sharers/<hash>/<volume>  those that share a directory
//	.nfs-provisioner/trash/<volume>         data on its way out
//	.nfs-provisioner/trash/<volume>_record  proof that it was ours to remove
//	.nfs-provisioner/removed/<volume>       the proof, once the data is gone
//	.nfs-provisioner/clones/<volume>_<random>     a copy being made for a volume
//	.nfs-provisioner/discarded/<volume>_<random>  one of no use, on its way out
//	.nfs-provisioner/tmp/                   records being written
//
// The tree of records mirrors the tree of directories, and a record is a plain
// file. So the file system itself, in one atomic step and across every client
// of the export, refuses what must not be: a second record for a directory
// (the name is taken), a record inside an owned directory (its parent is not a
// directory), a record around an owned directory (the name is a directory).
//
// # Rules of safety upheld here
//
//   - Containment: a [Directory] cannot name the share's root, anything under
//     .nfs-provisioner, or anything outside the share; no symlink is followed
//     at all, and none is accepted in the place of a directory.
//   - Ownership: nothing is made before its record is, complete and exclusive;
//     nothing is moved or removed unless its record names the volume.
//   - Nothing lost: nothing is ever renamed onto something that exists, and a
//     parent or sibling of a directory is never touched.
//   - No leak: every operation may be repeated after a crash at any point and
//     ends as if there had been none.
//   - Bounded I/O: every operation runs in a goroutine of its own with a
//     deadline and in one of a bounded number of places.
package share
