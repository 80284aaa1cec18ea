package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// files parses the Go files below some folders of the repository that are
// wanted.
func files(t *testing.T, wanted func(name string) bool, folders ...string) map[string]*ast.File {
	t.Helper()
	parsed := map[string]*ast.File{}
	for _, folder := range folders {
		err := filepath.WalkDir(filepath.Join(root, folder), func(name string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(name, ".go") || !wanted(name) {
				return err
			}
			parsed[name], err = parser.ParseFile(token.NewFileSet(), name, nil, 0)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(parsed) == 0 {
		t.Fatalf("there is no code in %v", folders)
	}
	return parsed
}

func isTest(name string) bool { return strings.HasSuffix(name, "_test.go") }

// program is the code that people run.
func program(t *testing.T) map[string]*ast.File {
	t.Helper()
	return files(t, func(name string) bool { return !isTest(name) }, "internal", "cmd")
}

// gap stands for what a text says of the case at hand, in the documents and in
// what is made of formats here.
const gap = "…"

var verb = regexp.MustCompile(`%[-+# 0]*(\[\d+\])?[\d*]*(\.[\d*]+)?[a-zA-Z]`)

// said is a format as the documents write it: a gap for each verb.
func said(format string) string {
	format = verb.ReplaceAllString(strings.ReplaceAll(format, "%%", "%"), gap)
	return strings.ReplaceAll(format, `"`+gap+`"`, gap)
}

// texts are all strings of the code, concatenated where the code does so, with
// gaps for verbs and for what is not constant.
func texts(code map[string]*ast.File) []string {
	var all []string
	for _, file := range code {
		ast.Inspect(file, func(n ast.Node) bool {
			expression, ok := n.(ast.Expr)
			if !ok {
				return true
			}
			text, ok := constant(expression)
			if ok {
				all = append(all, said(text))
			}
			return !ok
		})
	}
	return all
}

// constant is the value of a string, or of a sum that has one.
func constant(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		return text, e.Kind == token.STRING && err == nil
	case *ast.ParenExpr:
		return constant(e.X)
	case *ast.BinaryExpr:
		if e.Op != token.ADD {
			return "", false
		}
		left, isLeft := constant(e.X)
		right, isRight := constant(e.Y)
		if !isLeft {
			left = gap
		}
		if !isRight {
			right = gap
		}
		return left + right, isLeft || isRight
	default:
		return "", false
	}
}

// tests are the names of all tests.
func tests(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for _, file := range files(t, isTest, "internal", "cmd", "test") {
		for _, declaration := range file.Decls {
			if f, ok := declaration.(*ast.FuncDecl); ok && f.Recv == nil {
				names[f.Name.Name] = true
			}
		}
	}
	return names
}

var testName = regexp.MustCompile("`(Test[A-Za-z0-9]+)`")

func TestEveryTestThatIsNamedExists(t *testing.T) {
	exist, named := tests(t), 0
	for name, text := range pages(t) {
		for _, found := range testName.FindAllStringSubmatch(text, -1) {
			named++
			if !exist[found[1]] {
				t.Errorf("%s: there is no test %s", name, found[1])
			}
		}
	}
	if named == 0 {
		t.Error("no test is named; docs/security.md should")
	}
}

var codePath = regexp.MustCompile("`((?:share|provision|controller|events|inventory|internal/[a-z]+)(?:/[a-z]+\\.(?:go|txt))?)`")

// The documents for contributors name files; who moves one should hear of it.
func TestEveryFileThatIsNamedExists(t *testing.T) {
	for _, name := range []string{"docs/architecture.md", "docs/security.md"} {
		for _, found := range codePath.FindAllStringSubmatch(page(t, name), -1) {
			place := found[1]
			if !strings.HasPrefix(place, "internal/") {
				place = "internal/" + place
			}
			if matches, err := filepath.Glob(filepath.Join(root, place)); err != nil || len(matches) == 0 {
				t.Errorf("%s: there is no %s", name, found[1])
			}
		}
	}
}
