package responder_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"
	"gocloud.dev/blob/memblob"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/responder"
)

func export(n int32) responder.Dispatch {
	return responder.Dispatch{Key: dsr.Key{RequestID: person(1).Request, System: "shop/eu", Phase: dsr.Act, Round: 1}, Attempt: n, Kind: dsr.Access}
}

// buckets are the export stores that a part is written to in these tests.
func buckets(t *testing.T, test func(t *testing.T, b *blob.Bucket, keys func() []string)) {
	t.Run("memory", func(t *testing.T) {
		b := memblob.OpenBucket(nil)
		defer b.Close()
		test(t, b, func() []string { return list(t, b) })
	})
	t.Run("directory", func(t *testing.T) {
		dir := t.TempDir()
		b, err := fileblob.OpenBucket(dir, &fileblob.Options{NoTempDir: true, Metadata: fileblob.MetadataDontWrite})
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		test(t, b, func() []string { // every file, also half-written ones
			var files []string
			err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
				if err == nil && !e.IsDir() {
					files = append(files, path)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			return files
		})
	})
}

func list(t *testing.T, b *blob.Bucket) (keys []string) {
	it := b.List(nil)
	for {
		o, err := it.Next(t.Context())
		if errors.Is(err, io.EOF) {
			return keys
		}
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, o.Key)
	}
}

