// Command local runs the whole of Clientele on one machine: it starts the local
// services, deploys template.yaml to them, makes a demo site, and serves until
// it is told to stop. The Makefile calls it; nothing in functions/ imports it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"clientele/internal/adapter/dynamo"
	"clientele/internal/local/bench"
	"clientele/internal/local/services"
)

// A command is one word after `local`.
type command func(ctx context.Context, root string, args []string) error

var commands = map[string]command{
	"bench": bench.Run,
	"up":    up,
	"test":  test,
	"demo":  demo,
	"book":  book,
	"site":  newSite,
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "local:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	root, err := services.Root()
	if err != nil {
		return err
	}
	if len(args) == 0 || commands[args[0]] == nil {
		return errors.New("say what to do: up, test, demo, bench or site (`make help` lists the targets, README.md tells of site)")
	}
	ctx = followParent(ctx)
	return commands[args[0]](ctx, root, args[1:])
}

// followParent ends the context when the make that started this program is
// gone, or was interrupted alone: it then waits for its children without
// telling them.
func followParent(ctx context.Context) context.Context {
	if os.Getenv("CLIENTELE_FOLLOW") == "" {
		return ctx
	}
	parent := os.Getppid()
	listens := handlesInterrupt(parent)
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		for os.Getppid() == parent && handlesInterrupt(parent) == listens {
			time.Sleep(300 * time.Millisecond)
		}
		cancel()
	}()
	return ctx
}

// handlesInterrupt tells whether a process has a handler for SIGINT. GNU make
// has one, and takes it away first thing when the signal comes. Only Linux
// tells; elsewhere the answer is always no.
func handlesInterrupt(pid int) bool {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return false
	}
	_, after, _ := strings.Cut(string(status), "\nSigCgt:")
	mask, _, _ := strings.Cut(after, "\n")
	caught, err := strconv.ParseUint(strings.TrimSpace(mask), 16, 64)
	return err == nil && caught&(1<<(syscall.SIGINT-1)) != 0
}

// up is `make run`.
func up(ctx context.Context, root string, args []string) error {
	flags := flag.NewFlagSet("up", flag.ContinueOnError)
	file := flags.String("run-file", filepath.Join(root, ".local", "run.json"), "where to write what was started")
	port := flags.Int("port", 8080, "port of the API; a free one if it is taken")
	logs := flags.String("logs", filepath.Join(root, ".local", "log"), "folder of the services' logs")
	leash := flags.Bool("until-stdin-ends", false, "stop when standard input ends")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *leash {
		c, cancel := context.WithCancel(ctx)
		go func() { _, _ = io.Copy(io.Discard, os.Stdin); cancel() }()
		ctx = c
	}
	if before, err := services.ReadRun(*file); err == nil && answers(before.APIURL) {
		return fmt.Errorf("this folder already runs one, at %s; stop it first (Ctrl-C where it runs)", before.APIURL)
	}
	_ = os.Remove(*file) // of a run that was killed
	d, run, err := start(ctx, root, *logs, *port)
	if err != nil {
		return err
	}
	defer d.Close()
	defer func() { // unless a second run has taken the place
		if now, err := services.ReadRun(*file); err == nil && now.APIURL == run.APIURL {
			_ = os.Remove(*file)
		}
	}()
	if err := run.Write(*file); err != nil {
		return err
	}
	banner(os.Stdout, d, run, *file)
	err = d.Wait(ctx)
	fmt.Println("\nstopping")
	return err
}

// answers reports whether an API is there.
func answers(url string) bool {
	client := http.Client{Timeout: 3 * time.Second}
	r, err := client.Get(url + "/v1/openapi.json")
	if err != nil {
		return false
	}
	r.Body.Close()
	return r.StatusCode == http.StatusOK
}

// start brings everything up with a demo site in it.
func start(ctx context.Context, root, logs string, port int) (*services.Deployment, services.Run, error) {
	began := time.Now()
	d, err := services.Up(ctx, root, logs, port, func(format string, args ...any) {
		fmt.Printf("%5.1fs  %s\n", time.Since(began).Seconds(), fmt.Sprintf(format, args...))
	})
	if err != nil {
		return nil, services.Run{}, err
	}
	run, err := Seed(ctx, d.Stack, d.Gateway.URL)
	if err != nil {
		d.Close()
		return nil, services.Run{}, fmt.Errorf("making the demo site: %w", err)
	}
	fmt.Printf("%5.1fs  ready\n", time.Since(began).Seconds())
	return d, run, nil
}

// book starts only the table, with the demo site in it, for `sam local`: it
// prints the table's endpoint and what it made, and ends with its input.
func book(ctx context.Context, root string, _ []string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { _, _ = io.Copy(io.Discard, os.Stdin); cancel() }()
	db, err := services.StartDynamoDB(ctx, root, filepath.Join(root, ".local", "log", "book-dynamodb.log"))
	if err != nil {
		return err
	}
	defer db.Close()
	s := &services.Stack{Dynamo: db.Endpoint, Table: "local"}
	if _, err := dynamodb.NewFromConfig(sdk(s)).CreateTable(ctx, dynamo.Schema(s.Table)); err != nil {
		return err
	}
	run, err := Seed(ctx, s, "http://127.0.0.1:3000")
	if err != nil {
		return err
	}
	fmt.Printf("%s\napi key %s\nform    %s\n", db.Endpoint, run.APIKey, run.FormURL)
	<-ctx.Done()
	return nil
}

// sdk is a configuration for the SDK's clients of the table.
func sdk(s *services.Stack) aws.Config {
	return aws.Config{
		Region: services.Region, BaseEndpoint: &s.Dynamo,
		Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""),
	}
}

// test is `make test`: the services once for all packages, then go test.
func test(ctx context.Context, root string, args []string) error {
	dir, err := os.MkdirTemp(filepath.Join(root, ".local"), "test-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	logs := filepath.Join(root, ".local", "log", "test")
	// The suites that hammer an own engine, and the deployed stack with its.
	db, err := services.StartDynamoDB(ctx, root, filepath.Join(logs, "suites-dynamodb.log"))
	if err != nil {
		return err
	}
	defer db.Close()
	d, run, err := start(ctx, root, logs, 0)
	if err != nil {
		return err
	}
	defer d.Close()
	file := filepath.Join(dir, "run.json")
	if err := run.Write(file); err != nil {
		return err
	}
	if len(args) == 0 {
		args = []string{"./..."}
	}
	if _, err := exec.LookPath("cc"); err == nil {
		args = append([]string{"-race"}, args...)
	} else {
		fmt.Println("WARNING: no C compiler (apt-get install -y gcc libc6-dev), so the tests run without the race detector")
	}
	fmt.Println("go test " + strings.Join(args, " "))
	cmd := exec.CommandContext(ctx, "go", append([]string{"test"}, args...)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = root, os.Stdout, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	cmd.Env = append(os.Environ(), "CLIENTELE_DYNAMODB="+db.Endpoint, "CLIENTELE_RUN="+file)
	return cmd.Run()
}
