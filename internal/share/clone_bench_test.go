package share

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"
)

// filesVariable says of how many files BenchmarkClone makes a clone.
const filesVariable = "SHARE_BENCH_FILES"

// BenchmarkClone copies many small files, beside what else copies them on the same
// mount: cp -a and rsync -a, if they are there, and a loop that opens, reads,
// writes and closes in as many goroutines, and keeps times and modes.
func BenchmarkClone(b *testing.B) {
	places := filepath.SplitList(os.Getenv(mountsVariable))
	if len(places) == 0 {
		places = []string{os.TempDir()}
	}
	files := 2000
	if n, err := strconv.Atoi(os.Getenv(filesVariable)); err == nil {
		files = n
	}
	for _, place := range places {
		b.Run(filepath.Base(place), func(b *testing.B) { benchmarkClone(b, place, files) })
	}
}

func benchmarkClone(b *testing.B, place string, files int) {
	top, err := os.MkdirTemp(place, "share-test-")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = os.RemoveAll(top) })
	s := New(Location{Name: "test", Server: "nas", Path: "/export", Mount: top}, Options{Timeout: time.Minute, Places: 32})
	d, err := ParseDirectory("source")
	if err != nil {
		b.Fatal(err)
	}
	source := Record{Cluster: "cluster-1", Volume: "pv-source", Directory: d}
	if _, err := s.Make(b.Context(), source, open777); err != nil {
		b.Fatal(err)
	}
	from := filepath.Join(top, "source")
	content := make([]byte, 4096)
	for i := range files {
		content[0], content[i%4095+1] = byte(i), byte(i>>8)+1
		folder := filepath.Join(from, strconv.Itoa(i/1000))
		if err := errors.Join(os.MkdirAll(folder, 0o755), os.WriteFile(filepath.Join(folder, strconv.Itoa(i)), content, 0o644)); err != nil {
			b.Fatal(err)
		}
	}
	ways := map[string]func(to string) error{
		"clone": func(to string) error {
			d, err := ParseDirectory(filepath.Base(to))
			if err != nil {
				return err
			}
			r := Record{Cluster: "cluster-1", Volume: "pv-" + filepath.Base(to), Directory: d}
			_, err = cloned(b.Context(), s, r, s, volume(source))
			return err
		},
		"parallel": func(to string) error { return parallelCopy(from, to) },
	}
	for name, command := range map[string][]string{"cp": {"cp", "-a"}, "rsync": {"rsync", "-a"}} {
		if _, err := exec.LookPath(command[0]); err == nil {
			ways[name] = func(to string) error {
				return exec.CommandContext(b.Context(), command[0], command[1], from+"/.", to).Run() //nolint:gosec // a copier, and places of this test
			}
		}
	}
	round := 0
	for _, name := range []string{"parallel", "clone", "cp", "rsync"} {
		way, there := ways[name]
		if !there {
			continue
		}
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				to := filepath.Join(top, fmt.Sprintf("copy-%d", round))
				round++
				if err := way(to); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(files)*float64(b.N)/b.Elapsed().Seconds(), "files/s")
			var memory runtime.MemStats
			runtime.ReadMemStats(&memory)
			b.ReportMetric(float64(memory.Sys)/(1<<20), "MiB-of-process")
		})
	}
}

// parallelCopy is what a person would write for files and folders alone.
func parallelCopy(from, to string) error {
	type job struct {
		name string
		info fs.FileInfo
	}
	jobs, failed := make(chan job), make(chan error, crewSize)
	var group sync.WaitGroup
	for range crewSize {
		group.Go(func() {
			for j := range jobs {
				if err := copyOne(filepath.Join(from, j.name), filepath.Join(to, j.name), j.info); err != nil {
					select {
					case failed <- err:
					default:
					}
				}
			}
		})
	}
	err := filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return os.MkdirAll(filepath.Join(to, name), 0o755)
		}
		info, err := entry.Info()
		jobs <- job{name, info}
		return err
	})
	close(jobs)
	group.Wait()
	select {
	case other := <-failed:
		err = errors.Join(err, other)
	default:
	}
	return err
}

func copyOne(from, to string, info fs.FileInfo) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close() //nolint:errcheck // opened to read
	made, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, info.Mode().Perm())
	if err != nil {
		return err
	}
	_, err = io.Copy(made, source)
	return errors.Join(err, made.Close(), os.Chtimes(to, info.ModTime(), info.ModTime()))
}
