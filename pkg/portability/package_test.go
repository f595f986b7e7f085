package portability_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/portability"
)

var update = flag.Bool("update", false, "write the golden page anew")

const lines = "application/x-ndjson"

// store is an export store in memory.
type store map[string]string

func (s store) open(_ context.Context, p dsr.Part) (io.ReadCloser, error) {
	text, ok := s[p.Path]
	if !ok {
		return nil, errors.New("no such object")
	}
	return io.NopCloser(strings.NewReader(text)), nil
}

// add puts a part into the store and returns it as its system acknowledges it.
func (s store) add(system, collection, file, media, text string) dsr.Part {
	p := dsr.Part{System: system, Collection: collection, Path: "parts/r/" + system + "/1/" + file, MediaType: media, SizeBytes: int64(len(text)), Records: 1}
	if media == lines {
		p.Records = int64(strings.Count(text, "\n"))
	}
	sum := sha256.Sum256([]byte(text))
	p.SHA256 = sum[:]
	s[p.Path] = text
	return p
}

func example() (portability.Package, store) {
	s := store{}
	var orders strings.Builder
	for i := range 30 {
		fmt.Fprintf(&orders, `{"order_id":%d,"ordered_at":"2026-0%d-14T10:00:00Z","items":[{"title":"Concert ticket","price":4%d.50}],"total":4%d.50,"gift":%v,"note":null}`+"\n", 1000+i, i%9+1, i%10, i%10, i%2 == 0)
	}
	return portability.Package{
		RequestID: "7f3c1e52-9a4b-4c8d-8e2f-0123456789a1", Kind: dsr.Access, Controller: "Meridian Music GmbH",
		ReceivedAt: time.Date(2026, 11, 24, 7, 55, 0, 0, time.UTC), MadeAt: time.Date(2026, 11, 24, 11, 21, 0, 0, time.UTC),
		Parts: []dsr.Part{
			s.add("shop", "customer", "customer.jsonl", lines, `{"customer_id":42,"email":"anna@example.org","name":"Anna Müller","newsletter":true}`+"\n"),
			s.add("shop", "orders", "orders.jsonl", lines, orders.String()),
			s.add("chats", "messages", "messages.jsonl", lines, `{"at":"2026-05-02T09:12:00Z","from":"you","text":"Where is my ticket? It has not come yet."}`+"\n"+`{"at":"2026-05-02T09:13:20Z","from":"assistant","text":"It was sent on 30 April."}`+"\n"),
			s.add("chats", "attachments", "ticket photo.jpg", "image/jpeg", "\xff\xd8\xff\xe0 not really a photo"),
			s.add("chats", "attachments", "Rückfrage.html", "text/html", "<script>alert(1)</script>"),
		},
		Lines: []dsr.Line{
			{System: "search", Outcome: dsr.NotFound}, {System: "newsletter", Outcome: dsr.NoAnswer},
		},
		Facts: []portability.Facts{
			{System: "shop", Title: "The shop", Purposes: []string{"to fulfil your orders", "accounting"}, Categories: []string{"contact", "orders"}, Recipients: []string{"Nordpaket"}, Retention: []string{"10 years after the order"}},
		},
	}, s
}

func write(t testing.TB, p portability.Package, s store) ([]byte, portability.Manifest) {
	t.Helper()
	var b bytes.Buffer
	m, err := portability.Write(context.Background(), &b, p, s.open)
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), m
}

// unzip reads a package with the reader of the standard library, which stands for anybody's.
func unzip(t testing.TB, b []byte) map[string]string {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[f.Name] = string(text)
	}
	return files
}

func verify(b []byte) (portability.Manifest, error) {
	return portability.Verify(bytes.NewReader(b), int64(len(b)))
}

func TestPackageHoldsEveryPartAsItCame(t *testing.T) {
	p, s := example()
	b, m := write(t, p, s)
	files := unzip(t, b)
	if len(files) != len(p.Parts)+2 || len(m.Files) != len(p.Parts) {
		t.Errorf("%d files, the manifest lists %d", len(files), len(m.Files))
	}
	for i, part := range p.Parts {
		f := m.Files[i]
		want := portability.File{
			Name: f.Name, System: part.System, Collection: part.Collection, MediaType: part.MediaType,
			SHA256: hex.EncodeToString(part.SHA256), SizeBytes: part.SizeBytes, Records: part.Records,
		}
		if d := cmp.Diff(want, f); d != "" {
			t.Error(d)
		}
		if files[f.Name] != s[part.Path] {
			t.Errorf("%s is not the part", f.Name)
		}
	}
	for _, want := range []string{"data/shop/customer.jsonl", "data/shop/orders.jsonl", "data/chats/messages.jsonl"} {
		if _, ok := files[want]; !ok {
			t.Errorf("no file %s", want)
		}
	}
	var read portability.Manifest
	if err := json.Unmarshal([]byte(files[portability.ManifestName]), &read); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(m, read); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]portability.SystemResult{{System: "search", Outcome: dsr.NotFound}, {System: "newsletter", Outcome: dsr.NoAnswer}}, m.Systems); d != "" {
		t.Error(d)
	}
	if got, err := verify(b); err != nil || cmp.Diff(m, got) != "" {
		t.Errorf("verified: %v", err)
	}
}

