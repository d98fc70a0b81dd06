package bench

import (
	"bytes"
	"context"
	stdcsv "encoding/csv"
	"fmt"
	"io"
	"time"

	"clientele/internal/domain/crm"
	"clientele/internal/domain/transfer"
	"clientele/internal/domain/transfer/csv"
	"clientele/internal/local/gencontacts"
)

// csvSpeed measures our reader against the standard library's, which keeps less
// of what stands in the file, and the planner, both on one core.
func csvSpeed(_ context.Context, s *setting) error {
	var file bytes.Buffer
	if err := gencontacts.Write(&file, gencontacts.Options{Rows: 50_000}); err != nil {
		return err
	}
	data := file.Bytes()
	var ours, standard int // fields
	took, err := alternate(7, func(int) (time.Duration, error) {
		start := time.Now()
		n := 0
		for r := csv.NewReader(bytes.NewReader(data), csv.Dialect{}, csv.At{}); ; {
			rec, err := r.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				return 0, err
			}
			n += len(rec.Fields)
		}
		ours = n
		return time.Since(start), nil
	}, func(int) (time.Duration, error) {
		start := time.Now()
		n := 0
		r := stdcsv.NewReader(bytes.NewReader(data))
		r.ReuseRecord = true
		for {
			rec, err := r.Read()
			if err == io.EOF {
				break
			}
			if err != nil {
				return 0, err
			}
			n += len(rec)
		}
		standard = n
		return time.Since(start), nil
	})
	if err == nil && ours != standard {
		err = fmt.Errorf("%d fields, the standard library has %d", ours, standard)
	}
	if err != nil {
		return err
	}
	s.add("csv_reader_mb_per_second", float64(len(data))/1e6/median(took[0]).Seconds(), "MB/s", goal{})
	s.add("csv_reader_ratio", took.ratio(0, 1), "×", atLeast(2))

	var plans []time.Duration
	for range 5 {
		start := time.Now()
		_, err := transfer.Plan(bytes.NewReader(data), transfer.PlanOptions{Skip: 1, Keys: addressKey}, func(transfer.Chunk) error { return nil })
		if err != nil {
			return err
		}
		plans = append(plans, time.Since(start))
	}
	s.add("planner_mb_per_second", float64(len(data))/1e6/median(plans).Seconds(), "MB/s", goal{})
	return nil
}

// addressKey is the e-mail address in the first column, as the importer takes it.
func addressKey(fields [][]byte, keys []uint64) []uint64 {
	if len(fields) == 0 {
		return keys
	}
	address, err := crm.ParseEmail(string(fields[0]))
	if err != nil {
		return keys
	}
	return append(keys, transfer.KeyHash("em", crm.EmailKey(address)))
}
