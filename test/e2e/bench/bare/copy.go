package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/nfs-provisioner/nfs-provisioner/test/e2e/bench/loops"
)

// lastWord is where Kubernetes reads what a container says at its end.
const lastWord = "/dev/termination-log"

// copyFiles copies folders of files from one directory to another, as many files
// at once as there are workers, with modes and times, and says how long it took.
func copyFiles(_ context.Context, o options) error {
	began := time.Now()
	var files []string
	if err := filepath.WalkDir(o.from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(o.from, path)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return os.MkdirAll(filepath.Join(o.to, name), 0o755)
		}
		files = append(files, name)
		return nil
	}); err != nil {
		return err
	}
	if err := loops.Parallel(o.workers, files, func(name string) error {
		return copyOne(filepath.Join(o.from, name), filepath.Join(o.to, name))
	}); err != nil {
		return err
	}
	return os.WriteFile(lastWord, []byte(time.Since(began).String()), 0o600)
}

func copyOne(from, to string) (err error) {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	info, err := source.Stat()
	if err != nil {
		return err
	}
	made, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, info.Mode().Perm())
	if err != nil {
		return err
	}
	_, err = io.Copy(made, source)
	return errors.Join(err, made.Close(), os.Chtimes(to, info.ModTime(), info.ModTime()))
}

// fillFolders makes folders with files of 4 KiB, no two alike.
func fillFolders(directory string, files, workers int) error {
	const size = 4 << 10
	folders := make([]int, (files+loops.FilesInFolder-1)/loops.FilesInFolder)
	for i := range folders {
		folders[i] = i
	}
	return loops.Parallel(workers, folders, func(i int) error {
		folder := filepath.Join(directory, fmt.Sprintf("folder-%d", i))
		if err := os.Mkdir(folder, 0o755); err != nil {
			return err
		}
		content := make([]byte, size)
		for j := i * loops.FilesInFolder; j < min((i+1)*loops.FilesInFolder, files); j++ {
			copy(content, fmt.Sprintf("%d", j))
			if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("file-%d", j)), content, 0o644); err != nil {
				return err
			}
		}
		return nil
	})
}

// removeFolders removes a folder with all that is in it, what lies one and two
// levels below it at the same time.
func removeFolders(folder string, workers int) error {
	places, err := filepath.Glob(filepath.Join(folder, "*", "*", "*"))
	if err != nil {
		return err
	}
	return errors.Join(loops.Parallel(workers, places, os.RemoveAll), os.RemoveAll(folder))
}
