// Command prose counts the turns of phrase that plain English does without, per 1,000 words of prose. It reads the pages of
// Markdown, the comments of YAML files, and of each Go file that is not a test the comments and the texts: string literals of
// several words, which are log lines, errors, statuses and flag help. It prints the counts by kind and by package, and fails if
// the rate over everything is above -most.
package main

import (
	"cmp"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// markers are the counted phrases. A phrase with a plain use too ("at once", "beside") counts everywhere: the plain use has
// another word ("concurrently", "next to").
var markers = []string{
	`tells?`, `told`, `telling`,
	`has the (?:\w+ ){1,3}tried`, `(?:go(?:es|ing)?|went) on behind`, `wholly`, `besides?`,
	`(?:can't|cannot|can’t) be had`, `anew`, `of which`, `what is stored`, `nobody`, `in force`, `at once`,
	`that (?:is|are) none`, `whoever`, `whom`, `(?:is|are|was|were) to be`, `lest`, `thereof`,
}

// perWords is the number of words that a rate is given for.
const perWords = 1000

var (
	pattern = regexp.MustCompile(`(?i)\b(?:` + strings.Join(markers, "|") + `)\b`)
	word    = regexp.MustCompile(`[\pL\pN_'’-]+`)
	fenced  = regexp.MustCompile("(?s)```.*?```") // listings in Markdown
	quoted  = regexp.MustCompile("`[^`]{0,400}`|\"[^\"]{0,400}\"")
	spaces  = regexp.MustCompile(`\s+`)
	hash    = regexp.MustCompile(`(?m)(?:^|\s)#(.*)$`) // a comment in YAML
)

// count is the result for one kind of prose, or one package.
type count struct{ words, marks int }

func (c count) rate() float64 { return perWords * float64(c.marks) / float64(max(1, c.words)) }

// report collects the counts.
type report struct {
	kinds, packages map[string]count
	places          []string // of the markers
}

// add counts a piece of prose. Names stand in back quotes and AWS's own words in quotation marks: neither counts.
func (r *report) add(kind, path, place, prose string) {
	prose = spaces.ReplaceAllString(quoted.ReplaceAllString(prose, " "), " ")
	hits := pattern.FindAllStringIndex(prose, -1)
	n := count{words: len(word.FindAllString(prose, -1)), marks: len(hits)}
	for group, key := range map[*map[string]count]string{&r.kinds: kind, &r.packages: filepath.Dir(path)} {
		old := (*group)[key]
		(*group)[key] = count{words: old.words + n.words, marks: old.marks + n.marks}
	}
	for _, at := range hits {
		from, to := max(0, at[0]-30), min(len(prose), at[1]+30)
		r.places = append(r.places, fmt.Sprintf("%s: …%s…", place, strings.ToValidUTF8(prose[from:to], "")))
	}
}

func main() {
	most := flag.Float64("most", 0.7, "the number of markers per 1,000 words that is allowed")
	list := flag.Bool("list", false, "print the place of each marker, even if there are few")
	flag.Parse()
	r := report{kinds: map[string]count{}, packages: map[string]count{}}
	if err := r.walk("."); err != nil {
		fmt.Fprintln(os.Stderr, "prose:", err)
		os.Exit(2)
	}
	if !r.print(*most, *list) {
		os.Exit(1)
	}
}

// walk reads all files below a folder.
func (r *report) walk(root string) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && skipped(d.Name()):
			return fs.SkipDir
		case d.IsDir():
			return nil
		}
		switch filepath.Ext(path) {
		case ".md":
			return r.page(path)
		case ".yaml", ".yml":
			return r.yaml(path)
		case ".go":
			if !strings.HasSuffix(path, "_test.go") {
				return r.file(path)
			}
		}
		return nil
	})
}

// skipped reports whether a folder holds nothing of ours: hidden ones, but for .ci, and installed packages.
func skipped(name string) bool {
	hidden := len(name) > 1 && name[0] == '.' && name != ".ci"
	return hidden || name == "node_modules" || name == "target"
}

// page counts a page of Markdown without its listings. The changelog quotes how things were, and does not count.
func (r *report) page(path string) error {
	if filepath.Base(path) == "CHANGELOG.md" {
		return nil
	}
	text, err := os.ReadFile(path)
	if err == nil {
		r.add("pages", path, path, fenced.ReplaceAllString(string(text), " "))
	}
	return err
}

// yaml counts the comments of a YAML file.
func (r *report) yaml(path string) error {
	text, err := os.ReadFile(path)
	for _, comment := range hash.FindAllStringSubmatch(string(text), -1) {
		r.add("comments", path, path, comment[1])
	}
	return err
}

// file counts the comments and the texts of a Go file. Literals of one word, and import paths, are no texts.
func (r *report) file(path string) error {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, path, nil, parser.ParseComments)
	if err != nil {
		return err
	}
	for _, group := range file.Comments {
		r.add("comments", path, set.Position(group.Pos()).String(), group.Text())
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ImportSpec:
			return false
		case *ast.BasicLit:
			if text, err := strconv.Unquote(n.Value); n.Kind == token.STRING && err == nil && isText(text) {
				r.add("texts", path, set.Position(n.Pos()).String(), text)
			}
		}
		return true
	})
	return nil
}

// isText reports whether a string literal has several words, so that it is meant for people.
func isText(literal string) bool { return len(strings.Fields(literal)) > 1 }

// print prints the counts, and reports whether the rate is low enough.
func (r *report) print(most float64, list bool) bool {
	for _, path := range slices.Sorted(maps.Keys(r.packages)) {
		line(path, r.packages[path])
	}
	fmt.Println()
	var all count
	for _, kind := range slices.Sorted(maps.Keys(r.kinds)) {
		c := r.kinds[kind]
		all = count{words: all.words + c.words, marks: all.marks + c.marks}
		line(kind, c)
	}
	line(fmt.Sprintf("all, at most %.2f", most), all)
	low := all.rate() <= most
	if list || !low {
		slices.SortFunc(r.places, cmp.Compare[string])
		fmt.Println(strings.Join(r.places, "\n"))
	}
	return low
}

func line(name string, c count) {
	fmt.Printf("%-36s %7d words, %4d markers, %5.2f per 1,000\n", name, c.words, c.marks, c.rate())
}
