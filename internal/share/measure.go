package share

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"syscall"
	"time"
)

// What measuring takes of a share.
const (
	// measuredAtOnce bounds how many files one operation looks at.
	measuredAtOnce = 128
	// restAfter is how many times as long as an operation took measuring rests
	// after it.
	restAfter = 4
	// restWhileBusy is how long it rests while somebody else uses the share.
	restWhileBusy = 50 * time.Millisecond
)

// Used is what a directory holds.
type Used struct {
	// Bytes are those that files take on the server, which is less than their
	// length where they are sparse. A file with several names counts once.
	Bytes int64
	// Files are files and folders of any kind.
	Files int64
	// Closed are folders that the provisioner may not read; what is in them is
	// not counted.
	Closed int64
}

// Measure adds up what a directory holds. It looks at every file, one after the
// other and a few at a time, rests in between, and makes way for everybody else
// on the share. Symlinks are counted and not followed. What changes meanwhile
// may be counted or not. looked is told of each few files.
//
// Errors: fs.ErrNotExist, ErrTimeout, ErrBusy, or the file system's.
func (s *Share) Measure(ctx context.Context, d Directory, looked func(files int)) (Used, error) {
	now := measuring{folders: []string{d.path}}
	for now.open != nil || len(now.folders) > 0 {
		began, before := time.Now(), now.used.Files
		next, err := do(ctx, s, "measure directory "+quote(d.path), nil, now.step)
		if err != nil {
			// A step that has not come back may still read the folder: it is closed by
			// the step, or by the garbage collector.
			return Used{}, err
		}
		now = next
		looked(int(now.used.Files - before))
		if err := s.rest(ctx, restAfter*time.Since(began)); err != nil {
			now.close()
			return Used{}, err
		}
	}
	return now.used, nil
}

// rest waits for a while, and until nobody else is on the share. A share that is
// silent is not waited for: others are to be measured.
func (s *Share) rest(ctx context.Context, d time.Duration) error {
	for {
		select {
		case <-ctx.Done():
		case <-s.stop.Done():
			return errClosed
		case <-time.After(d):
		}
		if err := ctx.Err(); err != nil {
			return err // even if the wait was over as well
		}
		if !s.taken() {
			return nil
		}
		if err := s.silence(); err != nil {
			return s.fail("measure", err)
		}
		d = restWhileBusy
	}
}

// measuring is how far a measurement has come.
type measuring struct {
	used    Used
	folders []string // to be read
	folder  string   // being read
	open    *os.File
}

func (m measuring) close() {
	if m.open != nil {
		_ = m.open.Close() // opened to read
	}
}

// step looks at the next few files. After an error nothing is open any more.
func (m measuring) step(t *tree) (_ measuring, err error) {
	defer func() {
		if err != nil {
			m.close()
		}
	}()
	if m.open == nil {
		last := len(m.folders) - 1
		m.folder, m.folders = m.folders[last], m.folders[:last]
		f, err := t.Open(m.folder)
		switch {
		case err != nil && m.used.Files == 0 && last == 0:
			return m, err // the directory itself
		case errors.Is(err, fs.ErrPermission):
			m.used.Closed++
			return m, nil
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.ELOOP):
			return m, nil // it went, or is another by now
		case err != nil:
			return m, err
		}
		m.open = f
	}
	entries, err := m.open.ReadDir(measuredAtOnce)
	for _, e := range entries {
		place := m.folder + "/" + e.Name()
		info, err := t.Lstat(place)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return m, err
		}
		m.used.add(info)
		if info.IsDir() {
			m.folders = append(m.folders, place)
		}
	}
	if errors.Is(err, io.EOF) || err == nil && len(entries) == 0 {
		err = m.open.Close()
		m.open = nil
	}
	if err != nil {
		return m, fmt.Errorf("read %q: %w", m.folder, err)
	}
	return m, nil
}

// add counts a file. One with several names is met as often, and counts for a
// part of itself each time.
func (u *Used) add(info fs.FileInfo) {
	u.Files++
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return
	}
	const block = 512 // of st_blocks, whatever the file system's own is
	bytes := stat.Blocks * block
	if names := int64(stat.Nlink); names > 1 && !info.IsDir() {
		bytes /= names
	}
	u.Bytes += min(bytes, math.MaxInt64-u.Bytes)
}
