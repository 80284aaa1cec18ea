package docs

import (
	"context"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func document(lines ...string) string { return strings.Join(lines, "\n") + "\n" }

func TestBlocksOfADocument(t *testing.T) {
	got, err := parse("story.md", document(
		"# Begin", "", "```sh", "one", "", "two", "```",
		"## Then", "```yaml values.yaml", "# a comment", "a: 1", "```",
		"1. Apply", "   ```yaml", "   b:", "     c: 2", "   ```",
		"```text", "for reading", "```"))
	if err != nil {
		t.Fatal(err)
	}
	want := []Block{
		{"story.md", 3, "Begin", "sh", "", "one\n\ntwo\n"},
		{"story.md", 9, "Then", "yaml", "values.yaml", "# a comment\na: 1\n"},
		{"story.md", 14, "Then", "yaml", "", "b:\n  c: 2\n"},
		{"story.md", 18, "Then", "text", "", "for reading\n"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the blocks are\n%v\nwant\n%v", got, want)
	}
}

func TestAnOpenBlockIsAnError(t *testing.T) {
	if _, err := parse("story.md", document("text", "```sh", "one")); err == nil || !strings.Contains(err.Error(), "story.md:2") {
		t.Errorf("the error is %v; it should name line 2", err)
	}
}

func session(t *testing.T, setting Setting) *Session {
	t.Helper()
	setting.Directory = t.TempDir()
	s, err := NewSession(context.WithoutCancel(t.Context()), setting)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func run(t *testing.T, s *Session, block Block) string {
	t.Helper()
	out, err := s.Run(block)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestVariablesAndTheDirectoryCarryOver(t *testing.T) {
	s := session(t, Setting{Environment: []string{"GREETING=hello"}})
	run(t, s, Block{Line: 1, Language: "sh", Text: "name=world\nmkdir below\ncd below\n"})
	if got := run(t, s, Block{Line: 2, Language: "sh", Text: "echo \"$GREETING $name\" >&2\nbasename \"$PWD\"\n"}); got != "hello world\nbelow\n" {
		t.Errorf("the shell says %q", got)
	}
}

func TestWhatTheDocumentSaysIsReplaced(t *testing.T) {
	s := session(t, Setting{Replace: []string{"nfs.example.com", "192.0.2.1"}})
	run(t, s, Block{Line: 1, Language: "yaml", File: "values.yaml", Text: "server: nfs.example.com\n"})
	if got := run(t, s, Block{Line: 2, Language: "sh", Text: "cat values.yaml; echo nfs.example.com\n"}); got != "server: 192.0.2.1\n192.0.2.1\n" {
		t.Errorf("the shell says %q", got)
	}
}

func TestManifestsAreApplied(t *testing.T) {
	tools := t.TempDir()
	if err := os.WriteFile(filepath.Join(tools, "kubectl"), []byte("#!/bin/sh\necho \"$1 $2 $3\"; cat \"$5\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	s := session(t, Setting{Namespace: "team-a", Environment: []string{"PATH=" + tools + ":" + os.Getenv("PATH")}})
	if got := run(t, s, Block{Line: 1, Language: "yaml", Text: "kind: Pod\n"}); got != "apply --namespace team-a\nkind: Pod\n" {
		t.Errorf("kubectl says %q", got)
	}
}

func TestTheFirstFailureEndsTheDocument(t *testing.T) {
	for name, commands := range map[string]string{
		"a command":            "echo before\nfalse\necho after\n",
		"a part of a pipe":     "echo before\nfalse | true\necho after\n",
		"a variable not set":   "echo before\necho $unheard_of\necho after\n",
		"exit with a bad code": "echo before\nexit 3\n",
		"exit as if all done":  "echo before\nexit 0\n",
	} {
		t.Run(name, func(t *testing.T) {
			s := session(t, Setting{})
			out, err := s.Run(Block{Document: "story.md", Line: 7, Language: "sh", Text: commands})
			if err == nil || !strings.Contains(err.Error(), "story.md:7") {
				t.Errorf("the error is %v; it should name line 7", err)
			}
			if !strings.Contains(out, "before") || strings.Contains(out, "after") {
				t.Errorf("the shell printed %q", out)
			}
			if _, err := s.Run(Block{Line: 8, Language: "sh", Text: "true\n"}); err == nil {
				t.Error("a block ran after the failure")
			}
		})
	}
}

func TestCommandsDoNotReadTheBlocksBehindThem(t *testing.T) {
	s := session(t, Setting{})
	if got := run(t, s, Block{Line: 1, Language: "sh", Text: "cat\n"}); got != "" {
		t.Errorf("cat read %q", got)
	}
	if got := run(t, s, Block{Line: 2, Language: "sh", Text: "echo still here\n"}); got != "still here\n" {
		t.Errorf("the shell says %q", got)
	}
}

func TestOtherBlocksAreForReading(t *testing.T) {
	s := session(t, Setting{})
	if got := run(t, s, Block{Line: 1, Language: "text", Text: "exit 1\n"}); got != "" {
		t.Errorf("the shell says %q", got)
	}
}
