// Package bench measures what the product promises: `make bench`. It starts its
// own DynamoDB Local, in memory, and takes every ratio side by side in one run:
// the two take turns several times and the medians count, so that other work on
// the machine weighs on both.
//
// Each file measures one thing: transfer.go imports and exports, memory.go what
// a worker of theirs takes, api.go the handler of contacts, functions.go the
// built functions, csv.go the reader and the planner.
package bench

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"time"

	"clientele/internal/local/services"
)

// A goal is what a figure should reach; the zero goal is none.
type goal struct {
	sign  string // "≥", "≤" or "±": within that share of 1
	value float64
}

func atLeast(v float64) goal { return goal{"≥", v} }
func atMost(v float64) goal  { return goal{"≤", v} }
func within(v float64) goal  { return goal{"±", v} }

func (g goal) missed(v float64) bool {
	switch g.sign {
	case "≥":
		return v < g.value
	case "≤":
		return v > g.value
	case "±":
		return math.Abs(v-1) > g.value
	}
	return false
}

func (g goal) String() string {
	if g.sign == "±" {
		return fmt.Sprintf("1 ± %g", g.value)
	}
	return fmt.Sprintf("%s %g", g.sign, g.value)
}

type figure struct {
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
}

// report prints each figure as it is measured and keeps it for the file.
type report struct {
	out     io.Writer
	figures map[string]figure
}

func (r *report) add(name string, value float64, unit string, g goal) {
	if math.IsNaN(value) || math.IsInf(value, 0) {
		return // nothing was measured
	}
	digits := 0
	for v := math.Abs(value); v < 100 && v != math.Trunc(v) && digits < 3; v *= 10 {
		digits++
	}
	text := strconv.FormatFloat(value, 'f', digits, 64)
	value, _ = strconv.ParseFloat(text, 64) // the file says what the line says
	r.figures[name] = figure{value, unit}
	line := strings.TrimSpace(name + " " + text + " " + unit)
	if g.missed(value) {
		line += "   (goal " + g.String() + ")"
	}
	fmt.Fprintln(r.out, line)
}

// write saves the figures as JSON; the file appears whole or not at all.
func (r *report) write(file string) error {
	b, err := json.MarshalIndent(r.figures, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(file+".new", append(b, '\n'), 0o644); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}

// A setting is what all measurements share.
type setting struct {
	root    string
	scratch string // goes at the end
	rows    int
	rounds  int
	workers int
	engine  *engine
	*report
}

// The parts, in their order; -only picks some by name.
var parts = []struct {
	name    string
	measure func(context.Context, *setting) error
}{
	{"csv", csvSpeed},
	{"functions", functions},
	{"memory", memory},
	{"transfer", transfers},
	{"api", api},
}

// Run is `make bench`. A figure that misses its goal is printed with the goal;
// only what could not be measured is an error.
func Run(ctx context.Context, root string, args []string) (err error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	s := &setting{root: root, report: &report{out: os.Stdout, figures: map[string]figure{}}}
	flags.IntVar(&s.rows, "rows", 10_000, "contacts to import and to export")
	flags.IntVar(&s.rounds, "rounds", 5, "turns of each side of a ratio")
	flags.IntVar(&s.workers, "workers", 4, "import workers side by side, and as many writers of the bare calls")
	only := flags.String("only", "", "parts to measure, with commas: "+partNames())
	profile := flags.String("cpuprofile", "", "write a CPU profile of this process to a file")
	child := flags.String("child", "", "measure the memory of one worker in this process (used by the benchmark itself)")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *child != "" {
		return worker(ctx, *child, s.rows)
	}
	if s.rows < 1000 || s.rounds < 1 || s.workers < 1 {
		return errors.New("bench needs at least 1000 rows, 1 round and 1 worker")
	}
	picked := strings.FieldsFunc(*only, func(r rune) bool { return r == ',' })
	for _, name := range picked {
		if !strings.Contains(","+partNames()+",", ","+name+",") {
			return fmt.Errorf("there is no part %q; there are %s", name, partNames())
		}
	}
	if *profile != "" {
		f, err := os.Create(*profile)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	if err := os.MkdirAll(filepath.Join(root, ".local"), 0o755); err != nil {
		return err
	}
	if s.scratch, err = os.MkdirTemp(filepath.Join(root, ".local"), "bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(s.scratch)
	db, err := services.StartDynamoDB(ctx, root, filepath.Join(root, ".local", "log", "bench-dynamodb.log"))
	if err != nil {
		return err
	}
	defer db.Close()
	s.engine = newEngine(db.Endpoint)

	began := time.Now()
	for _, p := range parts {
		if len(picked) > 0 && !slices.Contains(picked, p.name) {
			continue
		}
		if err := p.measure(ctx, s); err != nil {
			return fmt.Errorf("measuring %s: %w", p.name, err)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	fmt.Fprintf(os.Stderr, "measured in %.0f s\n", time.Since(began).Seconds())
	return s.write(filepath.Join(root, ".local", "bench.json"))
}

func partNames() string {
	var names []string
	for _, p := range parts {
		names = append(names, p.name)
	}
	return strings.Join(names, ",")
}

// A side does its part once and tells how long that took.
type side func(round int) (time.Duration, error)

// turns is what each side took, round by round.
type turns [][]time.Duration

// alternate lets sides take turns, in every round another one first.
func alternate(rounds int, sides ...side) (turns, error) {
	took := make(turns, len(sides))
	for round := range rounds {
		for i := range sides {
			n := (i + round) % len(sides)
			d, err := sides[n](round)
			if err != nil {
				return nil, err
			}
			took[n] = append(took[n], d)
		}
	}
	return took, nil
}

// ratio is how many times as fast side a was as side b: the median of the rounds.
func (t turns) ratio(a, b int) float64 {
	var list []float64
	for round, d := range t[a] {
		list = append(list, t[b][round].Seconds()/d.Seconds())
	}
	return median(list)
}

func median[T time.Duration | float64](list []T) T {
	s := slices.Sorted(slices.Values(list))
	if len(s)%2 == 1 {
		return s[len(s)/2]
	}
	return (s[len(s)/2-1] + s[len(s)/2]) / 2
}

func perSecond(n int, d time.Duration) float64 { return float64(n) / d.Seconds() }
