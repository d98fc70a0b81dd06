package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The lines of the README work when pasted.
func TestReadme(t *testing.T) {
	s := open(t)
	top, err := filepath.Abs("../../..")
	s.must(err)
	text, err := os.ReadFile(filepath.Join(top, "README.md"))
	s.must(err)
	var script strings.Builder
	blocks := strings.Split(string(text), "```sh\n")[1:]
	if len(blocks) != 6 {
		t.Fatalf("the README has %d blocks to paste, want 6", len(blocks))
	}
	for _, b := range blocks {
		b, _, _ = strings.Cut(b, "```")
		script.WriteString(b + "\necho; echo ----\n")
	}
	run := filepath.Join(t.TempDir(), "run.json")
	s.must(s.run.Write(run))
	cmd := exec.CommandContext(s.ctx, "bash", "-euo", "pipefail", "-c", strings.ReplaceAll(script.String(), ".local/run.json", run))
	cmd.Dir = top
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	said := strings.Split(string(out), "----\n")
	for i, want := range map[int][]string{
		1: {"ann@example.com", `"note":"rings twice"`}, 2: {`"status":"received"`}, 3: {`"status":"accepted"`, "accepted"},
		4: {`"rows":500`, `"state":"done"`}, 5: {`"email","first_name","status","orders_count"`},
	} {
		for _, w := range want {
			if !strings.Contains(said[i], w) {
				t.Errorf("flow %d does not say %s:\n%s", i, w, said[i])
			}
		}
		if strings.Contains(said[i], `"status":4`) && i != 1 { // of 1 only the first time
			t.Errorf("flow %d is refused:\n%s", i, said[i])
		}
	}
	if strings.Count(said[3], "accepted") != 2 {
		t.Errorf("not both orders are accepted:\n%s", said[3])
	}
}
