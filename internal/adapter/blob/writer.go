package blob

import (
	"bytes"
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"clientele/internal/domain/transfer"
)

// partSize is what one part of an upload holds. With S3's limit of 10,000 parts
// a file has at most 78 GiB; two parts are in memory at a time.
const partSize = 8 << 20

// Create implements transfer.Files: a file that appears whole at Close, or not
// at all. Memory is two parts, whatever the file's size.
func (b *Bucket) Create(ctx context.Context, key, contentType string) transfer.FileWriter {
	return &writer{b: b, ctx: ctx, key: key, contentType: contentType}
}

type writer struct {
	b                *Bucket
	ctx              context.Context
	key, contentType string
	buf, spare       []byte
	upload           *string // nil while everything fits one part
	parts            []types.CompletedPart
	sending          chan error // the part under way; nil when none is
	err              error
}

func (w *writer) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		if w.err != nil {
			return 0, w.err
		}
		if w.buf == nil {
			w.buf = make([]byte, 0, min(partSize, max(64<<10, len(p))))
		}
		take := min(len(p), partSize-len(w.buf))
		w.buf = append(w.buf, p[:take]...)
		p = p[take:]
		if len(w.buf) == partSize {
			w.err = w.send()
		}
	}
	return n, w.err
}

// send starts the upload of the buffer as the next part, after the one before.
func (w *writer) send() error {
	if w.upload == nil {
		out, err := w.b.s3.CreateMultipartUpload(w.ctx, &s3.CreateMultipartUploadInput{
			Bucket: &w.b.name, Key: &w.key, ContentType: &w.contentType,
		})
		if err != nil {
			return fmt.Errorf("starting an upload: %w", err)
		}
		w.upload = out.UploadId
	}
	if err := w.wait(); err != nil {
		return err
	}
	part, number := w.buf, int32(len(w.parts)+1)
	w.parts = append(w.parts, types.CompletedPart{PartNumber: &number})
	w.buf, w.spare = w.spare[:0], part
	if cap(w.buf) == 0 {
		w.buf = make([]byte, 0, partSize)
	}
	w.sending = make(chan error, 1)
	go func() {
		out, err := w.b.s3.UploadPart(w.ctx, &s3.UploadPartInput{
			Bucket: &w.b.name, Key: &w.key, UploadId: w.upload, PartNumber: &number, Body: bytes.NewReader(part),
		})
		if err == nil {
			w.parts[number-1].ETag = out.ETag
		} else {
			err = fmt.Errorf("uploading part %d: %w", number, err)
		}
		w.sending <- err
	}()
	return nil
}

func (w *writer) wait() error {
	if w.sending == nil {
		return nil
	}
	err := <-w.sending
	w.sending = nil
	return err
}

// Close makes the file appear.
func (w *writer) Close() error {
	if w.err != nil {
		w.Abort()
		return w.err
	}
	if w.upload == nil {
		return w.b.Put(w.ctx, w.key, w.contentType, w.buf)
	}
	err := error(nil)
	if len(w.buf) > 0 {
		err = w.send()
	}
	if err == nil {
		err = w.wait()
	}
	if err == nil {
		_, err = w.b.s3.CompleteMultipartUpload(w.ctx, &s3.CompleteMultipartUploadInput{
			Bucket: &w.b.name, Key: &w.key, UploadId: w.upload,
			MultipartUpload: &types.CompletedMultipartUpload{Parts: w.parts},
		})
		if err != nil {
			err = fmt.Errorf("completing an upload: %w", err)
		}
	}
	if err != nil {
		w.Abort()
	}
	return err
}

// Abort leaves no file; parts that cannot be removed now go with the bucket's
// lifecycle rule after a day.
func (w *writer) Abort() {
	_ = w.wait()
	if w.upload == nil {
		return
	}
	_, _ = w.b.s3.AbortMultipartUpload(context.WithoutCancel(w.ctx), &s3.AbortMultipartUploadInput{
		Bucket: &w.b.name, Key: &w.key, UploadId: aws.String(*w.upload),
	})
	w.upload = nil
}
