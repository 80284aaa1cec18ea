package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

func contents(t *testing.T, archive []byte) map[string][]byte {
	t.Helper()
	all, r := map[string][]byte{}, tar.NewReader(bytes.NewReader(archive))
	for {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		must(t, err)
		all[header.Name], err = io.ReadAll(r)
		must(t, err)
	}
}

func TestAnImageIsADockerArchiveOfTheProgram(t *testing.T) {
	program, file := filepath.Join(t.TempDir(), "p"), filepath.Join(t.TempDir(), "image.tar")
	must(t, os.WriteFile(program, []byte("ELF"), 0o700))
	must(t, writeImage(file, map[string]string{imageProvisioner: program}))
	data, err := os.ReadFile(file)
	must(t, err)
	parts := contents(t, data)
	var manifest []struct {
		Config   string
		RepoTags []string
		Layers   []string
	}
	must(t, json.Unmarshal(parts["manifest.json"], &manifest))
	var config struct {
		RootFS struct {
			DiffIDs []string `json:"diff_ids"`
		} `json:"rootfs"`
	}
	must(t, json.Unmarshal(parts[manifest[0].Config], &config))
	layer := parts[manifest[0].Layers[0]]
	sum := sha256.Sum256(layer)
	if manifest[0].RepoTags[0] != imageName || config.RootFS.DiffIDs[0] != "sha256:"+hex.EncodeToString(sum[:]) || string(contents(t, layer)["provisioner"]) != "ELF" {
		t.Errorf("got %+v, %+v", manifest, config)
	}
}
