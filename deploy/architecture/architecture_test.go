package architecture_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "passerelle"

// everything marks the one package that wires all others.
const everything = "*"

// allowed names, for each package of this module, the packages of this module that its code may import. A row
// imports only what stands above it. Tests may also import the package itself and the testKits.
var allowed = []struct {
	pkg     string
	imports []string
}{
	{"deploy/architecture", nil},
	{"pkg/ticket", nil},
	{"pkg/nearest", nil},
	{"pkg/observe", []string{"pkg/ticket"}},
	{"pkg/token", []string{"pkg/ticket"}},
	{"pkg/freeport", nil},
	{"pkg/cache", nil},
	{"pkg/cache/redistest", []string{"pkg/freeport"}},
	{"pkg/limit", []string{"pkg/ticket", "pkg/cache"}},
	{"pkg/bounded", nil},
	{"pkg/timerslack", nil},
	{"pkg/iadvize", []string{"pkg/ticket", "pkg/token", "pkg/bounded"}},
	{"pkg/zendesk", []string{"pkg/ticket", "pkg/token", "pkg/bounded"}},
	{"pkg/queue", []string{"pkg/ticket"}},
	{"pkg/queue/embed", nil},
	{"pkg/site", []string{"pkg/ticket", "pkg/nearest", "pkg/cache"}},
	{"pkg/check", []string{"pkg/ticket", "pkg/iadvize", "pkg/zendesk", "pkg/site"}},
	{"pkg/console", []string{"pkg/ticket", "pkg/observe", "pkg/limit", "pkg/queue", "pkg/site"}},
	{"pkg/sim", nil},
	{"pkg/sim/simzendesk", []string{"pkg/sim"}},
	{"pkg/sim/simiadvize", []string{"pkg/sim"}},
	{"pkg/sim/traffic", []string{"pkg/sim", "pkg/sim/simiadvize", "pkg/sim/simzendesk"}},
	{"ingest", []string{"pkg/ticket", "pkg/observe", "pkg/iadvize", "pkg/queue", "pkg/site"}},
	{"worker", []string{"pkg/ticket", "pkg/observe", "pkg/cache", "pkg/limit", "pkg/iadvize", "pkg/zendesk", "pkg/queue", "pkg/site"}},
	{"cmd/passerelle", []string{everything}},
	{"deploy/stand", []string{"ingest", "pkg/freeport"}},
	{"deploy/chaos", []string{everything}},
	{"deploy/bench", []string{everything}},
	{"deploy/powercut", nil},
}

// testKits may be imported by any test.
var testKits = []string{"deploy/powercut", "pkg/cache/redistest", "pkg/freeport", "pkg/queue/embed", "pkg/sim", "pkg/sim/simzendesk", "pkg/sim/simiadvize", "pkg/sim/traffic"}

// testOnly packages are imported by tests alone.
var testOnly = []string{"deploy/powercut", "pkg/cache/redistest"}

// strangers must not know each other, whatever the table above comes to say. A package stands for those below it too.
var strangers = [][2]string{
	{"worker", "ingest"},
	{"ingest", "worker"},
	{"pkg/sim", "pkg/zendesk"},
	{"pkg/sim", "pkg/iadvize"},
}

// owners names the packages whose code may import a module, by the start of the import path. Tests are free: they
// look at what was done from outside. No owner means tests alone.
var owners = []struct {
	imported string
	by       []string
}{
	{"github.com/nats-io/nats-server/", []string{"pkg/queue/embed"}},
	{"github.com/nats-io/", []string{"pkg/queue", "pkg/queue/embed"}},
	{"github.com/synadia-io/", []string{"pkg/queue"}},
	{"github.com/go-resty/resty/", []string{"pkg/bounded", "pkg/zendesk", "pkg/iadvize"}},
	{"resty.dev/", nil},
	{"github.com/redis/", []string{"pkg/cache", "pkg/limit"}},
	{"github.com/graph-gophers/", []string{"pkg/sim/simiadvize"}},
	{"github.com/vektah/", []string{"pkg/iadvize"}},
	{"github.com/hanwen/", []string{"deploy/powercut"}},
	{"go.uber.org/goleak", nil},
	{"pgregory.net/rapid", nil},
}

