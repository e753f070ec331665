package batch_test

import (
	"errors"
	"os"
	"strings"
	"testing"
	"testing/quick"
)

// runText runs a scenario that is no file, and returns the first mistake or difference.
func runText(text string) error {
	s, err := parseScript("x.txt", text)
	if err != nil {
		return err
	}
	results, err := s.run()
	if err != nil {
		return err
	}
	return errors.Join(s.compare(results)...)
}

// TestScenarioMistakes tells a writer of scenarios where the mistake is, and what is known instead.
func TestScenarioMistakes(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", "x.txt:1: no commands"},
		{"# only a comment", "x.txt:1: no commands"},
		{"----\n", "x.txt:1: ---- without a command"},
		{"policy\noffer 1\n", "x.txt:1: commands without a line ----"},
		{"next\n----\n0s (nothing)\n\noffer 1\n", "x.txt:5: commands without a line ----"},
		{"next\n----\n0s (nothing)\nnext\n----\n", "x.txt:5: ---- inside of expected output"},
		{"frobnicate\n----\n", `x.txt:1: unknown command "frobnicate"; known are policy, advance,`},
		{"next\n----\n\n0s (nothing)\nnext\n----\n", `x.txt:4: unknown command "0s"`},
		{"= 3\n----\n", `x.txt:1: a command expected before "="`},
		{"next now\n----\n", `x.txt:1: next: unexpected "now"`},
		{"source\n----\n", `source: clock=D is missing`},
		{"source time=2h\n----\n", `source: unknown attribute "time"; known is clock`},
		{"source clock=2\n----\n", `clock: "2" is not a duration`},
		{`offer 1 key="a` + "\n----\n", "x.txt:1: a quote is not closed"},

		{"\n\npolicy Batchsize=3\n----\n", `x.txt:3: policy: unknown field "Batchsize"; known are BatchSize,`},
		{"policy BatchSize=many\n----\n", `BatchSize: "many" is not a whole number`},
		{"policy BatchSize=\n----\n", "the value of BatchSize is missing"},
		{"policy BatchSize\n----\n", `BatchSize: "true" is not a whole number`},
		{"policy MaximumBatchingWindow=5\n----\n", `"5" is not a duration`},
		{"policy MaximumBatchingWindowInSeconds=5s\n----\n", `"5s" is not a whole number`},
		{"policy MaximumRecordAgeInSeconds=99999999999999999\n----\n", "out of any reason"},
		{"policy BisectBatchOnFunctionError=yes\n----\n", `"yes" is neither true nor false`},
		{"policy FunctionResponseTypes=Bad\n----\n", `"Bad" is not ReportBatchItemFailures`},
		{"policy Seed=-1\n----\n", `Seed: "-1" is not a whole number`},
		{"policy BatchSize=10001\nnext\n----\n", "x.txt:2: next: there is no scheduler, since its policy was refused: batch: BatchSize is 10001"},
		{"policy BatchSize=10001\n----\n", "x.txt:2: the output differs"},

		{"offer x\n----\n", `unknown attribute "x"`},
		{"offer 1-x\n----\n", `"1-x" is not a record number`},
		{"offer 4-1\n----\n", "range 4-1 runs backwards"},
		{"offer 1-999999999\n----\n", "has more than 100000 records"},
		{"offer 1-99999999999999999999\n----\n", "its numbers are too large"},
		{"offer 2 1\n----\n", "record 2 stands before 1"},
		{"offer 1 1\n----\n", "record 1 stands before 1"},
		{"offer 1 colour=red\n----\n", `unknown attribute "colour"`},
		{"offer key=a 1\n----\n", "key stands before any record"},
		{"offer 1 key\n----\n", "key needs a value"},
		{"offer 1 size=-1\n----\n", "size: -1 is negative"},
		{"offer 1 size=big\n----\n", `size: "big" is not a whole number`},
		{"offer 1 age=61\n----\n", `age: "61" is not a duration`},
		{"offer 1 lane=1\n----\n", "lane 1: there are lanes 0 to 0"},
		{"offer 1 members=0\n----\n", "members: 0 is not between"},
		{"offer 1 ; 2\n----\n", `unexpected ";"`},

		{"report\n----\n", "an id is missing"},
		{"report x success\n----\n", `id: "x" is not a whole number`},
		{"report 1\n----\n", "an outcome is missing"},
		{"report 1 exploded\n----\n", `unknown outcome "exploded"; want success,`},
		{"report 1 error failed=2\n----\n", "failed= goes with success only"},
		{"report 1 success failed=2,\n----\n", "an item identifier is missing"},
		{"report 1 success 2\n----\n", `unexpected "2"`},
		{"advance\n----\n", "a duration is missing"},
		{"advance 5\n----\n", `"5" is not a duration`},
		{"advance -5s\n----\n", "-5s is negative"},

		{"function\n----\n", "what it does is missing"},
		{"function maybe\n----\n", `unknown outcome "maybe"`},
		{"function error on\n----\n", "a record number is missing"},
		{"function error on x\n----\n", `"x" is not a record number`},
		{"function error takes\n----\n", "the duration of takes is missing"},
		{"function error 2\n----\n", `unexpected "2"; want a comma`},
		{"function items\n----\n", "an item identifier is missing"},
		{"destination\n----\n", "what it does is missing"},
		{"destination explodes\n----\n", `unknown outcome "explodes"`},
		{"run fast\n----\n", `unknown option "fast"`},
		{"run until=5\n----\n", `until: "5" is not a duration`},
		{"advance 5s\nrun until=1s\n----\n", "x.txt:2: run: until=1s is over: it is 5s"},
		{"restart commit=7\n----\n", "there was no commit with version 7"},
		{"restart position=x\n----\n", `"x" is not a position`},
		{"restart somewhere=1\n----\n", `unknown attribute "somewhere"`},
		{"restart BatchSize=0.5\n----\n", `"0.5" is not a whole number`},
		{"restart BatchSize=-1\n----\n", "x.txt:1: restart: batch: BatchSize is -1"},
		{"laneof\n----\n", "a key is missing"},

		{"policy TumblingWindow=10\n----\n", `"10" is not a duration`},
		{"policy TumblingWindowInSeconds=901\nnext\n----\n", "batch: TumblingWindow is 15m1s, must be between 0s and 15m0s"},
		{"policy TumblingWindow=1500ms\nnext\n----\n", "in whole seconds"},
		{"policy TumblingWindow=10s ParallelizationFactor=2\nnext\n----\n", "must be 1 with a TumblingWindow"},
		{"policy TumblingWindowGraceInSeconds=121\nnext\n----\n", "TumblingWindowGrace is 2m1s"},
		{"policy WindowSize=-1\nnext\n----\n", "WindowSize is -1"},
		{"report 1 success state\n----\n", "state needs a value"},
		{"report 1 success state=\n----\n", "the value of state is missing"},
		{"report 1 success state=7\n----\n", `state: "7" is neither a JSON object`},
		{"report 1 success state={\"n\":}\n----\n", "x.txt:1: a JSON object is wrong"},
		{"report 1 success state={n}\n----\n", "a JSON object is wrong"},
		{"report 1 success state={\n----\n", "a JSON object is wrong"},
		{"report 1 success state=large(7)\n----\n", "large(7) is not between 8 bytes and 16 MiB"},
		{"report 1 success state=large(99999999)\n----\n", "is not between 8 bytes and 16 MiB"},
		{"report 1 success state=large(x)\n----\n", `"x" is not a whole number`},
		{"report 1 error state={}\n----\n", "state= goes with success only"},
		{"report 1 success state={} state={}\n----\n", `unexpected "state"`},
		{"function error state={} on 2\n----\n", "state= goes with success only"},
		{"offer caughtup=x\n----\n", `caughtup: "x" is not a duration`},
		{"offer 1 arrived=never\n----\n", `arrived: "never" is not a duration`},
		{"restart window=0s\n----\n", `window: "0s" are no bounds such as 0s/10s`},
		{"restart window=10s/0s\n----\n", "are no bounds"},
		{"restart state={}\n----\n", "state= needs a window"},
	} {
		err := runText(c.text)
		if err == nil || !strings.HasPrefix(err.Error(), "x.txt:") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("script %q: got error %v, want one with %q", c.text, err, c.want)
		}
	}
}

