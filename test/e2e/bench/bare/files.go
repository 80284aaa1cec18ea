package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// files removes, then makes, and fills folders for the benchmark where it cannot do so
// itself: on an export, in a pod.
func files(_ context.Context, o options) error {
	if err := clean(o); err != nil {
		return err
	}
	for _, folder := range o.make {
		path := filepath.Join(o.directory, folder)
		if err := errors.Join(os.MkdirAll(path, 0o777), os.Chmod(path, 0o777)); err != nil {
			return err
		}
	}
	if o.fill > 0 {
		if err := fillFolders(o.directory, o.fill, o.workers); err != nil {
			return err
		}
	}
	return nil
}

// clean removes a folder, if one is to be.
func clean(o options) error {
	if o.remove == "" {
		return nil
	}
	if !filepath.IsLocal(o.remove) {
		return fmt.Errorf("--remove %q is not inside", o.remove)
	}
	return removeFolders(filepath.Join(o.directory, o.remove), o.workers)
}
