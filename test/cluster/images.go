package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// The images that every node has. No registry is asked for them.
const (
	busyboxImage = "docker.io/library/busybox:local"
	pauseImage   = "docker.io/library/pause:local"
)

// buildImages writes the two images, unless they are there.
func (c *cluster) buildImages() error {
	if err := c.makeDirs(filepath.Dir(c.imageFile(""))); err != nil {
		return err
	}
	return errors.Join(
		writeImage(c.imageFile("busybox"), busyboxImage, busyboxRoot),
		writeImage(c.imageFile("pause"), pauseImage, c.pauseRoot),
	)
}

func writeImage(file, name string, root func() (rootFS, error)) error {
	if _, err := os.Stat(file); err == nil {
		return nil
	}
	content, err := root()
	if err != nil {
		return fmt.Errorf("image %s: %w", name, err)
	}
	var archive bytes.Buffer
	if err := content.writeArchive(&archive, name); err != nil {
		return fmt.Errorf("image %s: %w", name, err)
	}
	return writeFile(file, archive.Bytes(), 0o644)
}

// A rootFS is an image of one layer: its files and how it is run.
type rootFS struct {
	entries []entry
	config  imageConfig
}

// An entry is a directory if its name ends in a slash, a link if it has a
// target, or else a file.
type entry struct {
	name   string
	mode   int64
	target string
	data   []byte
}

type imageConfig struct {
	Entrypoint []string `json:",omitempty"`
	Cmd        []string `json:",omitempty"`
	Env        []string `json:",omitempty"`
}

// busyboxRoot is Debian's static busybox with a link for each applet.
func busyboxRoot() (rootFS, error) {
	const source = "/bin/busybox"
	binary, err := os.ReadFile(source)
	if err != nil {
		return rootFS{}, err
	}
	applets, err := exec.Command(source, "--list").Output()
	if err != nil {
		return rootFS{}, fmt.Errorf("%s --list: %w", source, err)
	}
	root := rootFS{config: imageConfig{Cmd: []string{"/bin/sh"}, Env: []string{"PATH=/bin"}}}
	for _, dir := range []string{"bin/", "dev/", "etc/", "mnt/", "proc/", "root/", "sys/"} {
		root.entries = append(root.entries, entry{name: dir, mode: 0o755})
	}
	root.entries = append(root.entries,
		entry{name: "tmp/", mode: 0o1777},
		entry{name: "etc/passwd", mode: 0o644, data: []byte("root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n")},
		entry{name: "etc/group", mode: 0o644, data: []byte("root:x:0:\nnogroup:x:65534:\n")},
		entry{name: "bin/busybox", mode: 0o755, data: binary},
	)
	for applet := range strings.FieldsSeq(string(applets)) {
		if applet != "busybox" {
			root.entries = append(root.entries, entry{name: "bin/" + applet, mode: 0o777, target: "busybox"})
		}
	}
	return root, nil
}

func (c *cluster) pauseRoot() (rootFS, error) {
	binary, err := os.ReadFile(c.bin("pause"))
	return rootFS{
		entries: []entry{{name: "pause", mode: 0o755, data: binary}},
		config:  imageConfig{Entrypoint: []string{"/pause"}},
	}, err
}

// writeArchive writes the image as docker-archive: a layer and two JSON files.
// The same content always makes the same bytes.
func (r rootFS) writeArchive(w io.Writer, name string) error {
	layer, err := writeTar(r.entries)
	if err != nil {
		return err
	}
	config, err := json.Marshal(map[string]any{
		"architecture": "amd64",
		"os":           "linux",
		"config":       r.config,
		"rootfs": map[string]any{
			"type":     "layers",
			"diff_ids": []string{fmt.Sprintf("sha256:%x", sha256.Sum256(layer))},
		},
	})
	if err != nil {
		return err
	}
	manifest, err := json.Marshal([]archiveManifest{{
		Config: "config.json", RepoTags: []string{name}, Layers: []string{"layer.tar"},
	}})
	if err != nil {
		return err
	}
	archive, err := writeTar([]entry{
		{name: manifestFile, mode: 0o644, data: manifest},
		{name: "config.json", mode: 0o644, data: config},
		{name: "layer.tar", mode: 0o644, data: layer},
	})
	if err != nil {
		return err
	}
	_, err = w.Write(archive)
	return err
}

func writeTar(entries []entry) ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		header := &tar.Header{Name: e.name, Mode: e.mode, Linkname: e.target, Size: int64(len(e.data)), Typeflag: tar.TypeReg}
		switch {
		case strings.HasSuffix(e.name, "/"):
			header.Typeflag = tar.TypeDir
		case e.target != "":
			header.Typeflag = tar.TypeSymlink
		}
		if err := w.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := w.Write(e.data); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), w.Close()
}

const manifestFile = "manifest.json"

type archiveManifest struct {
	Config   string
	RepoTags []string
	Layers   []string
}

// archiveTags reads the names of the images in a docker-archive.
func archiveTags(r io.Reader) ([]string, error) {
	for archive := tar.NewReader(r); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil, errors.New("it has no " + manifestFile + " and so is no docker-archive")
		}
		if err != nil {
			return nil, err
		}
		if header.Name != manifestFile {
			continue
		}
		var manifests []archiveManifest
		if err := json.NewDecoder(archive).Decode(&manifests); err != nil {
			return nil, fmt.Errorf("%s: %w", manifestFile, err)
		}
		var tags []string
		for _, manifest := range manifests {
			tags = append(tags, manifest.RepoTags...)
		}
		if len(tags) == 0 {
			return nil, errors.New("its image has no name")
		}
		return tags, nil
	}
}