// TestScenarioDifferences lets no wrong expectation pass.
func TestScenarioDifferences(t *testing.T) {
	const commands = "offer 1-2\nnext\nwake\n----\n"
	for _, c := range []struct{ expected, want string }{
		{"0s invoke id=1 lane=0 attempt=1 [1 2]\n0s wake never\n", ""},
		{" \t0s   invoke id=1 lane=0 attempt=1 [1 2] # a comment\n# another\n  0s wake never", ""},
		{"0ms invoke id=1 lane=0 attempt=1 [1 2]\n0h0m0s wake never\n", ""}, // a duration is what it says
		{"", "x.txt:4: the output differs"},
		{"0s invoke id=1 lane=0 attempt=1 [1 2]\n", "x.txt:4: "},
		{"0s invoke id=1 lane=0 attempt=1 [1 2]\n0s wake now\n", "x.txt:6: "},
		{"0s invoke id=1 lane=0 attempt=1 [1 2]\n0s wake never\n0s (nothing)\n", "x.txt:7: "},
		{"0s invoke id=2 lane=0 attempt=1 [1 2]\n0s wake never\n", "x.txt:5: "},
		{"0s invoke id=1 lane=0 attempt=1 [12]\n0s wake never\n", "x.txt:5: "},
		{"1s invoke id=1 lane=0 attempt=1 [1 2]\n0s wake never\n", "x.txt:5: "},
		{"0s wake never\n0s invoke id=1 lane=0 attempt=1 [1 2]\n", "x.txt:5: "},
	} {
		err := runText(commands + c.expected)
		switch {
		case c.want == "" && err != nil:
			t.Errorf("expecting %q: got %v, want no error", c.expected, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("expecting %q: got error %v, want one with %q", c.expected, err, c.want)
		}
	}
}

// TestScenarioNeverPanics runs shuffled pieces of commands: each is run or refused.
func TestScenarioNeverPanics(t *testing.T) {
	words := strings.Fields(`policy offer next report advance wake run function destination status lanes laneof room stop restart source clock
		BatchSize ParallelizationFactor MaximumRetryAttempts PayloadLimit BisectBatchOnFunctionError BufferBytes
		1 2 3 1-4 7-9 0 -1 "" 5s 0s -3s 1h = = = , ; key lane size data age arrived filtered members sub more end caughtup
		TumblingWindow 10s state {} {"n":1} {"n": { large(99) counts final window 0s/10s unknown none
		behind nokey ok error not-run too-large success failed items on takes delivers drops until for limit reports commit
		position - 2.1+ # ----`)
	try := func(picks []byte) bool {
		text := "offer 1-3\nnext\n"
		for _, p := range picks {
			text += words[int(p)%len(words)]
			text += map[bool]string{true: "\n", false: " "}[p > 200]
		}
		for line := range strings.Lines(text) {
			w := newWorld()
			if tokens, err := lex(strings.TrimSpace(line)); err == nil && len(tokens) > 0 {
				if err := w.do(tokens); err != nil && strings.Contains(err.Error(), "panic") {
					t.Logf("%q: %v", line, err)
					return false
				}
			}
		}
		err := runText(text + "\n----\n")
		return err == nil || !strings.Contains(err.Error(), "panic")
	}
	if err := quick.Check(try, &quick.Config{MaxCount: 2000}); err != nil {
		t.Error(err)
	}
}

// TestScenarioRewriteKeepsComments checks that only output that differs is written anew.
func TestScenarioRewriteKeepsComments(t *testing.T) {
	s, err := parseScript("x.txt", "# first\noffer 1   # one\nnext\n----\n# kept\nwrong # lost\n\n# second\n\nwake\n----\n0s  wake   never # stays\n# last")
	if err != nil {
		t.Fatal(err)
	}
	results, err := s.run()
	if err != nil {
		t.Fatal(err)
	}
	const want = "# first\noffer 1   # one\nnext\n----\n# kept\n0s     invoke id=1 lane=0 attempt=1 [1]\n\n# second\n\nwake\n----\n0s  wake   never # stays\n# last\n"
	if got := string(s.rewritten(results)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if err := runText(want); err != nil {
		t.Errorf("the rewritten script: got error %v, want none", err)
	}
}

// TestScenarioReadme runs the examples of the grammar, and reads each command in it.
func TestScenarioReadme(t *testing.T) {
	text, err := os.ReadFile("testdata/README.md")
	if err != nil {
		t.Fatal(err)
	}
	scripts, lines := 0, 0
	for _, listing := range listings(string(text)) {
		if strings.Contains(listing, separator) {
			scripts++
			if err := runText(listing); err != nil {
				t.Errorf("example of the README: %v", err)
			}
			continue
		}
		for line := range strings.Lines(listing) {
			tokens, err := lex(strings.TrimSpace(line))
			if err != nil || len(tokens) == 0 || commands[tokens[0].text] == nil {
				continue
			}
			lines++
			if err := newWorld().do(tokens); err != nil {
				t.Errorf("README: %s: got error %v, want none", strings.TrimSpace(line), err)
			}
		}
	}
	if scripts < 2 || lines < 20 {
		t.Errorf("got %d scripts and %d commands from the README, want at least 2 and 20", scripts, lines)
	}
}

// listings returns the indented parts of a Markdown text.
func listings(text string) []string {
	var all []string
	var listing strings.Builder
	for line := range strings.Lines(text + "\nend\n") {
		code, indented := strings.CutPrefix(line, "    ")
		switch {
		case indented:
			listing.WriteString(code)
		case strings.TrimSpace(line) == "":
			listing.WriteString("\n")
		default:
			if s := listing.String(); strings.TrimSpace(s) != "" {
				all = append(all, s)
			}
			listing.Reset()
		}
	}
	return all
}
