package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"clientele/internal/domain/transfer/csv"
)

// Counts of an import.
type Counts struct {
	Rows, Created, Updated, Unchanged, Merged, Rejected int
}

// Sum is what Rows has to be when the import is done.
func (c Counts) Sum() int { return c.Created + c.Updated + c.Unchanged + c.Merged + c.Rejected }

func (c Counts) String() string {
	return fmt.Sprintf("%d rows: %d created, %d updated, %d unchanged, %d merged, %d rejected",
		c.Rows, c.Created, c.Updated, c.Unchanged, c.Merged, c.Rejected)
}

// Import is a job that brings a file in.
type Import struct {
	ID        string  `json:"id"`
	State     string  `json:"state"`
	Counts    Counts  `json:"counts"`
	Total     int     `json:"total_rows"`
	Progress  float64 `json:"progress"`
	Detail    string  `json:"detail"`
	ErrorsURL string  `json:"errors_url"`
	Columns   []struct {
		Name, Field string
	} `json:"columns"`
	Upload struct {
		Method  string            `json:"method"`
		URL     string            `json:"url"`
		Headers map[string]string `json:"headers"`
	} `json:"upload"`
}

// StartImport asks for an import; the answer tells where the file is to go.
func (c *Client) StartImport(ctx context.Context, filename string, size int, more map[string]any) (j Import, err error) {
	in := map[string]any{"filename": filename, "size": size}
	for k, v := range more {
		in[k] = v
	}
	return j, c.call(ctx, "POST", "/v1/imports", in, &j)
}

// Upload sends the file with exactly the headers that were given.
func (c *Client) Upload(ctx context.Context, j Import, file []byte) (Answer, error) {
	var h Header
	for name, v := range j.Upload.Headers {
		h = append(h, name, v)
	}
	return c.Send(ctx, j.Upload.Method, j.Upload.URL, bytes.NewReader(file), h)
}

// Import brings a file in and waits for the end. See, if given, is told how it goes.
func (c *Client) Import(ctx context.Context, filename string, file []byte, more map[string]any, see func(Import)) (Import, error) {
	j, err := c.StartImport(ctx, filename, len(file), more)
	if err != nil {
		return j, err
	}
	a, err := c.Upload(ctx, j, file)
	if err != nil {
		return j, err
	}
	if !a.Is(200) {
		return j, fmt.Errorf("uploading %s: %s", filename, a)
	}
	return c.AwaitImport(ctx, j.ID, see)
}

// AwaitImport waits, minutes if need be, until an import has ended.
func (c *Client) AwaitImport(ctx context.Context, id string, see func(Import)) (j Import, err error) {
	err = Until(ctx, 10*time.Minute, func() (bool, error) {
		j = Import{}
		if err := c.call(ctx, "GET", "/v1/imports/"+id, nil, &j); err != nil {
			return false, err
		}
		if see != nil {
			see(j)
		}
		switch j.State {
		case "failed", "cancelled", "ready":
			return false, fmt.Errorf("import %s is %s: %s", id, j.State, j.Detail)
		}
		return j.State == "done", nil
	})
	if err == nil && j.Counts.Rows != j.Counts.Sum() {
		err = fmt.Errorf("import %s does not add up: %s", id, j.Counts)
	}
	return j, err
}

// Export asks for a file of contacts, waits for it and reads it.
func (c *Client) Export(ctx context.Context, request map[string]any) (rows int, file []byte, err error) {
	var j struct {
		ID, State, URL, Detail string
		Counts                 struct{ Rows int }
	}
	if err := c.call(ctx, "POST", "/v1/exports", request, &j); err != nil {
		return 0, nil, err
	}
	id := j.ID
	err = Until(ctx, 10*time.Minute, func() (bool, error) {
		if err := c.call(ctx, "GET", "/v1/exports/"+id, nil, &j); err != nil {
			return false, err
		}
		if j.State == "failed" {
			return false, fmt.Errorf("export %s failed: %s", id, j.Detail)
		}
		return j.State == "done", nil
	})
	if err != nil {
		return 0, nil, err
	}
	file, err = c.Download(ctx, j.URL)
	return j.Counts.Rows, file, err
}

// Download reads a presigned address.
func (c *Client) Download(ctx context.Context, address string) ([]byte, error) {
	a, err := c.Send(ctx, "GET", address, nil, nil)
	if err == nil && !a.Is(200) {
		err = fmt.Errorf("downloading: %s", a)
	}
	return a.Body, err
}

// Row is a row of a CSV file by the names of its columns, without the guards
// against formulas.
type Row struct {
	Number int // of the data row, from 1
	Cells  map[string]string
}

// ReadCSV reads a file of our making, or one that an import takes, whole.
func ReadCSV(file []byte) (header []string, rows []Row, err error) {
	sample := file[:min(len(file), 64<<10)]
	r := csv.NewReader(bytes.NewReader(file), csv.Sniff(sample), csv.At{})
	for {
		rec, err := r.Next()
		if err == io.EOF {
			return header, rows, nil
		}
		var fault *csv.Fault
		if err != nil && !errors.As(err, &fault) {
			return nil, nil, err
		}
		if err == nil && rec.Blank() {
			continue
		}
		if header == nil {
			header = rec.Strings()
			continue
		}
		row := Row{Number: len(rows) + 1, Cells: map[string]string{}}
		for i, v := range rec.Strings() {
			if err == nil && i < len(header) {
				row.Cells[header[i]] = csv.Unguard(v)
			}
		}
		rows = append(rows, row)
	}
}
