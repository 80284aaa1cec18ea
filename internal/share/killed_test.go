package share

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// A deed is an operation that a process may die in.
type deed struct {
	before func(*testing.T, *Share) // what was there before
	do     func(*testing.T, *Share) error
}

// withOwner is the deed for which root has to be root on the server, too.
const withOwner = "make with owner"

// sharing lets volumes have one directory.
var sharing = MakeOptions{Mode: 0o777, AllowShared: true}

// deeds are all operations that change a share, each with what it may find.
func deeds(t *testing.T) map[string]deed {
	r := record(t, "pv-1", "a", "team/db")
	flat := record(t, "pv-1", "a", "db")
	next := record(t, "pv-2", "a", "team/db")
	first, second := record(t, "pv-1", "a", "common"), record(t, "pv-2", "b", "common")
	old := volume(record(t, "pv-1", "a", "default-a-pv-1"))
	old.Adopted = true

	made := func(r Record, o MakeOptions) func(*testing.T, *Share) {
		return func(t *testing.T, s *Share) {
			mustMake(t, s, r, o)
			write(t, s, r.Directory.path+"/file", "data")
			write(t, s, r.Directory.path+"/folder/file", "data")
		}
	}
	both := func(t *testing.T, s *Share) {
		made(first, sharing)(t, s)
		mustMake(t, s, second, sharing)
	}
	last := func(t *testing.T, s *Share) {
		both(t, s)
		must(t, s.Remove(t.Context(), volume(first)))
	}
	bare := func(r Record, o MakeOptions) func(*testing.T, *Share) {
		return func(t *testing.T, s *Share) { mustMake(t, s, r, o) }
	}
	kept := func(t *testing.T, s *Share) {
		made(r, open777)(t, s)
		must(t, s.Retain(t.Context(), volume(r)))
	}
	existing := func(t *testing.T, s *Share) { write(t, s, "team/db/file", "older") }
	adoptable := func(t *testing.T, s *Share) { write(t, s, "default-a-pv-1/file", "data") }

	doMake := func(r Record, o MakeOptions) func(*testing.T, *Share) error {
		return func(t *testing.T, s *Share) error { _, err := s.Make(t.Context(), r, o); return err }
	}
	remove := func(v Volume) func(*testing.T, *Share) error {
		return func(t *testing.T, s *Share) error { return removedVolume(t, s, v) }
	}
	archive := func(v Volume) func(*testing.T, *Share) error {
		return func(t *testing.T, s *Share) error { _, err := s.Archive(t.Context(), v); return err }
	}
	retain := func(v Volume) func(*testing.T, *Share) error {
		return func(t *testing.T, s *Share) error { return s.Retain(t.Context(), v) }
	}
	abandon := func(r Record) func(*testing.T, *Share) error {
		return func(t *testing.T, s *Share) error { return s.Abandon(t.Context(), r) }
	}
	clone := func(t *testing.T, s *Share) error {
		_, err := cloned(t.Context(), s, record(t, "pv-2", "b", "copies/db"), s, volume(r))
		awaitNoCopies(t, s)
		return err
	}
	dressed := MakeOptions{Mode: 0o2770, UID: new(uint32), GID: new(uint32)}

	return map[string]deed{
		"make":                          {nil, doMake(r, open777)},
		withOwner:                       {nil, doMake(r, dressed)},
		"make a shared directory":       {nil, doMake(first, sharing)},
		"join a shared directory":       {made(first, sharing), doMake(second, sharing)},
		"take an existing directory":    {existing, doMake(r, MakeOptions{Mode: 0o777, AllowExisting: true})},
		"take a directory back":         {kept, doMake(next, open777)},
		"remove":                        {made(r, open777), remove(volume(r))},
		"remove an adopted volume":      {adoptable, remove(old)},
		"remove one of two sharers":     {both, remove(volume(first))},
		"remove the last sharer":        {last, remove(volume(second))},
		"archive":                       {made(flat, open777), archive(volume(flat))},
		"archive below a folder":        {made(r, open777), archive(volume(r))},
		"archive an adopted volume":     {adoptable, archive(old)},
		"archive the last sharer":       {last, archive(volume(second))},
		"retain":                        {made(r, open777), retain(volume(r))},
		"retain an adopted volume":      {adoptable, retain(old)},
		"retain for the last sharer":    {last, retain(volume(second))},
		"abandon":                       {bare(r, open777), abandon(r)},
		"abandon a directory with data": {made(r, open777), abandon(r)},
		"abandon a shared directory":    {bare(first, sharing), abandon(first)},
		"abandon one of two sharers":    {both, abandon(first)},
		"abandon what came back":        {func(t *testing.T, s *Share) { kept(t, s); mustMake(t, s, next, open777) }, abandon(next)},
		"abandon what was there":        {func(t *testing.T, s *Share) { existing(t, s); mustMake(t, s, r, MakeOptions{AllowExisting: true}) }, abandon(r)},
		"clone":                         {made(r, open777), clone},
		"sweep": {
			func(t *testing.T, s *Share) { made(r, open777)(t, s); must(t, removed(t, s, r)) },
			func(t *testing.T, s *Share) error {
				_, err := s.Sweep(t.Context(), r.Cluster, func(string) bool { return false })
				return err
			},
		},
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// prepared is a share with neighbours on which a deed is to be done.
func prepared(t *testing.T, mount string, d deed) *Share {
	t.Helper()
	must(t, os.MkdirAll(mount, 0o777))
	s := newShare(t, mount)
	mustMake(t, s, record(t, "pv-n", "n", "team/neighbour"), open777)
	write(t, s, "team/neighbour/file", "neighbour's")
	write(t, s, "team/loose", "nobody's")
	if d.before != nil {
		d.before(t, s)
	}
	return s
}

// survived does a deed by a process that knows nothing of the one that died,
// twice, and returns what is on the share then.
func survived(t *testing.T, mount string, d deed) string {
	t.Helper()
	s := newShare(t, mount)
	for try := range 2 {
		if err := d.do(t, s); err != nil {
			t.Fatalf("try %d after the crash: %v", try+1, err)
		}
	}
	return picture(t, s)
}

// doomVariable makes this binary a process that does a deed and dies at one of
// its steps: the deed, the step and the mount, separated by colons.
const doomVariable = "SHARE_TEST_DOOM"

// TestDoomed is the process that dies.
func TestDoomed(t *testing.T) {
	doom := strings.SplitN(os.Getenv(doomVariable), ":", 3)
	if len(doom) != 3 {
		t.Skip("only for a process that is to die")
	}
	step, err := strconv.ParseInt(doom[1], 10, 64)
	must(t, err)
	var asked atomic.Int64
	s := New(Location{Name: "test", Server: "nas", Path: "/export", Mount: doom[2]}, Options{
		Timeout: time.Minute, Places: 4,
		Fence: func() error {
			if asked.Add(1) == step {
				_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
				select {} // the signal is on its way
			}
			return nil
		},
	})
	s.patience = s.options.Timeout
	must(t, deeds(t)[doom[0]].do(t, s))
	must(t, s.Close(t.Context()))
}

// diesAt runs a process that does a deed until it dies right before a step. It
// says false if the deed has no such step.
func diesAt(t *testing.T, name, mount string, step int) bool {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	child := exec.CommandContext(ctx, self, "-test.run=^TestDoomed$")
	child.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0", fmt.Sprintf("%s=%s:%d:%s", doomVariable, name, step, mount))
	out, err := child.CombinedOutput()
	if err == nil {
		return false
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); !ok || !status.Signaled() || status.Signal() != syscall.SIGKILL || ctx.Err() != nil {
		t.Fatalf("the process did not die at step %d: %v\n%s", step, err, out)
	}
	return true
}

// TestADeedSurvivesKillAtEveryStep lets a real process die by SIGKILL right
// before each step that changes the share.
func TestADeedSurvivesKillAtEveryStep(t *testing.T) {
	total := 0
	forSomeFileSystems(t, func(t *testing.T, s *Share) {
		for name, d := range deeds(t) {
			t.Run(name, func(t *testing.T) {
				if name == withOwner && squashed(t, s) {
					t.Skip("the server does not let root give files away")
				}
				mount := func(what string) string { return filepath.Join(s.Mount, name, what) }
				prepared(t, mount("undisturbed"), d)
				want := survived(t, mount("undisturbed"), d)
				step := 1
				for ; ; step++ {
					here := mount(strconv.Itoa(step))
					prepared(t, here, d)
					dies := diesAt(t, name, here, step)
					if got := survived(t, here, d); got != want {
						t.Errorf("killed before step %d the share ends with\n%s\nwhere else it ends with\n%s", step, without(got, want), without(want, got))
					}
					if !dies {
						break
					}
				}
				if step == 1 {
					t.Error("there was no step to die at")
				}
				total += step - 1
			})
		}
	})
	t.Logf("%d deaths", total)
}
