// Command prose counts, for each 1,000 words of our prose, the turns of phrase that plain English does without. It reads README,
// the pages of docs, and of each Go file that is not a test the comments, the texts of logs and of errors. It prints the counts and
// the places, and fails if there are more than -most.
package main

import (
	"cmp"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// markers are what is counted. A word that has a plain use too ("at once", "beside") counts wherever it is: the plain use has another
// word.
var markers = []string{
	`tells?`, `told`, `telling`, `has the \w+ tried`, `go(?:es)? on behind`, `wholly`, `besides?`, `can't be had`, `anew`, `of which`,
	`what is stored`, `nobody`, `in force`, `at once`, `that (?:is|are) none`, `whoever`, `whom`, `(?:is|are) to be`, `lest`, `thereof`,
}

var (
	pattern  = regexp.MustCompile(`(?i)\b(?:` + strings.Join(markers, "|") + `)\b`)
	word     = regexp.MustCompile(`[\pL\pN_'’-]+`)
	fenced   = regexp.MustCompile("(?s)```.*?```") // listings in Markdown
	quoted   = regexp.MustCompile("`[^`]*`|\"[^\"]*\"")
	spaces   = regexp.MustCompile(`\s+`)
	skipped  = []string{"node_modules", ".git", "testdata"}
	texts    = []string{"Debug", "Info", "Warn", "Error", "Errorf", "New"} // the calls whose first text is for people
	loggers  = []string{"DebugContext", "InfoContext", "WarnContext", "ErrorContext"}
	kinds    = []string{"docs", "comments", "texts"}
	perWords = 1000.0
)

// count is what was found in one kind of prose.
type count struct {
	words, marks int
	places       []string
}

// report is the count for each kind.
type report map[string]*count

// add counts a piece of prose. AWS's own words stand in quotation marks, and names in back quotes: neither counts.
func (r report) add(kind, place, prose string) {
	prose = spaces.ReplaceAllString(quoted.ReplaceAllString(prose, " "), " ")
	c := r[kind]
	c.words += len(word.FindAllString(prose, -1))
	for _, at := range pattern.FindAllStringIndex(prose, -1) {
		c.marks++
		from, to := max(0, at[0]-30), min(len(prose), at[1]+30)
		c.places = append(c.places, fmt.Sprintf("%s: …%s…", place, strings.ToValidUTF8(prose[from:to], "")))
	}
}

func main() {
	most := flag.Float64("most", 0.7, "markers for each 1,000 words that are allowed")
	list := flag.Bool("list", false, "print each place")
	flag.Parse()
	r := report{}
	for _, kind := range kinds {
		r[kind] = &count{}
	}
	if err := r.walk("."); err != nil {
		fmt.Fprintln(os.Stderr, "prose:", err)
		os.Exit(2)
	}
	if !r.print(*most, *list) {
		os.Exit(1)
	}
}

// walk reads all files below a folder.
func (r report) walk(root string) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (slices.Contains(skipped, d.Name()) || len(d.Name()) > 1 && d.Name()[0] == '.'):
			return fs.SkipDir
		case d.IsDir():
			return nil
		case strings.HasSuffix(path, ".md") && filepath.Base(path) != "CHANGELOG.md": // which says how things were
			return r.page(path)
		case strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go"):
			return r.file(path)
		}
		return nil
	})
}

// page counts a page of Markdown, but for its listings.
func (r report) page(path string) error {
	text, err := os.ReadFile(path)
	if err == nil {
		r.add("docs", path, fenced.ReplaceAllString(string(text), " "))
	}
	return err
}

// file counts the comments of a Go file, and its texts.
func (r report) file(path string) error {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, path, nil, parser.ParseComments)
	if err != nil {
		return err
	}
	for _, group := range file.Comments {
		if text := group.Text(); text != "" {
			r.add("comments", set.Position(group.Pos()).String(), text)
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			if text, ok := textOf(call); ok {
				r.add("texts", set.Position(call.Pos()).String(), text)
			}
		}
		return true
	})
	return nil
}

// textOf returns the text for people that a call has.
func textOf(call *ast.CallExpr) (text string, ok bool) {
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || !slices.Contains(texts, sel.Sel.Name) && !slices.Contains(loggers, sel.Sel.Name) {
		return "", false
	}
	for _, arg := range call.Args {
		if lit, ok := arg.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			text, err := strconv.Unquote(lit.Value)
			return text, err == nil
		}
	}
	return "", false
}

// print prints the counts, and reports whether they are few enough.
func (r report) print(most float64, list bool) bool {
	all := count{}
	for _, kind := range kinds {
		c := r[kind]
		all.words, all.marks, all.places = all.words+c.words, all.marks+c.marks, append(all.places, c.places...)
		fmt.Printf("%-8s %7d words, %4d markers, %.2f for each 1,000 words\n", kind, c.words, c.marks, c.rate())
	}
	fmt.Printf("%-8s %7d words, %4d markers, %.2f for each 1,000 words; at most %.2f\n", "all", all.words, all.marks, all.rate(), most)
	if list || all.rate() > most {
		slices.SortFunc(all.places, cmp.Compare[string])
		fmt.Println(strings.Join(all.places, "\n"))
	}
	return all.rate() <= most
}

func (c *count) rate() float64 { return perWords * float64(c.marks) / float64(max(1, c.words)) }
