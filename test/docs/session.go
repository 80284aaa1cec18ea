package docs

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Setting is where a document is run.
type Setting struct {
	// Directory is where its commands start and its files are written. It must
	// exist.
	Directory string
	// Environment is added to that of the test, as NAME=VALUE.
	Environment []string
	// Replace holds pairs: what the document says, such as the address of an
	// example server, and what stands for it here.
	Replace []string
	// Namespace is that of manifests that name none; empty: default.
	Namespace string
}

// Session is one bash that lives from the first block to the last, so that
// variables and the directory carry over. It stops at the first command that
// fails, as `set -euo pipefail` has it.
type Session struct {
	setting Setting
	replace *strings.Replacer
	command *exec.Cmd
	input   io.WriteCloser
	pipe    io.Closer
	output  *bufio.Reader
	ended   bool
}

// endOfBlock is the line that the shell prints after each block.
const endOfBlock = "--- end of block ---"

var errEnded = errors.New("the shell has ended")

// NewSession starts the shell. It is killed when ctx ends.
func NewSession(ctx context.Context, setting Setting) (*Session, error) {
	command := exec.CommandContext(ctx, "bash", "--noprofile", "--norc", "-euo", "pipefail")
	command.Dir = setting.Directory
	command.Env = append(os.Environ(), setting.Environment...)
	input, err := command.StdinPipe()
	if err != nil {
		return nil, err
	}
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	// One pipe for both, so that complaints stand where they were made.
	command.Stdout, command.Stderr = write, write
	if err := command.Start(); err != nil {
		return nil, errors.Join(err, read.Close(), write.Close())
	}
	if err := write.Close(); err != nil {
		return nil, err
	}
	return &Session{
		setting: setting, replace: strings.NewReplacer(setting.Replace...),
		command: command, input: input, pipe: read, output: bufio.NewReader(read),
	}, nil
}

// Run runs a block and returns what it printed, complaints included. A block
// that is only for reading does nothing. After an error nothing runs any more.
func (s *Session) Run(block Block) (output string, err error) {
	if s.ended {
		return "", fmt.Errorf("%v: %w", block, errEnded)
	}
	text := s.replace.Replace(block.Text)
	switch {
	case block.Language == "sh":
		output, err = s.shell(block, text)
	case block.Language == "yaml" && block.File != "":
		err = os.WriteFile(filepath.Join(s.setting.Directory, block.File), []byte(text), 0o600)
	case block.Language == "yaml":
		output, err = s.apply(block, text)
	}
	if err != nil {
		return output, fmt.Errorf("%v: %w\n%s", block, err, output)
	}
	return output, nil
}

// apply gives manifests to kubectl as the reader would: saved, then applied.
func (s *Session) apply(block Block, manifests string) (string, error) {
	file := filepath.Join(s.setting.Directory, fmt.Sprintf("manifest-%d.yaml", block.Line))
	if err := os.WriteFile(file, []byte(manifests), 0o600); err != nil {
		return "", err
	}
	namespace := s.setting.Namespace
	if namespace == "" {
		namespace = "default"
	}
	return s.shell(block, fmt.Sprintf("kubectl apply --namespace %s --filename %s\n", namespace, file))
}

// shell runs commands from a file, for the shell reads its own commands from
// its input, where theirs must not be able to.
func (s *Session) shell(block Block, commands string) (string, error) {
	file := filepath.Join(s.setting.Directory, fmt.Sprintf(".block-%d.sh", block.Line))
	if err := os.WriteFile(file, []byte(commands), 0o600); err != nil {
		return "", err
	}
	if _, err := fmt.Fprintf(s.input, "source %s </dev/null\nprintf '\\n%%s\\n' '%s'\n", file, endOfBlock); err != nil {
		s.ended = true
		return "", err
	}
	var output bytes.Buffer
	for {
		line, err := s.output.ReadString('\n')
		if err != nil {
			s.ended = true
			if errors.Is(err, io.EOF) {
				err = errEnded
			}
			return output.String() + line, errors.Join(err, s.command.Wait(), s.pipe.Close())
		}
		if line == endOfBlock+"\n" {
			return strings.TrimSuffix(output.String(), "\n"), nil
		}
		output.WriteString(line)
	}
}

// Close ends the shell, which has nothing left to do.
func (s *Session) Close() error {
	if s.ended {
		return nil
	}
	s.ended = true
	return errors.Join(s.input.Close(), s.command.Wait(), s.pipe.Close())
}
