package audit

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"
)

// progress shows the progress: a bar on a terminal, occasional lines elsewhere.
type progress struct {
	interval time.Duration
	terminal bool
	json     bool
	started  time.Time
	shown    time.Time
}

func newProgress(asJSON bool) *progress {
	p := &progress{json: asJSON, started: time.Now(), interval: 500 * time.Millisecond}
	if info, err := os.Stdout.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 && !asJSON {
		p.terminal, p.interval = true, 50*time.Millisecond
	}
	return p
}

// update shows the counts, if enough time has passed since the last ones.
func (p *progress) update(put, delivered, records int64) {
	if time.Since(p.shown) >= p.interval {
		p.shown = time.Now()
		p.show(put, delivered, records)
	}
}

// end shows the last counts.
func (p *progress) end(put, delivered, records int64) {
	p.show(put, delivered, records)
	if p.terminal {
		fmt.Println()
	}
}

// reshard shows a split or a merge.
func (p *progress) reshard(r reshard) {
	elapsed := time.Since(p.started).Round(100 * time.Millisecond)
	if p.json {
		line, _ := json.Marshal(map[string]any{"elapsed": elapsed.Seconds(), r.Step: r.Of, "into": r.Into}) //nolint:errchkjson // texts
		fmt.Printf("%s\n", line)
		return
	}
	if p.terminal {
		fmt.Print("\r\x1b[K") // the bar is drawn again below
	}
	fmt.Printf("%6s  %s %s into %s\n", elapsed, r.Step, strings.Join(r.Of, " and "), strings.Join(r.Into, " and "))
}

func (p *progress) show(put, delivered, records int64) {
	elapsed := time.Since(p.started).Round(100 * time.Millisecond)
	switch {
	case p.json:
		line, _ := json.Marshal(map[string]any{"elapsed": elapsed.Seconds(), "put": put, "delivered": delivered}) //nolint:errchkjson // numbers
		fmt.Printf("%s\n", line)
	case p.terminal:
		const width = 40
		done := min(width, int(width*delivered/max(1, records)))
		fmt.Printf("\r[%s%s] put %d  delivered %d  of %d  %s ",
			strings.Repeat("#", done), strings.Repeat(".", width-done), put, delivered, records, elapsed)
	default:
		fmt.Printf("%6s  put %d  delivered %d  of %d\n", elapsed, put, delivered, records)
	}
}
