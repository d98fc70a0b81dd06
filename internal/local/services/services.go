// Package services runs the local stand-ins for AWS: DynamoDB Local for the
// table, MiniStack for the rest, and deploys template.yaml to them. It is used
// by internal/local (make run, make test) and by internal/test/stack.
//
// Every process it starts belongs to a small shell that holds the other end of
// a pipe: when the pipe closes, whether by Close or because this process was
// killed, the shell ends its whole process group. So nothing is left behind.
package services

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// Region is where the local deployment pretends to be.
const Region = "eu-west-1"

// Root is the folder of go.mod, found upward from the working directory.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("no go.mod above the working directory: run this inside the checkout")
		}
		dir = up
	}
}

// python is the interpreter that has SAM CLI and MiniStack.
func python(root string) string { return filepath.Join(root, ".local", "venv", "bin", "python") }

// needParts says which command fetches a part that is not here.
func needParts(paths ...string) error {
	for _, p := range paths {
		if _, err := os.Stat(p); err != nil {
			return fmt.Errorf("%s is missing: run `make parts` once, which fetches the pinned local services", filepath.Base(p))
		}
	}
	return nil
}

// FreePort asks the system for a port that nobody uses now.
func FreePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// A process is a running service.
type process struct {
	name  string
	cmd   *exec.Cmd
	leash io.Closer
	ended chan struct{}
	once  sync.Once
}

// The shell ends the group when its standard input does: first the service,
// with time to tidy up, then whatever is still there.
const leash = `"$@" </dev/null & p=$!
exec 3<&0
( trap '' INT TERM HUP; read -r _ <&3; kill -TERM $p 2>/dev/null
  i=0; while kill -0 $p 2>/dev/null && [ $i -lt 50 ]; do sleep 0.1; i=$((i+1)); done
  kill -KILL 0 ) &
wait $p; kill -KILL 0`

// start runs a command in its own process group, its output in log.
func start(name, log string, env []string, dir string, args ...string) (*process, error) {
	if err := os.MkdirAll(filepath.Dir(log), 0o755); err != nil {
		return nil, err
	}
	out, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd := exec.Command("/bin/sh", append([]string{"-c", leash, name}, args...)...)
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = env, dir, out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	p := &process{name: name, cmd: cmd, leash: in, ended: make(chan struct{})}
	go func() { _ = cmd.Wait(); close(p.ended) }()
	return p, nil
}

// Close ends the process and its group, and returns when they are gone.
func (p *process) Close() {
	p.once.Do(func() { _ = p.leash.Close() })
	select {
	case <-p.ended:
	case <-time.After(10 * time.Second):
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
		<-p.ended
	}
}

// await polls until url answers at all.
func (p *process) await(ctx context.Context, url, log string) error {
	ctx, cancel := context.WithTimeout(ctx, 60*time.Second)
	defer cancel()
	client := http.Client{Timeout: 5 * time.Second}
	for {
		if res, err := client.Get(url); err == nil {
			res.Body.Close()
			return nil
		}
		select {
		case <-p.ended:
			return fmt.Errorf("%s ended at once; its words are in %s:\n%s", p.name, log, tail(log))
		case <-ctx.Done():
			return fmt.Errorf("%s does not answer; its words are in %s:\n%s", p.name, log, tail(log))
		case <-time.After(30 * time.Millisecond):
		}
	}
}

func tail(file string) string {
	b, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-1500):])
}

// A DynamoDB is a running DynamoDB Local, empty at its start and in memory.
type DynamoDB struct {
	Endpoint string
	*process
}

// StartDynamoDB starts DynamoDB Local on a free port.
func StartDynamoDB(ctx context.Context, root, log string) (*DynamoDB, error) {
	lib := filepath.Join(root, ".local", "dynamodb")
	if err := needParts(lib); err != nil {
		return nil, err
	}
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	// A bounded heap: the rows are in SQLite's memory, not in Java's.
	p, err := start("DynamoDB Local", log, os.Environ(), root,
		"java", "-Xmx1g", "-XX:+UseSerialGC", "-Djava.library.path="+lib, "-cp", filepath.Join(lib, "*"),
		"com.amazonaws.services.dynamodbv2.local.main.ServerRunner",
		"-inMemory", "-sharedDb", "-disableTelemetry", "-port", fmt.Sprint(port))
	if err != nil {
		return nil, err
	}
	endpoint := fmt.Sprintf("http://127.0.0.1:%d", port)
	if err := p.await(ctx, endpoint, log); err != nil {
		p.Close()
		return nil, err
	}
	return &DynamoDB{Endpoint: endpoint, process: p}, nil
}

