package loops

import (
	"fmt"
	"path/filepath"
	"strings"
)

// Where volumes of the benchmark's share say that they are.
const (
	ShareServer = "nas.bench.invalid"
	SharePath   = "/export"
)

// Below is a volume's directory, relative to the share, by its path on the
// server.
func Below(path string) (string, error) {
	relative, ok := strings.CutPrefix(path, SharePath+"/")
	if !ok || !filepath.IsLocal(relative) {
		return "", fmt.Errorf("the volume is at %s, which is not below %s", path, SharePath)
	}
	return relative, nil
}
