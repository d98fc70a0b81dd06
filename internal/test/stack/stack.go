// Package stack gives tests the local services. `make test` starts them once
// and tells the tests where they are; in a plain `go test` each test process
// starts its own, which end with it. A service that is not installed fails the
// test with the command that installs it: nothing is ever skipped.
package stack

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"clientele/internal/local/services"
)

// DynamoLocal returns the endpoint of a DynamoDB Local that all tests of the
// process, and perhaps other packages', share: make a table per test.
func DynamoLocal(t testing.TB) (endpoint string) {
	t.Helper()
	if endpoint := os.Getenv("CLIENTELE_DYNAMODB"); endpoint != "" {
		return endpoint
	}
	endpoint, err := ownDynamo()
	if err != nil {
		t.Fatalf("DynamoDB Local: %v", err)
	}
	return endpoint
}

// The engine is never closed: it ends when this process does (see package services).
var ownDynamo = sync.OnceValues(func() (string, error) {
	root, err := services.Root()
	if err != nil {
		return "", err
	}
	log, err := os.CreateTemp("", "dynamodb-*.log")
	if err != nil {
		return "", err
	}
	log.Close()
	db, err := services.StartDynamoDB(context.Background(), root, log.Name())
	// The engine keeps its log open; nobody else needs the name.
	defer os.Remove(log.Name())
	if err != nil {
		return "", err
	}
	return db.Endpoint, nil
})

// Deployed returns the running deployment of template.yaml with its demo site.
func Deployed(t testing.TB) services.Run {
	t.Helper()
	var run services.Run
	var err error
	if file := os.Getenv("CLIENTELE_RUN"); file != "" {
		run, err = services.ReadRun(file)
	} else {
		run, err = ownStack()
	}
	if err != nil {
		t.Fatalf("the deployed stack: %v", err)
	}
	return run
}

var ownStack = sync.OnceValues(func() (services.Run, error) {
	root, err := services.Root()
	if err != nil {
		return services.Run{}, err
	}
	dir, err := os.MkdirTemp("", "clientele-test-")
	if err != nil {
		return services.Run{}, err
	}
	defer os.RemoveAll(dir)
	local := filepath.Join(dir, "local")
	build := exec.Command("go", "build", "-o", local, "./internal/local")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		return services.Run{}, fault{"building internal/local", string(out), err}
	}
	file := filepath.Join(dir, "run.json")
	cmd := exec.Command(local, "up", "-until-stdin-ends", "-port", "0", "-run-file", file, "-logs", dir)
	cmd.Dir = root
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	// Never closed: the child reads its other end until this process is gone.
	if _, err := cmd.StdinPipe(); err != nil {
		return services.Run{}, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return services.Run{}, err
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		return services.Run{}, err
	}
	said := make(chan string)
	go func() {
		var all strings.Builder
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			all.WriteString(lines.Text() + "\n")
			if strings.HasPrefix(lines.Text(), "Stop with") {
				break
			}
		}
		said <- all.String()
		_, _ = io.Copy(io.Discard, out)
		_ = cmd.Wait() // also holds on to cmd and so to the pipe
	}()
	select {
	case words := <-said:
		run, err := services.ReadRun(file)
		if err != nil {
			return run, fault{"starting the stack", words, err}
		}
		return run, nil
	case <-time.After(10 * time.Minute):
		return services.Run{}, fault{"starting the stack", "it took more than ten minutes", context.DeadlineExceeded}
	}
})

// A fault carries what a child process said.
type fault struct {
	doing, words string
	err          error
}

func (f fault) Error() string { return f.doing + ": " + f.err.Error() + "\n" + f.words }
func (f fault) Unwrap() error { return f.err }
