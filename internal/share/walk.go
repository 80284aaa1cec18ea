package share

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"syscall"
	"time"
)

// An Entry is something on a share that a volume has, had, or might have.
type Entry struct {
	// Directory is its path from the share's root.
	Directory string
	// Record is the zero value if there is none, or none that can be read.
	Record Record
	// Sharers are the volumes that share the directory.
	Sharers []Sharer
	// Exists: the directory is there.
	Exists bool
	// Changed is when it came to be what it is, as far as that is known.
	Changed time.Time
	// Trashed: it is in the trash, and Record says whose it was.
	Trashed bool
	// Copy: it is a copy, begun for a volume, that no record names any more.
	Copy bool
	// Damaged says why the record cannot be read.
	Damaged error
}

// recordsAtOnce bounds how many records one operation reads, so that it ends
// well within its deadline.
const recordsAtOnce = 16

// Walk shows every record, every directory that could be a volume's, the trash,
// and copies that no record names, until show returns an error. Folders between the share's root and a
// volume's directory are entered and not shown: those that records lie below,
// and those that passage says of that a volume without a record lies below
// them. What is inside a volume's directory is not looked at.
//
// It changes nothing, and takes a place only for a part of the share at a time.
// What is made or removed meanwhile may be shown or not.
func (s *Share) Walk(ctx context.Context, passage func(directory string) bool, show func(Entry) error) error {
	if err := s.walkTrash(ctx, show); err != nil {
		return err
	}
	copies, err := do(ctx, s, "list copies", nil, func(t *tree) ([]string, error) { return t.names(clonesFolder) })
	if err != nil {
		return err
	}
	if len(copies) == 0 {
		return s.walkFolders(ctx, passage, show)
	}
	named := map[string]bool{}
	err = s.walkFolders(ctx, passage, func(e Entry) error {
		named[e.Record.Copy] = true
		return show(e)
	})
	if err != nil {
		return err
	}
	return s.walkCopies(ctx, slices.DeleteFunc(copies, func(name string) bool { return named[name] }), show)
}

func (s *Share) walkFolders(ctx context.Context, passage func(directory string) bool, show func(Entry) error) error {
	folders := []string{"."}
	for len(folders) > 0 {
		folder := folders[0]
		below, err := s.walkFolder(ctx, folder, passage, show)
		if err != nil {
			return err
		}
		folders = append(folders[1:], below...)
	}
	return nil
}

// contents are what a folder of a share, and of the tree of records, holds.
type contents struct {
	deeper    []string // folders that records are below
	recorded  []listed
	unclaimed []listed // directories without either
}

// listed is what the reading of folders alone says of a directory.
type listed struct {
	directory        string
	recorded, exists bool
}

// walkFolder shows what is right in one folder and returns the folders in it
// that have to be walked.
func (s *Share) walkFolder(ctx context.Context, folder string, passage func(string) bool, show func(Entry) error) (below []string, err error) {
	found, err := do(ctx, s, "list "+quote(folder), nil, func(t *tree) (contents, error) { return list(t, folder) })
	if err != nil {
		return nil, err
	}
	below, shown := found.deeper, found.recorded
	for _, l := range found.unclaimed {
		if passage(l.directory) {
			below = append(below, l.directory)
		} else {
			shown = append(shown, l)
		}
	}
	for some := range slices.Chunk(shown, recordsAtOnce) {
		entries, err := do(ctx, s, "read what is in "+quote(folder), nil, func(t *tree) (entries []Entry, err error) {
			for _, l := range some {
				if e, there := l.look(t); there {
					entries = append(entries, e)
				}
			}
			return entries, nil
		})
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if err := show(e); err != nil {
				return nil, err
			}
		}
	}
	return below, nil
}

func list(t *tree, folder string) (found contents, err error) {
	records, err := entriesOf(t, path.Join(recordsFolder, folder))
	if err != nil {
		return contents{}, err
	}
	entries, err := entriesOf(t, folder)
	if err != nil {
		return contents{}, err
	}
	directories := map[string]bool{}
	for _, e := range entries {
		directories[e.Name()] = e.IsDir() && (folder != "." || e.Name() != metadata)
	}
	for _, r := range records {
		directory := path.Join(folder, r.Name())
		if r.IsDir() {
			found.deeper = append(found.deeper, directory)
		} else {
			found.recorded = append(found.recorded, listed{directory, true, directories[r.Name()]})
		}
		delete(directories, r.Name())
	}
	for _, e := range entries {
		if directories[e.Name()] {
			found.unclaimed = append(found.unclaimed, listed{path.Join(folder, e.Name()), false, true})
		}
	}
	return found, nil
}