// source is one Go file, of any platform and build tag.
type source struct {
	file    string // path from the root, with slashes
	dir     string // the package's path inside the module
	pkg     string // the name in its package clause
	test    bool
	lines   int
	imports []string
	sleeps  bool // calls time.Sleep
}

func TestImports(t *testing.T) {
	rows := map[string][]string{}
	for _, row := range allowed {
		rows[row.pkg] = row.imports
	}
	unknown := map[string]bool{}
	for _, s := range sources(t) {
		imports, known := rows[s.dir]
		if !known {
			if !unknown[s.dir] {
				t.Errorf("package %s is not in the table of architecture_test.go: add a row below the packages that it imports", s.dir)
			}
			unknown[s.dir] = true
			continue
		}
		for _, imported := range s.imports {
			own, ok := ours(imported)
			if !ok || slices.Contains(imports, own) {
				continue
			}
			kit := slices.Contains(testOnly, own)
			switch {
			case s.test && (own == s.dir || slices.Contains(testKits, own)):
			case slices.Contains(imports, everything) && (s.test || !kit):
			default:
				t.Errorf("%s: %s must not import %s", s.file, s.dir, own)
			}
		}
	}
}

func TestTableRunsDownwards(t *testing.T) {
	var above []string
	for _, row := range allowed {
		if slices.Contains(above, row.pkg) {
			t.Errorf("%s has two rows", row.pkg)
		}
		for _, imported := range row.imports {
			if imported != everything && !slices.Contains(above, imported) {
				t.Errorf("%s may import %s, which does not stand above it", row.pkg, imported)
			}
		}
		above = append(above, row.pkg)
	}
}

func TestStrangers(t *testing.T) {
	for _, s := range sources(t) {
		for _, imported := range s.imports {
			own, ok := ours(imported)
			for _, pair := range strangers {
				if ok && under(s.dir, pair[0]) && under(own, pair[1]) {
					t.Errorf("%s: %s and %s must not know each other", s.file, pair[0], pair[1])
				}
			}
		}
	}
}

func TestModulesHaveOwners(t *testing.T) {
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		for _, imported := range s.imports {
			for _, owner := range owners {
				if !strings.HasPrefix(imported, owner.imported) {
					continue
				}
				if !slices.Contains(owner.by, s.dir) {
					t.Errorf("%s: only %s may import %s", s.file, orTests(owner.by), imported)
				}
				break // the first that fits is the narrowest
			}
		}
	}
}

func TestPackagesAreNamedAfterWhatTheyKnow(t *testing.T) {
	vague := regexp.MustCompile(`^(util|helper|common|manager|misc|shared)s?$`)
	for _, s := range sources(t) {
		words := append(strings.Split(s.dir, "/"), strings.TrimSuffix(s.pkg, "_test"))
		for _, word := range slices.Compact(words) {
			if vague.MatchString(word) {
				t.Errorf("%s: %q does not say what the package knows", s.file, word)
			}
		}
	}
}

func TestFilesAreShort(t *testing.T) {
	const longest = 500
	for _, s := range sources(t) {
		if !s.test && s.lines > longest {
			t.Errorf("%s has %d lines, more than %d: one concept a file", s.file, s.lines, longest)
		}
	}
}

// A sleep in a test is a guess about time, except on the clock of a synctest bubble.
func TestTestsDoNotSleep(t *testing.T) {
	for _, s := range sources(t) {
		if s.test && s.sleeps && !slices.Contains(s.imports, "testing/synctest") {
			t.Errorf("%s sleeps: wait for a channel or a signal, or use testing/synctest", s.file)
		}
	}
}

// The patterns are in pieces, so that this file does not match itself.
func TestNothingNamesTheMachineItWasMadeOn(t *testing.T) {
	forbidden := regexp.MustCompile(`(^|[^\w.~/-])/(wo` + `rk|ro` + `ot|Us` + `ers)/` +
		`|proxy\.gol` + `ang\.org|sum\.gol` + `ang\.org|registry\.npm` + `js\.org|deb\.deb` + `ian\.org|py` + `pi\.org`)
	for _, file := range tracked(t) {
		content, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) || bytes.IndexByte(content, 0) >= 0 {
			continue // deleted in the work tree; or not a text
		}
		if err != nil {
			t.Fatal(err)
		}
		for n, line := range strings.Split(string(content), "\n") {
			if found := forbidden.FindString(line); found != "" {
				t.Errorf("%s:%d names %q, which only one machine has", file, n+1, strings.TrimSpace(found))
			}
		}
	}
}

