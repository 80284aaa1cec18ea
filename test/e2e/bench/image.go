package main

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
)

// The image that the node runs: the bare loops and the provisioner under test, at
// the root of a file system that has nothing else.
const (
	imageName        = "docker.io/library/nfs-provisioner-bench:local"
	imageBare        = "/bench-bare"
	imageProvisioner = "/provisioner"
)

// loadImage makes the image and imports it into the nodes of the test cluster.
func (b *bench) loadImage(ctx context.Context) error {
	bare, err := barePath()
	if err != nil {
		return err
	}
	archive := b.work + "/image.tar"
	if err := writeImage(archive, map[string]string{imageBare: bare, imageProvisioner: b.options.provisioner}); err != nil {
		return fmt.Errorf("make the image for the node: %w", err)
	}
	if err := control(ctx, "load", archive); err != nil {
		return fmt.Errorf("load the image into the nodes: %w", err)
	}
	return os.Remove(archive)
}

// writeImage writes a docker-archive of programs: a layer, and two files of JSON
// about it.
func writeImage(file string, programs map[string]string) error {
	layer, err := layerOf(programs)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(layer)
	config, err := json.Marshal(map[string]any{
		"architecture": runtime.GOARCH, "os": "linux", "config": map[string]any{},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{"sha256:" + hex.EncodeToString(sum[:])}},
	})
	if err != nil {
		return err
	}
	manifest, err := json.Marshal([]map[string]any{{"Config": "config.json", "RepoTags": []string{imageName}, "Layers": []string{"layer.tar"}}})
	if err != nil {
		return err
	}
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for _, part := range []struct {
		name    string
		content []byte
	}{{"layer.tar", layer}, {"config.json", config}, {"manifest.json", manifest}} {
		if err := addFile(w, part.name, 0o644, part.content); err != nil {
			return err
		}
	}
	return errors.Join(w.Close(), os.WriteFile(file, archive.Bytes(), 0o644))
}

func layerOf(programs map[string]string) ([]byte, error) {
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	for place, program := range programs {
		content, err := os.ReadFile(program)
		if err != nil {
			return nil, err
		}
		if err := addFile(w, strings.TrimPrefix(place, "/"), 0o755, content); err != nil {
			return nil, err
		}
	}
	return layer.Bytes(), w.Close()
}

func addFile(to *tar.Writer, name string, mode int64, content []byte) error {
	if err := to.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode, Size: int64(len(content))}); err != nil {
		return err
	}
	_, err := to.Write(content)
	return err
}
