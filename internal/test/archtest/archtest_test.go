// Package archtest holds the rules that no compiler holds: which way imports
// point, how small the mains are, and that template.yaml, the folders and the
// table's schema tell the same.
package archtest

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "clientele/"

// root is the checkout.
func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

type pkg struct {
	ImportPath, Dir  string
	GoFiles, Imports []string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Dir,GoFiles,Imports", "./...")
	cmd.Dir = root(t)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); dec.More(); {
		var p pkg
		if err := dec.Decode(&p); err != nil {
			t.Fatal(err)
		}
		p.ImportPath = strings.TrimPrefix(p.ImportPath, module)
		all = append(all, p)
	}
	if len(all) < 10 {
		t.Fatalf("go list found %d packages; is this the checkout?", len(all))
	}
	return all
}

// layer is the part of the project that a package belongs to.
func layer(path string) string {
	for _, l := range []string{"internal/domain", "internal/adapter", "internal/entry", "internal/local", "internal/test", "functions"} {
		if path == l || strings.HasPrefix(path, l+"/") {
			return l
		}
	}
	return ""
}

// mayImport: functions, local → entry, adapter → domain; entry and adapter
// never meet, and the test kits are for tests.
var mayImport = map[string][]string{
	"internal/domain":  {"internal/domain"},
	"internal/adapter": {"internal/domain"},
	"internal/entry":   {"internal/domain", "internal/entry"},
	"functions":        {"internal/domain", "internal/adapter", "internal/entry"},
	"internal/local":   {"internal/domain", "internal/adapter", "internal/entry", "internal/local"},
	"internal/test":    {"internal/domain", "internal/adapter", "internal/entry", "internal/local", "internal/test"},
}

// What the domain must not know, by prefix.
var outside = []string{"github.com/aws/", "net/http", "os", "os/exec", "database/sql", "html/template", "log/slog", "math/rand", "crypto/rand", "github.com/danielgtaylor/huma"}

func TestImportsPointInwards(t *testing.T) {
	for _, p := range packages(t) {
		from := layer(p.ImportPath)
		if from == "" {
			t.Errorf("%s belongs to no layer", p.ImportPath)
			continue
		}
		for _, imported := range p.Imports {
			if to, ok := strings.CutPrefix(imported, module); ok {
				if to := layer(to); !slices.Contains(mayImport[from], to) {
					t.Errorf("%s imports %s: %s may import only %v", p.ImportPath, imported, from, mayImport[from])
				}
				continue
			}
			if from != "internal/domain" {
				continue
			}
			for _, o := range outside {
				if imported == o || strings.HasPrefix(imported, strings.TrimSuffix(o, "/")+"/") {
					t.Errorf("%s imports %s: the domain has no I/O, no chance and no cloud", p.ImportPath, imported)
				}
			}
		}
	}
}

// The domain gets its clock, its chance and its settings from outside.
func TestDomainAsksNobody(t *testing.T) {
	forbidden := map[string]string{"time.Now": "", "time.Since": "", "time.Until": "", "time.Sleep": "", "time.After": "", "os.Getenv": "", "os.LookupEnv": ""}
	for _, p := range packages(t) {
		if layer(p.ImportPath) != "internal/domain" {
			continue
		}
		for _, name := range p.GoFiles {
			fset := token.NewFileSet()
			f, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(f, func(n ast.Node) bool {
				sel, ok := n.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				// A variable named like the package has an Obj; a package has none.
				if x, ok := sel.X.(*ast.Ident); ok && x.Obj == nil {
					if _, bad := forbidden[x.Name+"."+sel.Sel.Name]; bad {
						t.Errorf("%s: %s.%s in the domain", fset.Position(sel.Pos()), x.Name, sel.Sel.Name)
					}
				}
				return true
			})
		}
	}
}

func TestMainsOnlyBuild(t *testing.T) {
	mains, err := filepath.Glob(filepath.Join(root(t), "functions", "*", "*.go"))
	if err != nil || len(mains) == 0 {
		t.Fatalf("no functions: %v", err)
	}
	for _, file := range mains {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		switch filepath.Base(file) {
		case "main.go":
			if n := bytes.Count(b, []byte("\n")); n > 60 {
				t.Errorf("%s has %d lines, more than 60: what it does beyond wiring belongs in internal/", file, n)
			}
		case "main_test.go":
		default:
			t.Errorf("%s: a function is main.go and main_test.go", file)
		}
	}
}

// Every sample event belongs to a function and is read by a test, so none can rot.
func TestEventsAreRead(t *testing.T) {
	top := root(t)
	var tests []string
	err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && strings.HasPrefix(d.Name(), ".") && path != top {
			return filepath.SkipDir
		}
		if strings.HasSuffix(path, "_test.go") {
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			if bytes.Contains(b, []byte(`"events"`)) || bytes.Contains(b, []byte("events/")) {
				tests = append(tests, string(b))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(top, "events", "*", "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no sample events: %v", err)
	}
	for _, file := range files {
		function, name := filepath.Base(filepath.Dir(file)), filepath.Base(file)
		if _, err := os.Stat(filepath.Join(top, "functions", function)); err != nil {
			t.Errorf("events/%s: there is no function of that name", function)
		}
		// Named, or taken with its whole folder.
		read := slices.ContainsFunc(tests, func(src string) bool {
			folder := strings.Contains(src, `"`+function+`"`) || strings.Contains(src, "events/"+function)
			whole := strings.Contains(src, "ReadDir(") || strings.Contains(src, "Glob(")
			bare := strings.TrimSuffix(name, filepath.Ext(name))
			return strings.Contains(src, name) || folder && (whole || strings.Contains(src, `"`+bare+`"`))
		})
		if !read {
			t.Errorf("events/%s/%s is read by no test", function, name)
		}
	}
}

// A decision is told by its number.
func TestDecisionsHaveNumbersOfTheirOwn(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root(t), "docs/decisions/*.md"))
	if err != nil || len(files) == 0 {
		t.Fatal("no decisions", err)
	}
	names := map[string]string{}
	for _, f := range files {
		name := filepath.Base(f)
		number, _, _ := strings.Cut(name, "-")
		if names[number] != "" {
			t.Errorf("%s and %s have one number; take the next free one", names[number], name)
		}
		names[number] = name
	}
}
