package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/nfs-provisioner/nfs-provisioner/test/chaos"
)

// request is what is asked.
type request = chaos.Ask

func (i *inspector) do(r request) (any, error) {
	mount := filepath.Join(i.shares, r.Share)
	s := &share{root: filepath.Join(mount, chaos.Folder), outside: filepath.Join(mount, chaos.Neighbour)}
	switch r.Do {
	case chaos.Prepare:
		return nil, errors.Join(s.tidy(), s.prepare())
	case chaos.Release:
		return s.release(r.Canaries[0])
	case chaos.Watch:
		var seen []chaos.Sighting
		for _, c := range r.Canaries {
			seen = append(seen, s.look(c))
		}
		return seen, nil
	case chaos.Plant:
		return nil, s.plant(r.Canaries[0])
	case chaos.List:
		return s.list()
	case chaos.Tidy:
		return nil, s.tidy()
	default:
		return nil, fmt.Errorf("%q is nothing that can be done", r.Do)
	}
}

// A share is the folder that the release has as its share, and the neighbour's
// tree beside it.
type share struct{ root, outside string }

// private is the mode of files that nobody else reads.
const private = 0o600

func (s *share) prepare() error {
	for _, folder := range []string{s.root, filepath.Join(s.outside, "tree")} {
		if err := os.MkdirAll(folder, 0o777); err != nil {
			return err
		}
		if err := os.Chmod(folder, 0o777); err != nil { //nolint:gosec // as an export of which everybody may use a part
			return err
		}
	}
	return os.WriteFile(filepath.Join(s.outside, "tree", "file"), []byte(precious), private)
}

const precious = "the neighbour's\n"

func (s *share) tidy() error {
	return errors.Join(os.RemoveAll(s.root), os.RemoveAll(s.outside))
}

// outsideChanged says how the neighbour's tree is not what it was.
func (s *share) outsideChanged() (string, error) {
	var seen []string
	err := filepath.WalkDir(s.outside, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		seen = append(seen, strings.TrimPrefix(name, s.outside))
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	content, err := os.ReadFile(filepath.Join(s.outside, "tree", "file"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if strings.Join(seen, " ") != " /tree /tree/file" || string(content) != precious {
		return fmt.Sprintf("holds %q, the file %q", seen, content), nil
	}
	return "", nil
}

// release writes a canary whole or not at all.
func (s *share) release(c chaos.Canary) (chaos.Sighting, error) {
	directory := filepath.Join(s.root, c.Directory)
	seen := s.look(c)
	switch seen.State {
	case chaos.Unclear:
		return seen, errors.New(seen.Error)
	case chaos.Intact, chaos.Changed:
		return seen, nil
	}
	if _, err := os.Lstat(directory); err != nil {
		return seen, err
	}
	written := filepath.Join(directory, ".writing-"+c.File())
	err := os.WriteFile(written, []byte(c.Content), private)
	if err == nil {
		err = os.Rename(written, filepath.Join(directory, c.File()))
	}
	if err != nil {
		return seen, errors.Join(err, os.Remove(written))
	}
	seen.State = chaos.Intact
	return seen, nil
}

// look reads a canary and who is beside it.
func (s *share) look(c chaos.Canary) (seen chaos.Sighting) {
	directory := filepath.Join(s.root, c.Directory)
	entries, err := os.ReadDir(directory)
	var content []byte
	if err == nil {
		for _, entry := range entries {
			if volume, ok := chaos.CanaryOf(entry.Name()); ok && volume != c.Volume {
				seen.Strangers = append(seen.Strangers, volume)
			}
		}
		content, err = os.ReadFile(filepath.Join(directory, c.File()))
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		seen.State = chaos.Missing
	case err != nil:
		seen.State, seen.Error = chaos.Unclear, err.Error()
	case string(content) != c.Content:
		seen.State, seen.Content = chaos.Changed, string(content)
	default:
		seen.State = chaos.Intact
	}
	return seen
}

// list walks the share. Symlinks are not followed.
func (s *share) list() (chaos.Listing, error) {
	l := chaos.Listing{Canaries: map[string]string{}, Records: map[string]chaos.Owner{}}
	err := filepath.WalkDir(s.root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		place := strings.TrimPrefix(strings.TrimPrefix(name, s.root), "/")
		switch {
		case place == "":
		case place == metadata:
			return fs.SkipDir
		case entry.IsDir():
			l.Directories = append(l.Directories, place)
		case entry.Type().IsRegular():
			if _, ok := chaos.CanaryOf(path.Base(place)); !ok {
				return nil
			}
			content, err := os.ReadFile(name)
			l.Canaries[place] = string(content)
			return err
		}
		return nil
	})
	if err != nil {
		return l, err
	}
	if l.Outside, err = s.outsideChanged(); err != nil {
		return l, err
	}
	return l, s.listMetadata(&l)
}

const metadata = ".nfs-provisioner"

// listMetadata reads what the provisioner keeps for itself.
func (s *share) listMetadata(l *chaos.Listing) error {
	records := filepath.Join(s.root, metadata, "records")
	err := filepath.WalkDir(records, func(name string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && name == records {
			return nil
		}
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		var owner chaos.Owner
		if err := json.Unmarshal(data, &owner); err != nil {
			owner.State = "damaged"
		}
		l.Records[strings.TrimPrefix(name, records+"/")] = owner
		return nil
	})
	if err != nil {
		return err
	}
	for folder, into := range map[string]*[]string{"trash": &l.Trash, "sharers": &l.Sharers, "tmp": &l.Temporary} {
		entries, err := os.ReadDir(filepath.Join(s.root, metadata, folder))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		for _, entry := range entries {
			*into = append(*into, entry.Name())
		}
	}
	return nil
}

// harassment is how long a tenant goes on after its claim may be deleted.
const harassment = 1500 * time.Millisecond

// plant puts symlinks that lead everywhere, and files, into a volume, and goes
// on to change them through a handle of its directory, as a pod that has the
// volume mounted would: wherever the directory is moved to, the tenant is in it.
func (s *share) plant(c chaos.Canary) error {
	inside, err := os.OpenRoot(filepath.Join(s.root, c.Directory))
	if err != nil {
		return err
	}
	for name, to := range traps {
		if err := inside.Symlink(to, name); err != nil && !errors.Is(err, fs.ErrExist) {
			return errors.Join(err, inside.Close())
		}
	}
	go func() {
		defer inside.Close() //nolint:errcheck // the tenant does not care
		for end := time.Now().Add(harassment); time.Now().Before(end); {
			for n := range 4 {
				harass(inside, fmt.Sprintf("work-%d", n))
			}
			time.Sleep(10 * time.Millisecond) // the server has others to serve
		}
	}()
	return nil
}

// traps are symlinks by name, and where they lead.
var traps = map[string]string{
	"root": "/", "here": ".", "up": "..", "share": "../..", "records": "../../" + metadata + "/records",
	"neighbour": "../../../" + chaos.Neighbour + "/tree", "beside": "../" + chaos.Neighbour, "long": "../../../../../../../../etc",
}

// harass makes a directory and puts a symlink in its place, or the other way
// round. The tenant does not care what fails.
func harass(inside *os.Root, name string) {
	_ = inside.Mkdir(name, 0o777)
	_ = inside.WriteFile(name+"/file", []byte(precious), private)
	_ = inside.Rename(name, name+"-moved")
	_ = inside.Symlink("../../../"+chaos.Neighbour+"/tree", name)
	_ = inside.Remove(name)
	_ = inside.Rename(name+"-moved", name)
}
