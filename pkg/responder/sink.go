package responder

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"mime"
	"net/url"
	"path"
	"strconv"
	"strings"

	"gocloud.dev/blob"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// JSONLines is the media type of a part with one JSON document a line.
const JSONLines = "application/x-ndjson"

// CSV is the media type of a part with one record a line after a line of names, as RFC 4180 has it.
const CSV = "text/csv; charset=utf-8; header=present"

// Sink takes the parts of one export and streams them to the export store. What was written when an export fails is not
// published, and what a former try published is overwritten or, since no acknowledgement names it, ignored.
// It is not safe for concurrent use.
type Sink struct {
	bucket *blob.Bucket
	prefix string
	system string
	parts  []dsr.Part
}

// NewSink returns the sink of one dispatch over an export store. The runtime makes one for every export; tests of an
// [Exporter] make their own.
func NewSink(b *blob.Bucket, d Dispatch) *Sink {
	attempt := strconv.Itoa(int(d.Attempt))
	if d.Round > 1 { // attempts count anew in each round
		attempt = strconv.Itoa(int(d.Round)) + "." + attempt
	}
	prefix := path.Join("parts", string(d.RequestID), url.PathEscape(d.System), attempt)
	if d.Tenant != "" { // two tenants may have minted the same request id
		prefix = path.Join("parts", url.PathEscape(d.Tenant), string(d.RequestID), url.PathEscape(d.System), attempt)
	}
	return &Sink{bucket: b, prefix: prefix, system: d.System}
}

// Records streams the records of one collection into the part `<collection>.jsonl`, one JSON document a line. A collection
// without a record gives a part of no bytes.
func (s *Sink) Records(ctx context.Context, collection string, write func(*Part) error) error {
	return s.part(ctx, collection, collection+".jsonl", JSONLines, write)
}

// Table streams the records of one collection into the part `<collection>.csv`, which begins with the names of the fields. A collection
// without a record gives the names alone. Lines end in CR LF.
func (s *Sink) Table(ctx context.Context, collection string, fields []string, write func(*Part) error) error {
	return s.part(ctx, collection, collection+".csv", CSV, func(p *Part) error {
		var names []byte
		for i, f := range fields {
			if i > 0 {
				names = append(names, ',')
			}
			names = Quoted(names, f)
		}
		if _, err := p.Write(append(names, "\r\n"...)); err != nil {
			return err
		}
		return write(p)
	})
}

// Quoted appends a text in quotes, as a field of a part of CSV.
func Quoted(to []byte, text string) []byte {
	to = append(to, '"')
	to = append(to, strings.ReplaceAll(text, `"`, `""`)...)
	return append(to, '"')
}

// Object streams one whole object, under its own name, into a part of the collection. It counts as one record. A media type that
// says nothing, as stores give it to what came without one, gives way to the one that the name tells.
func (s *Sink) Object(ctx context.Context, collection, name, mediaType string, content io.Reader) error {
	if told := mediaTypes[strings.ToLower(path.Ext(name))]; told != "" && (mediaType == "" || strings.HasPrefix(mediaType, octetStream)) {
		mediaType = told
	}
	return s.part(ctx, collection, collection+"/"+name, mediaType, func(p *Part) error {
		p.records++
		_, err := io.Copy(p, content)
		return err
	})
}

const octetStream = "application/octet-stream"

// mediaTypes are those of the names that people give to personal data. The tables of the operating system would give each host
// its own.
var mediaTypes = map[string]string{
	".json": "application/json", ".xml": "application/xml", ".csv": "text/csv", ".txt": "text/plain", ".md": "text/markdown", ".eml": "message/rfc822", ".pdf": "application/pdf",
	".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".gif": "image/gif", ".webp": "image/webp", ".mp3": "audio/mpeg", ".wav": "audio/wav", ".mp4": "video/mp4",
	".zip": "application/zip",
}

// Parts are the parts published so far, in order, as an acknowledgement names them.
func (s *Sink) Parts() []dsr.Part { return s.parts }

// Part is one part while it is written.
type Part struct {
	w       *bufio.Writer // records are much smaller than what a store takes well
	sum     hash.Hash
	size    int64
	records int64
}

