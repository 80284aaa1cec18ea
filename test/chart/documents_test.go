package chart

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/nfs-provisioner/nfs-provisioner/test/docs"
)

// blocks are the blocks of the documents that show how to install the chart.
func blocks(t *testing.T) []docs.Block {
	t.Helper()
	var all []docs.Block
	for _, pattern := range []string{"../../*.md", "../../docs/*.md", chartDir + "/README.md"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if filepath.Base(file) == "migration.md" {
				continue // a story whose commands need what came before them; an end-to-end test lives through it
			}
			read, err := docs.Read(file)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, read...)
		}
	}
	return all
}

// TestDocumentedValues: the chart takes every file of values that a document shows.
func TestDocumentedValues(t *testing.T) {
	shown := 0
	for _, b := range blocks(t) {
		if b.Language != "yaml" || b.File != "values.yaml" {
			continue
		}
		shown++
		t.Run(filepath.Base(b.Document), func(t *testing.T) {
			if all := render(t, release{values: []string{minimal, b.Text}}); len(all.ofKind("Deployment")) != 1 {
				t.Errorf("%v renders %d Deployments", b, len(all.ofKind("Deployment")))
			}
		})
	}
	if shown == 0 {
		t.Error("no document shows values")
	}
}

var helmCommand = regexp.MustCompile(`(?m)^helm (?:install|upgrade)(?:[^\n]*\\\n)*[^\n]*$`)

// TestDocumentedCommands: helm takes every command by which a document installs or upgrades the chart, and renders it,
// where there are the charts and, as my-values.yaml, the values of an install.
func TestDocumentedCommands(t *testing.T) {
	const asTemplate = `
helm() {
  shift
  local arguments=()
  for a in "$@"; do case $a in --install) ;; *) arguments+=("$a") ;; esac; done
  "$HELM_PROGRAM" template "${arguments[@]}" --set-json 'image.pullPolicy="Always"'
}
`
	program, err := exec.LookPath(helmProgram())
	if err != nil {
		t.Fatal(err)
	}
	directory := t.TempDir()
	charts, err := filepath.Abs("../../charts")
	if err == nil {
		err = os.Symlink(charts, filepath.Join(directory, "charts"))
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(directory, "my-values.yaml"), []byte(minimal), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	shown := 0
	for _, b := range blocks(t) {
		for _, command := range helmCommand.FindAllString(b.Text, -1) {
			if b.Language != "sh" || !strings.Contains(command, "charts/nfs-provisioner") {
				continue
			}
			shown++
			cmd := exec.Command("bash", "-euc", asTemplate+command)
			cmd.Dir = directory
			cmd.Env = append(os.Environ(), "HELM_PROGRAM="+program, "HOME="+t.TempDir())
			if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "kind: Deployment") {
				t.Errorf("%v: %s: %v\n%s", b, command, err, out)
			}
		}
	}
	if shown == 0 {
		t.Error("no document shows a command")
	}
}