// A MiniStack is running MiniStack, which plays API Gateway, Lambda, SQS, S3, SES and CloudFormation.
type MiniStack struct {
	Endpoint string
	scratch  string
	*process
}

// StartMiniStack starts MiniStack on a free port. Functions that it runs find
// their table and the mail service at the given endpoints.
func StartMiniStack(ctx context.Context, root, dynamo, mail, log string) (*MiniStack, error) {
	if err := needParts(python(root)); err != nil {
		return nil, err
	}
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	scratch, err := newScratch(root)
	if err != nil {
		return nil, err
	}
	endpoint := fmt.Sprintf("http://127.0.0.1:%d", port)
	env := append(awsEnv(endpoint),
		"AWS_ENDPOINT_URL_DYNAMODB="+dynamo, "AWS_ENDPOINT_URL_SESV2="+mail,
		"MINISTACK_REGION="+Region, "MINISTACK_HOST=localhost",
		"GATEWAY_PORT="+fmt.Sprint(port), "BIND_HOST=127.0.0.1",
		"TMPDIR="+scratch, "PYTHONUNBUFFERED=1",
		// Nothing but the HTTP port, and no hands on this machine's containers.
		"IOT_MTLS_ENABLED=0", "SFTP_ENABLED=0", "DOCKER_HOST=unix://"+filepath.Join(scratch, "none"))
	p, err := start("MiniStack", log, env, scratch, python(root), "-m", "ministack.app")
	if err == nil {
		if err = p.await(ctx, endpoint+"/_ministack/health", log); err == nil {
			return &MiniStack{Endpoint: endpoint, scratch: scratch, process: p}, nil
		}
		p.Close()
	}
	_ = os.RemoveAll(scratch)
	return nil, err
}

// newScratch makes a folder for this process, and removes those of processes
// that were killed before they could.
func newScratch(root string) (string, error) {
	tmp := filepath.Join(root, ".local", "tmp")
	if err := os.MkdirAll(tmp, 0o755); err != nil {
		return "", err
	}
	old, err := os.ReadDir(tmp)
	if err != nil {
		return "", err
	}
	for _, d := range old {
		var pid int
		if _, err := fmt.Sscanf(d.Name(), "%d-", &pid); err == nil && syscall.Kill(pid, 0) == syscall.ESRCH {
			_ = os.RemoveAll(filepath.Join(tmp, d.Name()))
		}
	}
	return os.MkdirTemp(tmp, fmt.Sprintf("%d-", os.Getpid()))
}

// Close ends MiniStack and the functions that it runs.
func (m *MiniStack) Close() {
	m.process.Close()
	_ = os.RemoveAll(m.scratch)
}

// awsEnv is an environment in which SAM CLI and the SDKs see the local endpoint
// and neither the profile nor the credentials of whoever runs this.
func awsEnv(endpoint string) []string {
	env := []string{
		"AWS_ENDPOINT_URL=" + endpoint, "AWS_REGION=" + Region, "AWS_DEFAULT_REGION=" + Region,
		"AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test",
		"AWS_CONFIG_FILE=" + os.DevNull, "AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull,
		"AWS_EC2_METADATA_DISABLED=true", "SAM_CLI_TELEMETRY=0",
	}
	for _, keep := range []string{"PATH", "HOME", "LANG", "TMPDIR", "GOPATH", "GOCACHE", "GOMODCACHE", "GOPROXY", "GOFLAGS", "GOTOOLCHAIN", "GOROOT"} {
		if v, ok := os.LookupEnv(keep); ok {
			env = append(env, keep+"="+v)
		}
	}
	return env
}
