// Package attack is the corpus of paths that every test which judges paths is
// run with. Only tests import it.
package attack

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
)

//go:embed paths.txt
var paths string

// A Path is what somebody may try to have as a directory.
type Path struct {
	Text string
	// Refusal is what the error must say; it is empty if Text is taken.
	Refusal string
}

// Taken says whether Text is a directory that a volume may have.
func (p Path) Taken() bool { return p.Refusal == "" }

// Paths reads the corpus. A mistake in it is a panic.
func Paths() []Path {
	var all []Path
	for n, line := range strings.Split(paths, "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		p, err := read(line)
		if err != nil {
			panic(fmt.Sprintf("paths.txt:%d: %v", n+1, err))
		}
		all = append(all, p)
	}
	return all
}

func read(line string) (p Path, err error) {
	verdict, rest, _ := strings.Cut(line, " ")
	if rest = strings.TrimLeft(rest, " "); verdict == "refused" {
		if p.Refusal, rest, err = quoted(rest); err != nil {
			return p, err
		}
	} else if verdict != "taken" {
		return p, fmt.Errorf("%q is no verdict", verdict)
	}
	if p.Text, rest, err = quoted(rest); err != nil || rest == "" {
		return p, err
	}
	times, err := strconv.Atoi(strings.TrimPrefix(rest, "*"))
	p.Text = strings.Repeat(p.Text, times)
	return p, err
}

func quoted(text string) (value, rest string, err error) {
	prefix, err := strconv.QuotedPrefix(text)
	if err != nil {
		return "", "", err
	}
	value, err = strconv.Unquote(prefix)
	return value, strings.TrimLeft(text[len(prefix):], " "), err
}
