package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

func TestHelpShowsEveryFlagAndVariable(t *testing.T) {
	var out, complaints bytes.Buffer
	if code := run([]string{"--help"}, nil, &out, &complaints); code != exitOK || complaints.Len() > 0 {
		t.Errorf("code %d, complaints %q", code, &complaints)
	}
	flags(&options{}).VisitAll(func(f *pflag.Flag) {
		if !strings.Contains(out.String(), "--"+f.Name) {
			t.Errorf("--%s is not in --help", f.Name)
		}
		if f.Usage == "" {
			t.Errorf("--%s has no description", f.Name)
		}
	})
	for _, variable := range append([]string{"NFS_SERVER", "NFS_PATH", shareForm}, names()...) {
		if !strings.Contains(out.String(), variable) {
			t.Errorf("%s is not in --help", variable)
		}
	}
}

func names() []string {
	var all []string
	for _, v := range variables {
		all = append(all, v.name)
	}
	return all
}

func TestEachVariableStandsForAFlagThatExists(t *testing.T) {
	set := flags(&options{})
	for _, v := range variables {
		if set.Lookup(v.flag) == nil {
			t.Errorf("%s stands for --%s, which does not exist", v.name, v.flag)
		}
	}
}

func TestVersionIsToldWhateverElseIsSaid(t *testing.T) {
	var out, complaints bytes.Buffer
	if code := run([]string{"--version"}, []string{"ENABLE_LEADER_ELECTION=perhaps"}, &out, &complaints); code != exitOK || complaints.Len() > 0 {
		t.Errorf("code %d, complaints %q", code, &complaints)
	}
	if text := out.String(); !strings.HasPrefix(text, "nfs-provisioner "+version) || strings.Count(text, "\n") != 1 {
		t.Errorf("got %q", text)
	}
}

func TestMistakesAreComplainedAboutALineEach(t *testing.T) {
	var out, complaints bytes.Buffer
	if code := run([]string{"--leader-elect=false", "--workers=0"}, nil, &out, &complaints); code != exitUsage || out.Len() > 0 {
		t.Errorf("code %d, output %q", code, &out)
	}
	lines := strings.Split(strings.TrimSpace(complaints.String()), "\n")
	if len(lines) != 4 { // name, share, workers, and where to look
		t.Errorf("got %d lines:\n%s", len(lines), &complaints)
	}
	for _, line := range lines {
		if !strings.HasPrefix(line, "nfs-provisioner: ") {
			t.Errorf("the line %q does not say who complains", line)
		}
	}
	if last := lines[len(lines)-1]; !strings.Contains(last, "--help") {
		t.Errorf("the last line is %q", last)
	}
}

func TestAFailureHasACodeOfItsOwn(t *testing.T) {
	var out, complaints bytes.Buffer
	arguments := with("--kubeconfig=/does/not/exist")
	if code := run(arguments, nil, &out, &complaints); code != exitFailed {
		t.Errorf("code %d", code)
	}
	if text := complaints.String(); !strings.Contains(text, "/does/not/exist") || strings.Contains(text, "--help") {
		t.Errorf("complaints %q", text)
	}
}

// broken is an output that nobody reads any more.
type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("closed") }

func TestAnOutputThatCannotBeWrittenIsAFailure(t *testing.T) {
	for _, arguments := range [][]string{{"--help"}, {"--version"}, {"--unknown"}} {
		if code := run(arguments, nil, broken{}, broken{}); code != exitFailed {
			t.Errorf("%v: code %d", arguments, code)
		}
	}
}
