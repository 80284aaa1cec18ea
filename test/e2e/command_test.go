//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"sigs.k8s.io/yaml"
)

// command runs a program and returns what it printed; an error carries that
// too.
func command(ctx context.Context, name string, arguments ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, arguments...)
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%s %s: %w\n%s%s", name, strings.Join(arguments, " "), err, out.String(), complaints.String())
	}
	return out.String(), nil
}

// values writes the values with which the release is installed to a file.
func (s *suite) values() (file string, err error) {
	values := s.imageAndShares(s.exports)
	values["storageClasses"] = []map[string]any{{
		"name": defaultClass, "share": s.squashed().share, "default": true, "labels": map[string]any{label: "true"},
	}}
	for _, on := range values["shares"].([]map[string]any) {
		if on["name"] == s.plain().share {
			on["usageInterval"] = "30s"
		}
	}
	values["additionalProvisionerNames"] = []string{older}
	values["inventoryInterval"] = "5s" // for tests that wait for it
	values["metrics"] = map[string]any{"dashboard": map[string]any{"enabled": true}}
	return writeValues("values", values)
}

// imageAndShares are the values that every release under test has.
func (s *suite) imageAndShares(exports []export) map[string]any {
	repository, tag, _ := cutLast(s.image, ":")
	testRepository, testTag, _ := cutLast(s.testbox, ":")
	var shares []map[string]any
	for _, e := range exports {
		shares = append(shares, map[string]any{
			"name": e.share, "server": e.server, "path": e.path, "mountOptions": []string{"nfsvers=4.1"},
		})
	}
	return map[string]any{
		"image":    map[string]any{"repository": repository, "tag": tag, "pullPolicy": "IfNotPresent"},
		"test":     map[string]any{"image": map[string]any{"repository": testRepository, "tag": testTag}},
		"shares":   shares,
		"logLevel": 2,
	}
}

func writeValues(name string, values map[string]any) (file string, err error) {
	data, err := yaml.Marshal(values)
	if err != nil {
		return "", err
	}
	file = os.TempDir() + "/nfs-provisioner-e2e-" + name + ".yaml"
	return file, os.WriteFile(file, data, 0o600)
}

func cutLast(s, separator string) (before, after string, found bool) {
	if i := strings.LastIndex(s, separator); i >= 0 {
		return s[:i], s[i+len(separator):], true
	}
	return s, "", false
}
