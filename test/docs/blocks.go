// Package docs runs what a Markdown document tells its reader to do: the
// commands and manifests in its fenced blocks, in their order, in one shell.
//
//	```sh             commands, run by bash
//	```yaml           manifests, applied with kubectl
//	```yaml FILE      a file that the document calls FILE
//
// Other blocks are for reading only. A document is read with Read and run in a
// Session:
//
//	blocks, err := docs.Read("../../docs/migration.md")
//	session, err := docs.NewSession(ctx, docs.Setting{Directory: t.TempDir(), ...})
//	for _, block := range blocks {
//		out, err := session.Run(block)
//	}
//	err = session.Close()
package docs

import (
	"fmt"
	"os"
	"strings"
)

// Block is a fenced block of a document.
type Block struct {
	// Document and Line say where it begins.
	Document string
	Line     int
	// Heading is the nearest one above it, without its marks.
	Heading string
	// Language is "sh", "yaml" or whatever else stands behind the fence.
	Language string
	// File is the name that stands behind the language, or "".
	File string
	// Text ends in a newline, and has lost the indentation of its fence.
	Text string
}

func (b Block) String() string { return fmt.Sprintf("%s:%d", b.Document, b.Line) }

// Runnable says that the block is more than for reading.
func (b Block) Runnable() bool { return b.Language == "sh" || b.Language == "yaml" }

// Read returns all blocks of a document. A fence that is not closed is an
// error.
func Read(document string) ([]Block, error) {
	text, err := os.ReadFile(document)
	if err != nil {
		return nil, err
	}
	return parse(document, string(text))
}

const fence = "```"

func parse(document, text string) (blocks []Block, err error) {
	var open *Block
	var heading, indent string
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSuffix(line, "\n")
		bare := strings.TrimLeft(line, " ")
		switch {
		case open != nil && strings.TrimRight(bare, " ") == fence:
			blocks = append(blocks, *open)
			open = nil
		case open != nil:
			open.Text += strings.TrimPrefix(line, indent) + "\n"
		case strings.HasPrefix(bare, fence):
			indent = line[:len(line)-len(bare)]
			language, file, _ := strings.Cut(strings.TrimPrefix(bare, fence), " ")
			open = &Block{Document: document, Line: number, Heading: heading, Language: language, File: strings.TrimSpace(file)}
		case strings.HasPrefix(line, "#"):
			heading = strings.TrimSpace(strings.TrimLeft(line, "#"))
		}
	}
	if open != nil {
		return nil, fmt.Errorf("%v: the block is not closed", *open)
	}
	return blocks, nil
}
