package share

import (
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

var long = flag.Bool("long", false, "plant everything in every operation on every file system, not most of it in memory")

// A planting is what a tenant, who may write in the folder that his volume's
// directory is in, puts in a place between two steps of an operation. It may
// fail where there is nothing to plant it upon.
type planting func(place string)

func replacedBySymlink(target string) planting {
	return func(place string) {
		_ = os.Rename(place, place+".away")
		_ = os.Symlink(target, place)
	}
}

func replacedBySpecial(mode uint32) planting {
	return func(place string) {
		_ = os.Rename(place, place+".away")
		_ = syscall.Mknod(place, mode|0o666, 0)
	}
}

func replacedByFile(place string) {
	_ = os.Rename(place, place+".away")
	_ = os.WriteFile(place, []byte("planted"), 0o666)
}

func replacedByFolder(place string) {
	_ = os.Rename(place, place+".away")
	_ = os.MkdirAll(place+"/planted", 0o777)
}

func renamedAway(place string) { _ = os.Rename(place, place+".away") }

func renamedIntoANeighbour(place string) { _ = os.Rename(place, filepath.Dir(place)+"/other/stolen") }

func neighbourRenamedIntoIt(place string) {
	_ = os.Rename(filepath.Dir(place)+"/other", place+"/stolen")
}

// TestNothingThatIsPlantedBetweenTwoStepsLeadsAnOperationAstray plants before
// each step of each operation.
func TestNothingThatIsPlantedBetweenTwoStepsLeadsAnOperationAstray(t *testing.T) {
	r := record(t, "pv-1", "a", "open/team/db")
	made := func(t *testing.T, s *Share) {
		mustMake(t, s, r, open777)
		write(t, s, "open/team/db/file", "data")
		write(t, s, "open/team/db/sub/file", "data")
	}
	adopted := volume(r)
	adopted.Adopted = true
	deeds := map[string]deed{
		"make": {nil, func(t *testing.T, s *Share) error {
			_, err := s.Make(t.Context(), r, MakeOptions{Mode: 0o700})
			return err
		}},
		"make existing": {nil, func(t *testing.T, s *Share) error {
			_, err := s.Make(t.Context(), r, MakeOptions{Mode: 0o700, AllowExisting: true})
			return err
		}},
		"remove":  {made, func(t *testing.T, s *Share) error { return s.Remove(t.Context(), volume(r)) }},
		"archive": {made, func(t *testing.T, s *Share) error { _, err := s.Archive(t.Context(), volume(r)); return err }},
		"retain":  {made, func(t *testing.T, s *Share) error { return s.Retain(t.Context(), volume(r)) }},
		"abandon": {func(t *testing.T, s *Share) { mustMake(t, s, r, open777) }, func(t *testing.T, s *Share) error { return s.Abandon(t.Context(), r) }},
		"remove adopted": {
			func(t *testing.T, s *Share) { write(t, s, "open/team/db/file", "data") },
			func(t *testing.T, s *Share) error { return s.Remove(t.Context(), adopted) },
		},
	}
	plantings := map[string]planting{
		"symlink to a folder of like content": replacedBySymlink("../vault"),
		"symlink to a neighbour":              replacedBySymlink("../../vault/db"),
		"symlink to a neighbour's folder":     replacedBySymlink("../../vault"),
		"symlink out of the share":            replacedBySymlink("../../../neighbour"),
		"symlink out, absolute":               replacedBySymlink("/etc"),
		"symlink to our records":              replacedBySymlink("../../" + recordsFolder),
		"symlink to itself":                   replacedBySymlink("db"),
		"symlink to the root":                 replacedBySymlink("../.."),
		"FIFO":                                replacedBySpecial(syscall.S_IFIFO),
		"socket":                              replacedBySpecial(syscall.S_IFSOCK),
		"file":                                replacedByFile,
		"another folder":                      replacedByFolder,
		"nothing":                             renamedAway,
		"moved into a neighbour":              renamedIntoANeighbour,
		"a neighbour moved into it":           neighbourRenamedIntoIt,
	}
	count := 0
	forSomeFileSystems(t, func(t *testing.T, s *Share) {
		for name, d := range deeds {
			for what, plant := range plantings {
				if !*long && slices.Contains([]string{"make existing", "retain", "remove adopted"}, name) {
					continue
				}
				if !*long && !strings.HasPrefix(s.Mount, "/dev/shm/") && !slices.Contains([]string{"symlink to a neighbour", "FIFO", "another folder"}, what) {
					continue
				}
				for where, place := range map[string]string{"in its place": "open/team/db", "above": "open/team"} {
					t.Run(name+", "+what+" "+where, func(t *testing.T) {
						for step := 0; ; step++ {
							count++
							if !astray(t, s, d, step, plant, place) || t.Failed() {
								break
							}
						}
					})
				}
			}
		}
	})
	t.Logf("%d plantings", count)
}

// astray does a deed while something is planted before one of its steps, and
// says whether there was such a step.
func astray(t *testing.T, s *Share, d deed, step int, plant planting, place string) (planted bool) {
	t.Helper()
	mount, err := os.MkdirTemp(s.Mount, "planted-")
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(mount) }) // all of them together fill a small file system
	b := besiege(t, mount)
	must(t, os.MkdirAll(filepath.Join(b.Mount, "open/team/other"), 0o777))
	mustMake(t, b.Share, record(t, "pv-v", "v", "vault/db"), MakeOptions{Mode: 0o750})
	write(t, b.Share, "vault/db/file", "victim's")
	write(t, b.Share, "vault/db/sub/file", "victim's")
	before := b.precious(t)
	if d.before != nil {
		d.before(t, b.Share)
	}
	b.options.Timeout = time.Minute // a share under load takes long, and what hangs does so for ever
	var once sync.Mutex
	asked := 0
	b.options.Fence = func() error {
		once.Lock()
		defer once.Unlock()
		if asked++; asked == step+1 {
			planted = true
			plant(filepath.Join(b.Mount, place))
		}
		return nil
	}
	for range 2 {
		err = d.do(t, b.Share)
		if errors.Is(err, ErrTimeout) || errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("planted before step %d, the operation hangs: %v", step+1, err)
		}
	}
	after := b.precious(t)
	for path, was := range before {
		if is, ok := after[path]; !ok || is != was {
			t.Errorf("planted before step %d: %q was %q and is %q; the operation ended with %v", step+1, path, was, is, err)
		}
	}
	for path := range after {
		if _, ok := before[path]; !ok {
			t.Errorf("planted before step %d: %q has come", step+1, path)
		}
	}
	return planted
}

// precious is what no tenant of the folder "open" may reach.
func (b *besieged) precious(t *testing.T) map[string]string {
	t.Helper()
	all := b.land(t)
	for path := range all {
		if strings.HasPrefix(path, b.Mount+"/open") || strings.HasPrefix(path, b.Mount+"/archived-open") {
			delete(all, path)
		}
	}
	victim, err := os.ReadFile(filepath.Join(b.Mount, recordsFolder, "vault/db"))
	must(t, err)
	all["record of the victim"] = string(victim)
	return all
}
