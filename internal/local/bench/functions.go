package bench

import (
	"archive/zip"
	"compress/flate"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// functions measures the built functions: how long each takes from its start to
// its first request for an event, and how large it is as a zip.
func functions(ctx context.Context, s *setting) error {
	dirs, err := filepath.Glob(filepath.Join(s.root, "functions", "*", "main.go"))
	if err != nil || len(dirs) == 0 {
		return fmt.Errorf("no functions in %s: %w", s.root, errors.Join(err, os.ErrNotExist))
	}
	var names []string
	largest := 0.0
	for _, main := range dirs {
		name := filepath.Base(filepath.Dir(main))
		names = append(names, name)
		// Built as `sam build` has it built.
		cmd := exec.CommandContext(ctx, "make", "--no-print-directory", "build-"+strings.ToUpper(name[:1])+name[1:]+"Function",
			"ARTIFACTS_DIR="+filepath.Join(s.scratch, name), "FUNCTION_OS="+runtime.GOOS, "FUNCTION_ARCH="+runtime.GOARCH)
		cmd.Dir = s.root
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("building %s: %w\n%s", name, err, out)
		}
		size, err := zipped(s.bootstrap(name))
		if err != nil {
			return err
		}
		largest = max(largest, float64(size)/1e6)
		s.add("zip_size_"+name, float64(size)/1e6, "MB", atMost(6))
	}

	api, err := newRuntimeAPI()
	if err != nil {
		return err
	}
	defer api.Close()
	took := make(map[string][]time.Duration)
	for range 10 {
		for _, name := range names {
			d, err := api.start(ctx, s.bootstrap(name))
			if err != nil {
				return fmt.Errorf("starting %s: %w", name, err)
			}
			took[name] = append(took[name], d)
		}
	}
	slowest := time.Duration(0)
	for _, name := range names {
		d := median(took[name])
		slowest = max(slowest, d)
		s.add("function_start_"+name, float64(d.Microseconds())/1000, "ms", atMost(20))
	}
	s.add("function_start", float64(slowest.Microseconds())/1000, "ms", atMost(20))
	s.add("zip_size", largest, "MB", atMost(6))
	return nil
}

func (s *setting) bootstrap(function string) string {
	return filepath.Join(s.scratch, function, "bootstrap")
}

// zipped is the size of a file in a zip, in bytes.
func zipped(file string) (int64, error) {
	f, err := os.Open(file)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	var n counter
	z := zip.NewWriter(&n)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.DefaultCompression) })
	w, err := z.Create("bootstrap")
	if err != nil {
		return 0, err
	}
	if _, err := io.Copy(w, f); err != nil {
		return 0, err
	}
	err = z.Close()
	return int64(n), err
}

type counter int64

func (c *counter) Write(b []byte) (int, error) {
	*c += counter(len(b))
	return len(b), nil
}

// runtimeAPI is as much of Lambda's Runtime API as a function meets before its
// first event.
type runtimeAPI struct {
	*http.Server
	addr string
	next chan time.Time
}

func newRuntimeAPI() (*runtimeAPI, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	a := &runtimeAPI{addr: l.Addr().String(), next: make(chan time.Time, 1)}
	a.Server = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		now := time.Now()
		if r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, "/runtime/invocation/next") {
			http.Error(w, "there is no such thing here", http.StatusNotFound)
			return
		}
		select {
		case a.next <- now:
		default:
		}
		<-r.Context().Done() // until the process is ended
	})}
	go func() { _ = a.Serve(l) }()
	return a, nil
}

// start runs a function until it asks for an event.
func (a *runtimeAPI) start(ctx context.Context, file string) (time.Duration, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := exec.CommandContext(ctx, file)
	cmd.Env = []string{
		"AWS_LAMBDA_RUNTIME_API=" + a.addr, "AWS_LAMBDA_FUNCTION_NAME=bench", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=512",
		"AWS_REGION=eu-west-1", "AWS_ACCESS_KEY_ID=bench", "AWS_SECRET_ACCESS_KEY=bench", "AWS_EC2_METADATA_DISABLED=true",
		"GOGC=400", // as in template.yaml
		"TABLE=bench", "BUCKET=bench", "PUBLIC_URL=https://example.com", "CONFIGURATION_SET=bench",
		"DEAD_LETTERS_URL=https://sqs.eu-west-1.amazonaws.com/000000000000/dead", "MAIL_FROM=no-reply@example.com",
	}
	for _, q := range []string{"INTAKE", "IMPORT", "EXPORT", "BULK", "MAIL"} {
		cmd.Env = append(cmd.Env, q+"_QUEUE_URL=https://sqs.eu-west-1.amazonaws.com/000000000000/"+strings.ToLower(q))
	}
	var says strings.Builder
	cmd.Stderr = &says
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case at := <-a.next:
		cancel()
		<-ended
		return at.Sub(begin), nil
	case err := <-ended:
		return 0, fmt.Errorf("it ended before its first event (%w): %.500s", errors.Join(err), says.String())
	case <-time.After(10 * time.Second):
		cancel()
		<-ended
		return 0, fmt.Errorf("no request for an event in 10 s: %.500s", says.String())
	}
}
