package main

import (
	"bytes"
	"io"
	"sync"
	"time"
)

// pace is the shortest time between two writes of lines that tell of nothing wrong.
const pace = 100 * time.Millisecond

// news is how a line begins that is no warning and no error.
var news = []byte("I")

// lines writes a log's lines, together those that come faster than pace: in a burst
// of claims each write wakes up whoever collects the log of the container. An error
// is written at once, with all that came before it. What is held back when the
// process is killed is lost.
type lines struct {
	to io.Writer

	mu   sync.Mutex
	held []byte
	due  *time.Timer // runs while less than pace has passed since the last write
}

// Write takes one line of klog, whose first letter is its severity.
func (l *lines) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held = append(l.held, line...)
	if l.due != nil && bytes.HasPrefix(line, news) {
		return len(line), nil
	}
	if l.due == nil {
		l.due = time.AfterFunc(pace, l.rested)
	}
	return len(line), l.release()
}

// rested writes what has come meanwhile, and waits once more if that was anything.
func (l *lines) rested() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.due == nil {
		return
	}
	if len(l.held) == 0 {
		l.due = nil
		return
	}
	_ = l.release() // nobody is left who could be told
	l.due.Reset(pace)
}

// flush writes what is held back.
func (l *lines) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.due != nil {
		l.due.Stop()
		l.due = nil
	}
	_ = l.release() // nobody is left who could be told
}

func (l *lines) release() error {
	if len(l.held) == 0 {
		return nil
	}
	_, err := l.to.Write(l.held)
	l.held = l.held[:0]
	return err
}
