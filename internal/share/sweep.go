package share

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"
)

// Sweep finishes what a crash may have left undone where no volume is there any
// more to ask for it: it removes half-written records, goes on with the removal
// of what is in the trash and of copies that are of no use, and forgets volumes
// of this cluster whose data was removed long ago. Nothing else is touched. It
// returns the volumes whose data is still being removed.
//
// The error tells of removals that failed, too; the next Sweep tries again.
func (s *Share) Sweep(ctx context.Context, cluster string, exists func(volume string) bool) (removing []string, err error) {
	removing, err = do(ctx, s, "sweep the trash", nil, func(t *tree) ([]string, error) {
		err := sweepTemporary(t, s.options.Remember, exists)
		removing, problem := sweepTrash(t, cluster, exists)
		return removing, errors.Join(err, problem, s.removeDiscarded(t))
	})
	problems := []error{err, s.collect(exists)}
	for _, volume := range removing {
		_, err := s.empty(volume)
		problems = append(problems, err)
	}
	return removing, errors.Join(append(problems, s.forget(ctx, cluster, exists))...)
}

// forgottenAtOnce bounds how many proofs one operation looks at.
const forgottenAtOnce = 256

// forget drops the proofs that nobody will ask for any more.
func (s *Share) forget(ctx context.Context, cluster string, exists func(volume string) bool) error {
	names, err := do(ctx, s, "list what was removed", nil, func(t *tree) ([]string, error) { return ofVolumes(t, removedFolder) })
	problems := []error{err}
	for some := range slices.Chunk(names, forgottenAtOnce) {
		_, err := do(ctx, s, "forget what was removed", nil, func(t *tree) (struct{}, error) {
			var problems []error
			for _, name := range some {
				problems = append(problems, forgetOne(t, removedFolder+"/"+name, cluster, s.options.Remember, exists))
			}
			return struct{}{}, errors.Join(problems...)
		})
		problems = append(problems, err)
	}
	return errors.Join(problems...)
}

func forgetOne(t *tree, place, cluster string, remember time.Duration, exists func(string) bool) error {
	info, err := t.Lstat(place)
	if errors.Is(err, fs.ErrNotExist) || err == nil && age(info) < remember {
		return nil
	}
	if err != nil {
		return err
	}
	r, err := restoredProof(t, place, path.Base(place), cluster)
	if err != nil || r.Cluster != cluster || exists(r.Volume) {
		return err
	}
	return t.Remove(place)
}

// collect takes the outcomes that no volume will ask for.
func (s *Share) collect(exists func(volume string) bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var problems []error
	for volume, r := range s.removals {
		if r.ended() && !exists(volume) {
			problems = append(problems, s.fail("empty the trash", r.err))
			delete(s.removals, volume)
		}
	}
	return errors.Join(problems...)
}

func sweepTemporary(t *tree, abandoned time.Duration, exists func(volume string) bool) error {
	names, err := t.names(temporary)
	problems := []error{err}
	for _, name := range names {
		if err := sweepOne(t, temporary+"/"+name, abandoned, exists); !errors.Is(err, fs.ErrNotExist) {
			problems = append(problems, err)
		}
	}
	return errors.Join(problems...)
}

func sweepOne(t *tree, place string, abandoned time.Duration, exists func(volume string) bool) error {
	file, err := t.Lstat(place)
	if err != nil {
		return err
	}
	old := age(file)
	switch {
	case old >= abandoned && file.IsDir():
		return t.Rmdir(place) // see removeEmpty
	case old >= abandoned:
		return t.Remove(place)
	case old >= strayAfter && !file.IsDir():
		return restoreStray(t, place, exists)
	default:
		return nil
	}
}

// age is how long a file has had its name. The server's clock may be ahead.
func age(file fs.FileInfo) time.Duration { return max(0, time.Since(renamed(file))) }

// sweepTrash lists the volumes that are gone and whose data is not, and puts back
// what came into the trash too late.
func sweepTrash(t *tree, cluster string, exists func(string) bool) (removing []string, err error) {
	names, err := ofVolumes(t, trashFolder)
	problems := []error{err}
	proven := map[string]bool{}
	for _, name := range names {
		volume, isProof := strings.CutSuffix(name, proofSuffix)
		if !isProof {
			continue
		}
		proven[volume] = true
		r, err := restoredProof(t, proofOf(volume), volume, cluster)
		if err == nil && r.Cluster == cluster && !exists(r.Volume) {
			removing = append(removing, r.Volume)
		}
		problems = append(problems, err)
	}
	for _, name := range names {
		if !proven[name] && !strings.HasSuffix(name, proofSuffix) {
			problems = append(problems, restoreDirectory(t, name, cluster))
		}
	}
	return removing, errors.Join(problems...)
}
