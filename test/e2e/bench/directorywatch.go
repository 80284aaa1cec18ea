package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// A directoryWatch hears from the kernel when directories are moved and when they
// are removed, wherever they are by then.
type directoryWatch struct {
	queue *os.File
	index map[int32]int // of the directory, by its watch
	heard chan fate
	err   error // why nothing more is heard
}

// A fate is what has become of one directory.
type fate struct {
	directory int
	gone      bool // removed, and with it all that was in it; else moved
	at        time.Time
}

func watchDirectories(paths []string) (*directoryWatch, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("watch directories: %w", err)
	}
	const fates = 2
	w := &directoryWatch{
		queue: os.NewFile(uintptr(fd), "inotify"), index: map[int32]int{}, heard: make(chan fate, fates*len(paths)),
	}
	for i, path := range paths {
		watch, err := unix.InotifyAddWatch(fd, path, unix.IN_MOVE_SELF|unix.IN_DELETE_SELF)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("watch %s: %w", path, err), w.queue.Close())
		}
		w.index[int32(watch)] = i //nolint:gosec // the kernel counts them from 1
	}
	go w.listen()
	return w, nil
}

func (w *directoryWatch) stop() error { return w.queue.Close() }

// listen ends when the queue is closed.
func (w *directoryWatch) listen() {
	defer close(w.heard)
	buffer := make([]byte, 1<<16)
	for {
		n, err := w.queue.Read(buffer)
		at := time.Now()
		if err != nil {
			w.err = err
			return
		}
		for _, f := range w.fates(buffer[:n], at) {
			w.heard <- f
		}
	}
}

// fates reads struct inotify_event, one after the other.
func (w *directoryWatch) fates(events []byte, at time.Time) (all []fate) {
	const mask, length = 4, 12 // where they are in an event
	for len(events) >= unix.SizeofInotifyEvent {
		watch := int32(binary.NativeEndian.Uint32(events)) //nolint:gosec // as the kernel has it
		what := binary.NativeEndian.Uint32(events[mask:])
		events = events[unix.SizeofInotifyEvent+int(binary.NativeEndian.Uint32(events[length:])):]
		if i, ok := w.index[watch]; ok && what&(unix.IN_MOVE_SELF|unix.IN_DELETE_SELF) != 0 {
			all = append(all, fate{i, what&unix.IN_DELETE_SELF != 0, at})
		}
	}
	return all
}

// A clearance is when paths became free, and when the directories were gone.
type clearance struct {
	freed, gone span
	moved       map[int]bool
}

// next adds what is heard next.
func (w *directoryWatch) next(ctx context.Context, from *process, c *clearance) error {
	var ended chan struct{}
	if from != nil {
		ended = from.ended
	}
	select {
	case f, ok := <-w.heard:
		if !ok {
			return fmt.Errorf("directories are watched no more: %w", w.err)
		}
		c.add(f)
		return nil
	case <-ended:
		if from.err != nil {
			return from.died()
		}
		return w.next(ctx, nil, c)
	case <-ctx.Done():
		return fmt.Errorf("%d paths are free, %d directories are gone: %w", c.freed.count, c.gone.count, context.Cause(ctx))
	}
}

func (c *clearance) add(f fate) {
	if c.moved == nil {
		c.moved = map[int]bool{}
	}
	if !c.moved[f.directory] {
		c.moved[f.directory] = true
		c.freed.add(f.at)
	}
	if f.gone {
		c.gone.add(f.at)
	}
}
