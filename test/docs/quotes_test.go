package docs

import (
	"go/ast"
	"go/token"
	"slices"
	"strings"
	"testing"
)

const troubleshooting = "docs/troubleshooting.md"

// The blocks of the language "event" quote events and lines of the log. A text
// of the program is put together of several formats, the outer ones around the
// inner ones, so a quote is judged in its pieces: what is between two gaps, or
// between two joints.
const (
	event = "event"
	// telling is how long a piece has to be so that it tells a text from others.
	telling = 12
)

// unknown are the pieces of a quote that no text of the program has. A quote
// without any piece that tells something is unknown as a whole.
func unknown(quote string, texts []string) []string {
	var missing []string
	tells := false
	for piece := range strings.SplitSeq(quote, gap) {
		for _, p := range split(strings.Trim(piece, " :;()"), texts) {
			tells = tells || len(p) >= telling
			if !slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(text, p) }) {
				missing = append(missing, p)
			}
		}
	}
	if !tells {
		missing = append(missing, quote)
	}
	return missing
}

// split takes a piece apart where the program may have put two texts together,
// if the whole is none of its texts: at "; " and ": ", or once between two
// words, of which one part has to tell something.
func split(piece string, texts []string) []string {
	known := func(p string) bool {
		return slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(text, p) })
	}
	if piece == "" {
		return nil
	}
	if known(piece) {
		return []string{piece}
	}
	for _, joint := range []string{"; ", ": "} {
		if before, after, found := strings.Cut(piece, joint); found {
			return append(split(before, texts), split(after, texts)...)
		}
	}
	for i, r := range piece {
		if before, after := piece[:i], piece[i:]; r == ' ' && max(len(before), len(after)) >= telling && known(before) && known(after[1:]) {
			return []string{before, after[1:]}
		}
	}
	return []string{piece}
}

// quotes are the lines of a page that quote the program.
func quotes(t *testing.T, name string) []string {
	t.Helper()
	blocks, err := Read(root + "/" + name)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, b := range blocks {
		if b.Language == event {
			all = append(all, strings.Split(strings.TrimSpace(b.Text), "\n")...)
		}
	}
	return all
}

func TestEveryTextThatIsQuotedIsTheProgramsOwn(t *testing.T) {
	known := texts(program(t))
	all := quotes(t, troubleshooting)
	if len(all) == 0 {
		t.Fatal("nothing is quoted")
	}
	for _, quote := range all {
		for _, piece := range unknown(quote, known) {
			t.Errorf("%s quotes %q: no text of the program has %q", troubleshooting, quote, piece)
		}
	}
}

func TestATextThatIsNotTheProgramsIsFound(t *testing.T) {
	known := []string{said("%w: %q; look after the NFS server"), "the share does not answer", said("class parameter %s: %q is not allowed; it must be %s")}
	for quote, want := range map[string][]string{
		"the share does not answer: …; look after the NFS server": nil,
		"class parameter …: … is not allowed; it must be":         nil,
		"the share doesn't answer":                                {"the share doesn't answer"},
		"the share does not answer: it went for a walk":           {"it went for a walk"},
		"class parameter …: … is never allowed":                   {"is never allowed"},
		"the share does not answer if asked nicely":               {"the share does not answer if asked nicely"},
		"answer … look": {"answer … look"},
	} {
		if got := unknown(quote, known); !slices.Equal(got, want) {
			t.Errorf("of %q unknown are %q, want %q", quote, got, want)
		}
	}
}

// Every sort of error that a share can have, and every piece of advice that
// goes with one, is in the page: who adds one adds what to do about it.
func TestEveryErrorOfAShareAndEveryAdviceIsQuoted(t *testing.T) {
	quoted := strings.Join(quotes(t, troubleshooting), "\n")
	missing := func(text string) {
		if !strings.Contains(quoted, text) {
			t.Errorf("%s has nothing about %q", troubleshooting, text)
		}
	}
	count := 0
	for name, file := range program(t) {
		for _, text := range advice(file) {
			count++
			missing(text)
		}
		if !strings.HasSuffix(name, "internal/share/errors.go") {
			continue
		}
		for _, text := range sentinels(file) {
			count++
			// The words of an OwnedError are told instead of its sentinel's.
			if text != "the directory belongs to another volume" {
				missing(text)
			}
		}
	}
	const atLeast = 20
	if count < atLeast {
		t.Errorf("only %d texts were looked for; has the code changed its form?", count)
	}
}

// sentinels are the texts of the errors that a file declares.
func sentinels(file *ast.File) []string {
	var all []string
	for _, declaration := range file.Decls {
		d, ok := declaration.(*ast.GenDecl)
		if !ok || d.Tok != token.VAR {
			continue
		}
		ast.Inspect(d, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok && len(call.Args) == 1 {
				if text, ok := constant(call.Args[0]); ok {
					all = append(all, text)
				}
			}
			return true
		})
	}
	return all
}

// advice are the texts of the function that gives advice.
func advice(file *ast.File) []string {
	var all []string
	for _, declaration := range file.Decls {
		f, ok := declaration.(*ast.FuncDecl)
		if !ok || !strings.EqualFold(f.Name.Name, "advise") {
			continue
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if pair, ok := n.(*ast.CompositeLit); ok && pair.Type == nil && len(pair.Elts) == 2 {
				if text, ok := constant(pair.Elts[1]); ok {
					all = append(all, text)
				}
			}
			return true
		})
	}
	return all
}
