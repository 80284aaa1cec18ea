package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
)

func TestWriteArchive(t *testing.T) {
	root := rootFS{
		entries: []entry{
			{name: "bin/", mode: 0o755},
			{name: "bin/tool", mode: 0o755, data: []byte("program")},
			{name: "bin/alias", mode: 0o777, target: "tool"},
		},
		config: imageConfig{Cmd: []string{"/bin/tool"}},
	}
	const name = "docker.io/library/tool:local"
	var first, second bytes.Buffer
	for _, b := range []*bytes.Buffer{&first, &second} {
		if err := root.writeArchive(b, name); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Error("the same image makes different archives")
	}

	tags, err := archiveTags(bytes.NewReader(first.Bytes()))
	if err != nil || !slices.Equal(tags, []string{name}) {
		t.Errorf("archiveTags = %q, %v; want %q", tags, err, name)
	}

	files := readTar(t, first.Bytes())
	var config struct {
		Architecture, OS string
		Config           imageConfig
		RootFS           struct {
			DiffIDs []string `json:"diff_ids"`
		}
	}
	if err := json.Unmarshal(files["config.json"], &config); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("sha256:%x", sha256.Sum256(files["layer.tar"]))
	if !slices.Equal(config.RootFS.DiffIDs, []string{want}) {
		t.Errorf("diff_ids = %q, want %q", config.RootFS.DiffIDs, want)
	}
	if !slices.Equal(config.Config.Cmd, root.config.Cmd) {
		t.Errorf("Cmd = %q, want %q", config.Config.Cmd, root.config.Cmd)
	}
	layer := readTar(t, files["layer.tar"])
	if string(layer["bin/tool"]) != "program" {
		t.Errorf("bin/tool = %q", layer["bin/tool"])
	}
}

func TestArchiveTagsRefuses(t *testing.T) {
	other, err := writeTar([]entry{{name: "README", mode: 0o644, data: []byte("hello")}})
	if err != nil {
		t.Fatal(err)
	}
	nameless, err := writeTar([]entry{{name: manifestFile, mode: 0o644, data: []byte(`[{"Config":"c"}]`)}})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		what, data, want string
	}{
		{"an empty file", "", "no docker-archive"},
		{"another tar", string(other), "no docker-archive"},
		{"an image without a name", string(nameless), "has no name"},
		{"text", strings.Repeat("not a tar ", 100), "invalid tar header"},
	} {
		if _, err := archiveTags(strings.NewReader(test.data)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("archiveTags of %s: %v; want an error with %q", test.what, err, test.want)
		}
	}
}

func readTar(t *testing.T, data []byte) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	for r := tar.NewReader(bytes.NewReader(data)); ; {
		header, err := r.Next()
		if err == io.EOF {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if files[header.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
}
