package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nfs-provisioner/nfs-provisioner/test/e2e/bench/loops"
)

// share is the directory on this machine that provisioners take for an NFS
// export.
type share struct{ root string }

// renew makes the share empty, for a row or a round that begins. What was in it is
// put aside until discard: ext4 makes no file of an inode that was freed in the last
// minutes, and looks at each of them before it finds another. That made the same
// files ten times as dear, and most so for whoever makes more of them.
func (s share) renew() error {
	if err := s.putAside(); err != nil {
		return err
	}
	if err := os.MkdirAll(s.root, 0o777); err != nil {
		return err
	}
	return s.flush()
}

func (s share) putAside() error {
	if err := os.MkdirAll(s.aside(), 0o700); err != nil {
		return err
	}
	place, err := os.MkdirTemp(s.aside(), "")
	if err != nil {
		return err
	}
	err = os.Rename(s.root, filepath.Join(place, "share"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func (s share) aside() string { return s.root + "-aside" }

// discard removes everything that was ever on the share.
func (s share) discard() error { return errors.Join(s.renew(), os.RemoveAll(s.aside())) }

// flush writes everything out, so that it is not written during a measurement.
func (s share) flush() error {
	f, err := os.Open(s.root)
	if err != nil {
		return err
	}
	return errors.Join(unix.Syncfs(int(f.Fd())), f.Close())
}

// keptAbout finds the files outside the volume's directory whose name or content
// says a volume's name.
func (s share) keptAbout(volume, directory string) ([]loops.File, error) {
	var all []loops.File
	err := filepath.WalkDir(s.root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		relative, err := filepath.Rel(s.root, path)
		if err != nil || strings.HasPrefix(relative, directory+"/") {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		content, err := os.ReadFile(path)
		if strings.Contains(relative, volume) || strings.Contains(string(content), volume) {
			all = append(all, loops.File{Path: relative, Content: string(content), Mode: info.Mode().Perm()})
		}
		return err
	})
	return all, err
}

// add makes the directory of a volume and what the provisioner would keep about
// it, as in the sample, and returns the directory.
func (s share) add(like sample, names loops.Names) (string, error) {
	replace := names.Instead(like.names).Replace
	directory := filepath.Join(s.root, replace(like.directory))
	if err := os.MkdirAll(directory, 0o777); err != nil {
		return "", err
	}
	for _, k := range like.kept {
		path := filepath.Join(s.root, replace(k.Path))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return "", err
		}
		if err := os.WriteFile(path, []byte(replace(k.Content)), k.Mode); err != nil {
			return "", err
		}
	}
	return directory, nil
}