// entriesOf reads a folder. What has become something else holds nothing.
func entriesOf(t *tree, folder string) ([]fs.DirEntry, error) {
	entries, err := t.ReadDir(folder)
	if errors.Is(err, syscall.ENOTDIR) {
		return nil, nil
	}
	return entries, err
}

// look completes what was listed. It is not found if its record went since then.
func (l listed) look(t *tree) (Entry, bool) {
	if l.recorded {
		return lookUp(t, l.directory, l.exists)
	}
	e := Entry{Directory: l.directory, Exists: true}
	if info, err := t.Lstat(l.directory); err == nil {
		e.Changed = info.ModTime()
	}
	return e, true
}

// lookUp reads the record of a place. It is not found if it went since it was
// listed.
func lookUp(t *tree, place string, exists bool) (Entry, bool) {
	e := Entry{Directory: place, Exists: exists}
	d, err := parseDirectory(place, maxArchive)
	if err == nil {
		e.Record, err = rememberedRecord(t, d)
	}
	e.Changed = e.Record.Changed
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, ErrOwned):
		return Entry{}, false
	case err != nil:
		e.Damaged = err
	case e.Record.Shared:
		e.Sharers, e.Damaged = sharersOf(t, e.Record)
	}
	return e, true
}

func (s *Share) walkTrash(ctx context.Context, show func(Entry) error) error {
	entries, err := do(ctx, s, "list the trash", nil, listTrash)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := show(e); err != nil {
			return err
		}
	}
	return nil
}

// walkCopies shows copies that no record has named, if they are still there.
func (s *Share) walkCopies(ctx context.Context, names []string, show func(Entry) error) error {
	for _, name := range names {
		e, err := do(ctx, s, "look at copy "+quote(name), nil, func(t *tree) (Entry, error) {
			info, err := t.Lstat(clonesFolder + "/" + name)
			if errors.Is(err, fs.ErrNotExist) {
				return Entry{}, nil
			}
			if err != nil {
				return Entry{}, err
			}
			return Entry{Directory: clonesFolder + "/" + name, Exists: true, Copy: true, Changed: renamed(info)}, nil
		})
		if err == nil && e.Exists {
			err = show(e)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func listTrash(t *tree) ([]Entry, error) {
	found, err := ofVolumes(t, trashFolder)
	if err != nil {
		return nil, err
	}
	bins := map[string]*Entry{}
	bin := func(name string) *Entry {
		if bins[name] == nil {
			bins[name] = &Entry{Directory: path.Join(trashFolder, name), Trashed: true}
		}
		return bins[name]
	}
	for _, f := range found {
		name, isProof := strings.CutSuffix(f, proofSuffix)
		if info, err := t.Lstat(trashFolder + "/" + f); err == nil {
			bin(name).Changed = renamed(info)
		}
		if !isProof {
			bin(name).Exists = true
			continue
		}
		bin(name).Record, bin(name).Damaged = readProof(t, proofOf(name), name)
	}
	for name, e := range bins {
		if e.Record.Volume != "" || e.Damaged != nil {
			continue
		}
		if late, err := t.exists(removedFolder + "/" + name); late && err == nil {
			e.Damaged = fmt.Errorf("%w: it came into the trash after the data of volume %s was removed", ErrNotOurs, name)
		}
	}
	var all []Entry
	for _, e := range bins {
		if e.Exists || e.Damaged != nil { // else it is but a proof
			all = append(all, *e)
		}
	}
	slices.SortFunc(all, func(a, b Entry) int { return strings.Compare(a.Directory, b.Directory) })
	return all, nil
}

// renamed is when a file was last given its name, or its owner or mode.
func renamed(info fs.FileInfo) time.Time {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return time.Unix(stat.Ctim.Unix())
	}
	return info.ModTime()
}

// Find is Walk for one directory: it says what is there now, and which record
// governs exactly it.
func (s *Share) Find(ctx context.Context, d Directory) (Entry, error) {
	return do(ctx, s, "look at "+quote(d.path), nil, func(t *tree) (Entry, error) {
		exists, err := lookAt(t, d)
		if err != nil && !errors.Is(err, ErrExists) {
			return Entry{}, err
		}
		e, found := lookUp(t, d.path, exists)
		if !found {
			e = Entry{Directory: d.path, Exists: exists}
		}
		return e, nil
	})
}
