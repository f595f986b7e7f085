package portability

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// PartError says which part is not what its system acknowledged.
type PartError struct {
	System, Collection string
	Reason             string
}

// Error names the part by its system and collection.
func (e *PartError) Error() string {
	return fmt.Sprintf("part of %s, collection %s: %s", e.System, e.Collection, e.Reason)
}

// Write streams a package. open is called once for each part, in order; Write closes what it returns. An error leaves w with a
// broken zip: drop it.
func Write(ctx context.Context, w io.Writer, p Package, open func(context.Context, dsr.Part) (io.ReadCloser, error)) (Manifest, error) {
	m := Manifest{
		Schema: SchemaV1, RequestID: p.RequestID, Kind: p.Kind, Article: Article(p.Kind), Controller: p.Controller,
		ReceivedAt: p.ReceivedAt.UTC(), MadeAt: p.MadeAt.UTC(), Files: []File{}, Systems: []SystemResult{},
	}
	z := zip.NewWriter(w)
	taken := names{}
	views := previews{left: maxPreviewBytes}
	for _, part := range p.Parts {
		f, err := writePart(ctx, z, part, taken.of(part), m.MadeAt, &views, open)
		if err != nil {
			return m, err
		}
		m.Files = append(m.Files, f)
	}
	for _, l := range p.Lines {
		m.Systems = append(m.Systems, SystemResult(l))
	}
	var page bytes.Buffer
	if err := index(&page, p, m, views); err != nil {
		return m, fmt.Errorf("write page: %w", err)
	}
	if err := writeFile(z, IndexName, m.MadeAt, page.Bytes()); err != nil {
		return m, err
	}
	sum := sha256.Sum256(page.Bytes())
	m.PageSHA256 = hex.EncodeToString(sum[:])
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return m, fmt.Errorf("write manifest: %w", err)
	}
	if err := writeFile(z, ManifestName, m.MadeAt, append(text, '\n')); err != nil {
		return m, err
	}
	if err := z.Close(); err != nil {
		return m, fmt.Errorf("write package: %w", err)
	}
	return m, nil
}

func writePart(ctx context.Context, z *zip.Writer, part dsr.Part, name string, at time.Time, views *previews, open func(context.Context, dsr.Part) (io.ReadCloser, error)) (File, error) {
	f := File{
		Name: name, System: part.System, Collection: part.Collection, MediaType: part.MediaType,
		SHA256: hex.EncodeToString(part.SHA256), SizeBytes: part.SizeBytes, Records: part.Records,
	}
	if err := ctx.Err(); err != nil {
		return f, err
	}
	r, err := open(ctx, part)
	if err != nil {
		return f, fmt.Errorf("open part of %s, collection %s: %w", part.System, part.Collection, err)
	}
	defer r.Close()
	w, err := create(z, name, at)
	if err != nil {
		return f, err
	}
	sum := sha256.New()
	view := views.begin(f)
	n, err := io.Copy(io.MultiWriter(w, sum, view), io.LimitReader(r, part.SizeBytes+1))
	if err != nil {
		return f, fmt.Errorf("copy part of %s, collection %s: %w", part.System, part.Collection, err)
	}
	if n != part.SizeBytes {
		return f, &PartError{part.System, part.Collection, fmt.Sprintf("it is not the %d bytes long that were acknowledged", part.SizeBytes)}
	}
	if !bytes.Equal(sum.Sum(nil), part.SHA256) {
		return f, &PartError{part.System, part.Collection, "its SHA-256 is not the one that was acknowledged"}
	}
	views.end(view)
	return f, nil
}

func create(z *zip.Writer, name string, at time.Time) (io.Writer, error) {
	w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: at})
	if err != nil {
		return nil, fmt.Errorf("write package: %w", err)
	}
	return w, nil
}

func writeFile(z *zip.Writer, name string, at time.Time, content []byte) error {
	w, err := create(z, name, at)
	if err != nil {
		return err
	}
	if _, err := w.Write(content); err != nil {
		return fmt.Errorf("write package: %w", err)
	}
	return nil
}