const partBuffer = 64 << 10

// Write appends bytes to the part; it counts no record. An error of the export store may come later than the write that it is about.
func (p *Part) Write(b []byte) (int, error) {
	n, err := p.w.Write(b)
	p.size += int64(n)
	return n, err
}

// Record appends one line of JSON.
func (p *Part) Record(v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return Permanent(fmt.Errorf("write record %d: %w", p.records+1, sanitizeJSONError(err)))
	}
	return p.Line(b)
}

// Line appends one JSON document that is encoded already and has no line break in it.
func (p *Part) Line(doc []byte) error {
	return p.record(doc, "\n")
}

// Row appends one record of CSV that is encoded already, without the end of its line.
func (p *Part) Row(fields []byte) error {
	return p.record(fields, "\r\n")
}

func (p *Part) record(b []byte, end string) error {
	_, _ = p.w.Write(b) // the next one has its error as well
	if _, err := p.w.WriteString(end); err != nil {
		return err
	}
	p.size += int64(len(b) + len(end))
	p.records++
	return nil
}

func (s *Sink) part(ctx context.Context, collection, name, mediaType string, write func(*Part) error) error {
	if s.bucket == nil {
		return coded(dsr.CodeUnsupported, fmt.Errorf("export %s: no export store is configured", collection))
	}
	key, err := s.key(name)
	if err != nil {
		return Permanent(fmt.Errorf("export %s: %w", collection, err))
	}
	for _, p := range s.parts {
		if p.Path == key {
			return Permanent(fmt.Errorf("export %s: the part is written twice", collection))
		}
	}
	if _, _, err := mime.ParseMediaType(mediaType); err != nil { // it may come from the system's own data
		mediaType = octetStream
	}
	// Closing a writer publishes what it has, also after an error: only a context that has ended makes Close drop it.
	wctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w, err := s.bucket.NewWriter(wctx, key, &blob.WriterOptions{ContentType: mediaType})
	if err != nil {
		return Unavailable(fmt.Errorf("export %s: open the export store: %w", collection, err))
	}
	sum := sha256.New()
	p := &Part{w: bufio.NewWriterSize(io.MultiWriter(storeWriter{w}, sum), partBuffer), sum: sum}
	err = write(p)
	if err == nil {
		err = p.w.Flush()
	}
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		cancel()
		_ = w.Close() // an error is what is wanted of it
		return fmt.Errorf("export %s: %w", collection, err)
	}
	if err := w.Close(); err != nil {
		return Unavailable(fmt.Errorf("export %s: write to the export store: %w", collection, err))
	}
	s.parts = append(s.parts, dsr.Part{
		System: s.system, Collection: collection, Path: key, MediaType: mediaType,
		SHA256: p.sum.Sum(nil), SizeBytes: p.size, Records: p.records,
	})
	return nil
}

// key keeps names inside the prefix: an object's name comes from the system and may be anything.
func (s *Sink) key(name string) (string, error) {
	elems := strings.Split(name, "/")
	for i, e := range elems {
		if e == "" || e == "." || e == ".." {
			return "", fmt.Errorf("a part's name has the path element %q", e)
		}
		elems[i] = url.PathEscape(e)
	}
	return s.prefix + "/" + strings.Join(elems, "/"), nil
}

// storeWriter tells an error of the export store from one of whatever is exported.
type storeWriter struct{ w io.Writer }

func (s storeWriter) Write(b []byte) (int, error) {
	n, err := s.w.Write(b)
	if err != nil {
		err = Unavailable(fmt.Errorf("write to the export store: %w", err))
	}
	return n, err
}

// sanitizeJSONError drops what encoding/json quotes of a value.
func sanitizeJSONError(err error) error {
	var kind *json.UnsupportedTypeError
	var value *json.UnsupportedValueError
	var own *json.MarshalerError
	switch {
	case errors.As(err, &own): // outermost: it wraps what a MarshalJSON returned
		return errors.New("its own encoding failed")
	case errors.As(err, &kind):
		return errors.New("its type has no JSON")
	case errors.As(err, &value):
		return errors.New("its value has no JSON")
	}
	return errors.New("it has no JSON")
}