func TestDependenciesAreExplained(t *testing.T) {
	required := requirements(t)
	text, err := os.ReadFile("docs/dependencies.md")
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile("(?m)^\\| `([^`]+)` \\|")
	var explained []string
	for _, match := range row.FindAllStringSubmatch(string(text), -1) {
		explained = append(explained, match[1])
	}
	for name, direct := range required {
		if direct && !slices.Contains(explained, name) {
			t.Errorf("docs/dependencies.md has no line for %s: say what it is for, and why this one", name)
		}
	}
	for _, name := range explained {
		if _, ok := required[name]; !ok {
			t.Errorf("docs/dependencies.md explains %s, which go.mod does not require", name)
		}
	}
}

// sources reads every Go file of the module from the disk and not from go list, which leaves out the files of other
// platforms and build tags.
func sources(t *testing.T) []source {
	t.Helper()
	var found []source
	err := filepath.WalkDir(".", func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return enter(file)
		}
		if !strings.HasSuffix(file, ".go") {
			return nil
		}
		s, err := read(filepath.ToSlash(file))
		found = append(found, s)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) < 2 {
		t.Fatal("found no Go files: the test must run in the root of the module")
	}
	return found
}

// enter leaves out the folders that the go command leaves out.
func enter(dir string) error {
	name := filepath.Base(dir)
	if dir == "." {
		return nil
	}
	if strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || name == "testdata" || name == "vendor" || name == "node_modules" {
		return fs.SkipDir
	}
	if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
		return fs.SkipDir
	}
	return nil
}

func read(file string) (source, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return source{}, err
	}
	parsed, err := parser.ParseFile(token.NewFileSet(), file, content, parser.SkipObjectResolution)
	if err != nil {
		return source{}, err
	}
	s := source{
		file:  file,
		dir:   path.Dir(file),
		pkg:   parsed.Name.Name,
		test:  strings.HasSuffix(file, "_test.go"),
		lines: bytes.Count(content, []byte("\n")),
	}
	for _, spec := range parsed.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return source{}, fmt.Errorf("%s: %w", file, err)
		}
		s.imports = append(s.imports, imported)
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		if call, ok := n.(*ast.SelectorExpr); ok && call.Sel.Name == "Sleep" {
			if x, ok := call.X.(*ast.Ident); ok && x.Name == "time" {
				s.sleeps = true
			}
		}
		return true
	})
	return s, nil
}

// tracked lists what git keeps, and what it would if everything were added.
func tracked(t *testing.T) []string {
	t.Helper()
	if _, err := os.Stat(".git"); err != nil {
		t.Skip("not a git work tree")
	}
	out, err := exec.CommandContext(t.Context(), "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard").Output()
	if err != nil {
		t.Fatalf("git ls-files: %v", err)
	}
	return strings.FieldsFunc(string(out), func(r rune) bool { return r == 0 })
}

// requirements gives the modules of go.mod, with whether they are required directly.
func requirements(t *testing.T) map[string]bool {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "mod", "edit", "-json").Output()
	if err != nil {
		t.Fatalf("go mod edit: %v", err)
	}
	var file struct {
		Require []struct {
			Path     string
			Indirect bool
		}
	}
	if err := json.Unmarshal(out, &file); err != nil {
		t.Fatal(err)
	}
	direct := map[string]bool{}
	for _, r := range file.Require {
		direct[r.Path] = !r.Indirect
	}
	return direct
}

// ours gives an import's path inside the module, when it is inside.
func ours(imported string) (string, bool) {
	if imported == module {
		return ".", true
	}
	return strings.CutPrefix(imported, module+"/")
}

func under(dir, top string) bool { return dir == top || strings.HasPrefix(dir, top+"/") }

func orTests(owners []string) string {
	if len(owners) == 0 {
		return "tests"
	}
	return strings.Join(owners, " and ")
}

// TestMain looks at the tree from its root.
func TestMain(m *testing.M) {
	if err := os.Chdir("../.."); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}
