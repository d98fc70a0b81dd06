// Package blob keeps files in S3: uploads that owners send with a presigned
// request, working files of imports, and files that are handed out by link.
package blob

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"clientele/internal/domain/document"
	"clientele/internal/domain/privacy"
	"clientele/internal/domain/transfer"
)

// Bucket implements transfer.Files.
type Bucket struct {
	s3      *s3.Client
	presign *s3.PresignClient
	name    string
}

var (
	_ transfer.Files  = (*Bucket)(nil)
	_ document.Bucket = (*Bucket)(nil)
	_ privacy.Bucket  = (*Bucket)(nil)
)

// Open makes a bucket of its name; no request is made.
func Open(cfg aws.Config, name string) (*Bucket, error) {
	if name == "" {
		return nil, errors.New("the bucket's name is not set; the function needs BUCKET")
	}
	client := s3.NewFromConfig(cfg, func(o *s3.Options) {
		o.UsePathStyle = cfg.BaseEndpoint != nil // local services have no wildcard host names
		// Parts are checked by their signature's hash; a trailing checksum would need
		// a seekable body and a second pass.
		o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
		o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
	})
	return &Bucket{s3: client, presign: s3.NewPresignClient(client), name: name}, nil
}

// PresignPut implements transfer.Files. The length is part of the signature,
// and If-None-Match makes the upload happen at most once.
func (b *Bucket) PresignPut(ctx context.Context, key string, size int64, valid time.Duration) (transfer.Upload, error) {
	req, err := b.presign.PresignPutObject(ctx, &s3.PutObjectInput{
		Bucket: &b.name, Key: &key, ContentLength: &size, IfNoneMatch: aws.String("*"),
	}, s3.WithPresignExpires(valid))
	if err != nil {
		return transfer.Upload{}, fmt.Errorf("presigning an upload: %w", err)
	}
	u := transfer.Upload{Method: req.Method, URL: req.URL, Headers: map[string]string{}}
	for k, v := range req.SignedHeader {
		switch k := strings.ToLower(k); k {
		case "host":
		case "content-length":
			u.Headers["Content-Length"] = strconv.FormatInt(size, 10)
		default:
			u.Headers[k] = v[0]
		}
	}
	return u, nil
}

// PresignGet implements transfer.Files.
func (b *Bucket) PresignGet(ctx context.Context, key, filename string, valid time.Duration) (string, error) {
	req, err := b.presign.PresignGetObject(ctx, &s3.GetObjectInput{
		Bucket: &b.name, Key: &key,
		ResponseContentDisposition: aws.String("attachment; filename*=UTF-8''" + url.PathEscape(filename)),
	}, s3.WithPresignExpires(valid))
	if err != nil {
		return "", fmt.Errorf("presigning a download: %w", err)
	}
	return req.URL, nil
}

// PresignFile implements document.Bucket. Without a name the file is shown in the page.
// The type is ours and not the uploader's.
func (b *Bucket) PresignFile(ctx context.Context, key, filename, contentType string, valid time.Duration) (string, error) {
	disposition := "inline"
	if filename != "" {
		disposition = "attachment; filename*=UTF-8''" + url.PathEscape(filename)
	}
	req, err := b.presign.PresignGetObject(ctx, &s3.GetObjectInput{
		Bucket: &b.name, Key: &key, ResponseContentDisposition: &disposition, ResponseContentType: &contentType,
		ResponseCacheControl: aws.String("private, max-age=300"),
	}, s3.WithPresignExpires(valid))
	if err != nil {
		return "", fmt.Errorf("presigning a download: %w", err)
	}
	return req.URL, nil
}

// Remove implements document.Bucket. One that is not there is removed already.
func (b *Bucket) Remove(ctx context.Context, keys ...string) error {
	for _, key := range keys {
		if _, err := b.s3.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &b.name, Key: &key}); err != nil {
			return fmt.Errorf("removing a file: %w", err)
		}
	}
	return nil
}

// Purge removes every version of all objects under a prefix, but those whose key
// keep reports true for, and counts the keys that had any.
func (b *Bucket) Purge(ctx context.Context, prefix string, keep func(key string) bool) (int, error) {
	removed := map[string]bool{}
	pages := s3.NewListObjectVersionsPaginator(b.s3, &s3.ListObjectVersionsInput{Bucket: &b.name, Prefix: &prefix})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return len(removed), fmt.Errorf("listing versions of files: %w", err)
		}
		var all []types.ObjectIdentifier
		for _, v := range page.Versions {
			all = append(all, types.ObjectIdentifier{Key: v.Key, VersionId: v.VersionId})
		}
		for _, m := range page.DeleteMarkers {
			all = append(all, types.ObjectIdentifier{Key: m.Key, VersionId: m.VersionId})
		}
		for _, o := range all {
			if keep != nil && keep(*o.Key) {
				continue
			}
			// One by one: a batch needs a checksum of its body, which not every service takes.
			if _, err := b.s3.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &b.name, Key: o.Key, VersionId: o.VersionId}); err != nil {
				return len(removed), fmt.Errorf("removing a version of a file: %w", err)
			}
			removed[*o.Key] = true
		}
	}
	return len(removed), nil
}

// Stat implements transfer.Files.
func (b *Bucket) Stat(ctx context.Context, key string) (size int64, etag string, err error) {
	out, err := b.s3.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &b.name, Key: &key})
	var none *types.NotFound
	if errors.As(err, &none) {
		return 0, "", transfer.ErrNoFile
	}
	if err != nil {
		return 0, "", fmt.Errorf("looking at a file: %w", err)
	}
	return aws.ToInt64(out.ContentLength), aws.ToString(out.ETag), nil
}

// Read implements transfer.Files.
func (b *Bucket) Read(ctx context.Context, key, etag string, offset, length int64) (io.ReadCloser, error) {
	in := &s3.GetObjectInput{Bucket: &b.name, Key: &key}
	if etag != "" {
		in.IfMatch = &etag // the very file that was planned
	}
	ranged := offset > 0 || length >= 0
	if ranged {
		r := fmt.Sprintf("bytes=%d-", offset)
		if length >= 0 {
			r += strconv.FormatInt(offset+length-1, 10)
		}
		in.Range = &r
	}
	if length == 0 {
		return io.NopCloser(bytes.NewReader(nil)), nil
	}
	out, err := b.s3.GetObject(ctx, in)
	var none *types.NoSuchKey
	if errors.As(err, &none) {
		return nil, transfer.ErrNoFile
	}
	if err != nil {
		return nil, fmt.Errorf("reading a file: %w", err)
	}
	body := out.Body
	if ranged && out.ContentRange == nil { // a service that knows no ranges sends all of it
		if _, err := io.CopyN(io.Discard, body, offset); err != nil {
			body.Close()
			return nil, fmt.Errorf("reading a file: %w", err)
		}
	}
	if length < 0 {
		return body, nil
	}
	return &section{io.LimitReader(body, length), body, length}, nil
}

// section gives exactly its length, or an error: a connection that breaks must
// not look like the end of the file.
type section struct {
	r io.Reader
	c io.Closer
	n int64
}

func (s *section) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.n -= int64(n)
	if err == io.EOF && s.n > 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func (s *section) Close() error { return s.c.Close() }

// Put implements transfer.Files.
func (b *Bucket) Put(ctx context.Context, key, contentType string, body []byte) error {
	_, err := b.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: &b.name, Key: &key, Body: bytes.NewReader(body), ContentType: &contentType})
	if err != nil {
		return fmt.Errorf("storing a file: %w", err)
	}
	return nil
}