func TestSamePartsGiveTheSameBytes(t *testing.T) {
	p, s := example()
	a, _ := write(t, p, s)
	p.MadeAt = p.MadeAt.In(time.FixedZone("", 3600))
	p.ReceivedAt = p.ReceivedAt.In(time.FixedZone("", -3600))
	if b, _ := write(t, p, s); !bytes.Equal(a, b) {
		t.Error("two packages differ")
	}
}

func TestPeriodsInWords(t *testing.T) {
	p, s := example()
	p.Facts[0].Retention = []string{"P10Y", "P1M", "P35D", "P1Y6M", "PT2H", "P", "as long as you are a customer"}
	b, _ := write(t, p, s)
	want := "<dt>Kept for</dt><dd>10 years; 1 month; 35 days; P1Y6M; PT2H; P; as long as you are a customer</dd>"
	if !strings.Contains(unzip(t, b)[portability.IndexName], want) {
		t.Errorf("the page does not say %q", want)
	}
}

func TestPackageWithoutAnyPart(t *testing.T) {
	p, _ := example()
	p.Parts, p.Facts = nil, nil
	b, m := write(t, p, store{})
	if _, err := verify(b); err != nil || m.Files == nil {
		t.Errorf("%v, %v", err, m.Files)
	}
	page := unzip(t, b)[portability.IndexName]
	for _, want := range []string{"No system handed over a file", "newsletter</strong> has not answered"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}

func TestAPartThatIsNotTheAcknowledgedOneIsRefused(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(store, *dsr.Part)
		want   string
		part   bool
	}{
		{"changed", func(s store, p *dsr.Part) { s[p.Path] = strings.Replace(s[p.Path], "Anna", "Eva!", 1) }, "SHA-256", true},
		{"longer", func(s store, p *dsr.Part) { s[p.Path] += "\n" }, "bytes long", true},
		{"shorter", func(s store, p *dsr.Part) { s[p.Path] = s[p.Path][1:] }, "bytes long", true},
		{"empty", func(s store, p *dsr.Part) { s[p.Path] = "" }, "bytes long", true},
		{"without_a_hash", func(_ store, p *dsr.Part) { p.SHA256 = nil }, "SHA-256", true},
		{"with_a_negative_size", func(_ store, p *dsr.Part) { p.SizeBytes = -1 }, "bytes long", true},
		{"missing", func(s store, p *dsr.Part) { delete(s, p.Path) }, "no such object", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, s := example()
			tc.change(s, &p.Parts[0])
			_, err := portability.Write(context.Background(), io.Discard, p, s.open)
			var part *portability.PartError
			if err == nil || !strings.Contains(err.Error(), tc.want) || errors.As(err, &part) != tc.part {
				t.Fatalf("got %v", err)
			}
			if !strings.Contains(err.Error(), "shop") || !strings.Contains(err.Error(), "customer") || strings.Contains(err.Error(), "anna") {
				t.Errorf("does not name the part, or names the person: %v", err)
			}
		})
	}
}

func TestWriteStops(t *testing.T) {
	p, s := example()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := portability.Write(ctx, io.Discard, p, s.open); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if _, err := portability.Write(context.Background(), full{}, p, s.open); !errors.Is(err, errFull) {
		t.Errorf("got %v", err)
	}
}

var errFull = errors.New("full")

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }

// Memory does not grow with the data: a large part passes through.
func TestALargePartPassesThrough(t *testing.T) {
	const size = 1 << 24
	zeros := func() io.Reader { return io.LimitReader(zeros{}, size) }
	sum := sha256.New()
	if _, err := io.Copy(sum, zeros()); err != nil {
		t.Fatal(err)
	}
	p, _ := example()
	p.Parts = []dsr.Part{{System: "shop", Collection: "events", Path: "x", MediaType: lines, SizeBytes: size, Records: 1, SHA256: sum.Sum(nil)}}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := portability.Write(context.Background(), io.Discard, p, func(context.Context, dsr.Part) (io.ReadCloser, error) {
		return io.NopCloser(zeros()), nil
	}); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > 6<<20 {
		t.Errorf("a part of %d bytes took %d bytes of memory", size, used)
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

func TestGoldenPage(t *testing.T) {
	p, s := example()
	b, _ := write(t, p, s)
	got := unzip(t, b)[portability.IndexName]
	path := filepath.Join("testdata", "index.html")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s (go test -update writes it anew):\n%s", path, d)
	}
	if _, err := html.Parse(strings.NewReader(got)); err != nil {
		t.Error(err)
	}
}
