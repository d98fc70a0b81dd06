// Package boot is the start of every function: logging is set up here and
// nowhere else, and the function's parts are built before it asks for its first
// event, so that a fault of the configuration fails the start and not a request.
package boot

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"log/slog"
	"os"

	"clientele/internal/domain/crm"
)

// Build sets up logging and builds a function with the process's environment. A
// build that fails is logged and ends the process, which Lambda reports as a
// failed start.
func Build[T any](build func(ctx context.Context, getenv func(string) string) (T, error)) T {
	slog.SetDefault(slog.New(Logger(os.Stderr)))
	built, err := build(context.Background(), os.Getenv)
	if err != nil {
		slog.Error("the function could not start", "error", err.Error())
		os.Exit(1)
	}
	return built
}

// Logger writes one JSON object a line, with the names that Lambda's own JSON
// log format filters by: timestamp, level, message.
func Logger(w io.Writer) slog.Handler {
	return slog.NewJSONHandler(w, &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 {
			switch a.Key {
			case slog.TimeKey:
				a.Key = "timestamp"
			case slog.MessageKey:
				a.Key = "message"
			}
		}
		return a
	}})
}

// LogSite is how a site stands in logs: its lines are found by who knows its
// id, and nobody reads a shop's name in them.
func LogSite(id crm.SiteID) string {
	if id == "" {
		return ""
	}
	h := sha256.Sum256([]byte(id))
	return hex.EncodeToString(h[:6])
}