func TestSinkNamesWhatItWrote(t *testing.T) {
	buckets(t, func(t *testing.T, b *blob.Bucket, _ func() []string) {
		s := responder.NewSink(b, export(2))
		err := s.Records(t.Context(), "public.customer", func(p *responder.Part) error {
			return errors.Join(p.Record(map[string]any{"id": 7, "name": "Ann"}), p.Line([]byte(`{"id":8}`)))
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Object(t.Context(), "scans", "2026/passport #1.png", "image/png", strings.NewReader("PNG")); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(
			s.Object(t.Context(), "scans", "7/Embedding.JSON", "application/octet-stream", strings.NewReader("{}")),
			s.Object(t.Context(), "scans", "7/unknown.bin", "", strings.NewReader("x")),
			s.Object(t.Context(), "scans", "7/letter.txt", "text/html", strings.NewReader("x")), // what the system says counts
		); err != nil {
			t.Fatal(err)
		}
		if err := s.Records(t.Context(), "empty", func(*responder.Part) error { return nil }); err != nil {
			t.Fatal(err)
		}
		lines := "{\"id\":7,\"name\":\"Ann\"}\n{\"id\":8}\n"
		base := "parts/" + string(person(1).Request) + "/shop%2Feu/2/"
		want := []dsr.Part{
			{System: "shop/eu", Collection: "public.customer", Path: base + "public.customer.jsonl", MediaType: "application/x-ndjson", SHA256: sum(lines), SizeBytes: int64(len(lines)), Records: 2},
			{System: "shop/eu", Collection: "scans", Path: base + "scans/2026/passport%20%231.png", MediaType: "image/png", SHA256: sum("PNG"), SizeBytes: 3, Records: 1},
			{System: "shop/eu", Collection: "scans", Path: base + "scans/7/Embedding.JSON", MediaType: "application/json", SHA256: sum("{}"), SizeBytes: 2, Records: 1},
			{System: "shop/eu", Collection: "scans", Path: base + "scans/7/unknown.bin", MediaType: "application/octet-stream", SHA256: sum("x"), SizeBytes: 1, Records: 1},
			{System: "shop/eu", Collection: "scans", Path: base + "scans/7/letter.txt", MediaType: "text/html", SHA256: sum("x"), SizeBytes: 1, Records: 1},
			{System: "shop/eu", Collection: "empty", Path: base + "empty.jsonl", MediaType: "application/x-ndjson", SHA256: sum(""), SizeBytes: 0, Records: 0},
		}
		if d := cmp.Diff(want, s.Parts()); d != "" {
			t.Errorf("parts, -want +got:\n%s", d)
		}
		for i, content := range []string{lines, "PNG", "{}", "x", "x", ""} {
			if got, err := b.ReadAll(t.Context(), want[i].Path); err != nil || string(got) != content {
				t.Errorf("part %d is %q (%v)", i, got, err)
			}
		}
	})
}

func TestSinkWritesTables(t *testing.T) {
	buckets(t, func(t *testing.T, b *blob.Bucket, _ func() []string) {
		s := responder.NewSink(b, export(2))
		err := errors.Join(
			s.Table(t.Context(), "orders", []string{"id", `a "name"`}, func(p *responder.Part) error {
				return errors.Join(p.Row([]byte(`1,"x"`)), p.Row([]byte(`2,`)))
			}),
			s.Table(t.Context(), "empty", []string{"id"}, func(*responder.Part) error { return nil }),
		)
		if err != nil {
			t.Fatal(err)
		}
		text := []string{"\"id\",\"a \"\"name\"\"\"\r\n1,\"x\"\r\n2,\r\n", "\"id\"\r\n"}
		base := "parts/" + string(person(1).Request) + "/shop%2Feu/2/"
		want := []dsr.Part{
			{System: "shop/eu", Collection: "orders", Path: base + "orders.csv", MediaType: responder.CSV, SHA256: sum(text[0]), SizeBytes: int64(len(text[0])), Records: 2},
			{System: "shop/eu", Collection: "empty", Path: base + "empty.csv", MediaType: responder.CSV, SHA256: sum(text[1]), SizeBytes: int64(len(text[1])), Records: 0},
		}
		if d := cmp.Diff(want, s.Parts()); d != "" {
			t.Errorf("parts, -want +got:\n%s", d)
		}
		for i := range want {
			if got, err := b.ReadAll(t.Context(), want[i].Path); err != nil || string(got) != text[i] {
				t.Errorf("part %d is %q (%v)", i, got, err)
			}
		}
	})
}

func sum(s string) []byte {
	h := sha256.Sum256([]byte(s))
	return h[:]
}

func TestAPartThatIsBrokenOffIsNeverPublished(t *testing.T) {
	buckets(t, func(t *testing.T, b *blob.Bucket, keys func() []string) {
		big := bytes.Repeat([]byte("x"), 1<<20)
		for name, write := range map[string]func(context.CancelFunc, *responder.Part) error{
			"an_error": func(_ context.CancelFunc, p *responder.Part) error {
				_, _ = p.Write(big)
				return errBoom
			},
			"a_cancelled_context": func(cancel context.CancelFunc, p *responder.Part) error {
				_, _ = p.Write(big)
				cancel()
				return nil
			},
			"a_record_without_JSON": func(_ context.CancelFunc, p *responder.Part) error {
				_, _ = p.Write(big)
				return p.Record(func() {})
			},
		} {
			t.Run(name, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				s := responder.NewSink(b, export(1))
				if err := s.Records(ctx, "customer", func(p *responder.Part) error { return write(cancel, p) }); err == nil {
					t.Error("no error")
				}
				if len(s.Parts()) != 0 || len(keys()) != 0 {
					t.Errorf("parts %v, in the store %v", s.Parts(), keys())
				}
			})
		}
	})
}

func TestSinkRefusesNamesThatLeadOutside(t *testing.T) {
	b := memblob.OpenBucket(nil)
	defer b.Close()
	s := responder.NewSink(b, export(1))
	for _, name := range []string{"../x", "a/../../x", "/x", "a//b", ".", ""} {
		if err := s.Object(t.Context(), "c", name, "text/plain", strings.NewReader("x")); responder.Classify(err) != responder.ClassPermanent {
			t.Errorf("%q: error %v, want a permanent one", name, err)
		}
	}
	if keys := list(t, b); len(keys) != 0 {
		t.Errorf("written %v", keys)
	}
}

func TestSinkKeepsTenantsAndRoundsApart(t *testing.T) {
	b := memblob.OpenBucket(nil)
	defer b.Close()
	paths := map[string]bool{}
	for _, change := range []func(*responder.Dispatch){
		func(*responder.Dispatch) {}, func(d *responder.Dispatch) { d.Tenant = "acme" }, func(d *responder.Dispatch) { d.Round = 2 },
		func(d *responder.Dispatch) { d.Attempt = 2 }, func(d *responder.Dispatch) { d.System = "shop" },
	} {
		d := export(1)
		change(&d)
		s := responder.NewSink(b, d)
		if err := s.Records(t.Context(), "c", func(*responder.Part) error { return nil }); err != nil {
			t.Fatal(err)
		}
		paths[s.Parts()[0].Path] = true
	}
	if len(paths) != 5 {
		t.Errorf("paths %v, want five", paths)
	}
}

func TestAnExportWithoutAStoreIsUnsupported(t *testing.T) {
	err := responder.NewSink(nil, export(1)).Records(t.Context(), "c", func(*responder.Part) error { return nil })
	if responder.Classify(err) != responder.ClassPermanent {
		t.Errorf("error %v, want a permanent one", err)
	}
}

func TestAnErrorOfTheSinkQuotesNoValue(t *testing.T) {
	b := memblob.OpenBucket(nil)
	defer b.Close()
	secret := hex.EncodeToString([]byte("secret"))
	err := responder.NewSink(b, export(1)).Records(t.Context(), "c", func(p *responder.Part) error {
		return p.Record(map[string]any{"a": marshaler(secret)})
	})
	if err == nil || strings.Contains(err.Error(), secret) {
		t.Errorf("error %v", err)
	}
}

type marshaler string

func (m marshaler) MarshalJSON() ([]byte, error) {
	return nil, errors.New("cannot encode " + string(m))
}
