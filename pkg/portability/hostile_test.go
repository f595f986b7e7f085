package portability_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/net/html"
	"pgregory.net/rapid"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/portability"
)

var hostileNames = []string{
	"../../etc/passwd", "..", ".", "", "/etc/passwd", `..\..\x.exe`, `C:\x`, "a/b/c", "nul\x00byte", "line\nbreak", "tab\t", " ", "con", "NUL.txt", "com1",
	"trailing.", "trailing ", ".hidden", "...", "a:b", "a*b?", "<b>", `"quoted"`, "-rf", "~", "$(id)", "\u202egnp.exe", "\xff\xfe", "ümläut", "日本語.pdf",
	strings.Repeat("x", 5000), strings.Repeat("ä", 300) + ".pdf", "a." + strings.Repeat("e", 300), "data", "index.html", "manifest.json", "Same", "same", "SAME",
}

// safe is what a name in a package may look like on any system.
var safe = regexp.MustCompile(`^data(/[\p{L}\p{M}\p{Nd}_.-]+)+$`)

func checkNames(t interface {
	Errorf(string, ...any)
	Helper()
}, m portability.Manifest,
) {
	t.Helper()
	seen := map[string]bool{}
	for _, f := range m.Files {
		key := strings.ToLower(f.Name)
		switch {
		case !safe.MatchString(f.Name) || !filepath.IsLocal(f.Name) || path.Clean(f.Name) != f.Name || !utf8.ValidString(f.Name):
			t.Errorf("name %q of %q/%q", f.Name, f.System, f.Collection)
		case seen[key]:
			t.Errorf("name %q stands there twice", f.Name)
		}
		seen[key] = true
		for _, e := range strings.Split(f.Name, "/") {
			stem, _, _ := strings.Cut(strings.ToLower(e), ".")
			if len(e) > 100 || strings.HasPrefix(e, ".") || strings.HasSuffix(e, ".") || stem == "con" || stem == "nul" || stem == "com1" {
				t.Errorf("element %q of %q", e, f.Name)
			}
		}
	}
	for name := range seen { // no file where another needs a folder
		for up := path.Dir(name); up != "."; up = path.Dir(up) {
			if seen[up] {
				t.Errorf("%q is a file and a folder", up)
			}
		}
	}
}

func TestHostileNames(t *testing.T) {
	s := store{}
	p, _ := example()
	p.Parts, p.Lines = nil, nil
	n := 0
	for _, name := range hostileNames {
		p.Parts = append(p.Parts,
			s.add(name, "c", fmt.Sprint(n), lines, "{}\n"), s.add("s", name, fmt.Sprint(n+1), lines, "{}\n"), s.add("s", "c", fmt.Sprintf("%d/%s", n+2, name), "text/plain", "x"))
		p.Lines = append(p.Lines, dsr.Line{System: name, Outcome: dsr.NotFound})
		n += 3
	}
	b, m := write(t, p, s)
	checkNames(t, m)
	if _, err := verify(b); err != nil {
		t.Error(err)
	}
}

func TestNamesStayApart(t *testing.T) {
	part := rapid.Custom(func(t *rapid.T) dsr.Part {
		name := rapid.OneOf(rapid.SampledFrom(hostileNames), rapid.String(), rapid.StringMatching(`[aA]{1,3}(\.jsonl)?`))
		return dsr.Part{
			System: name.Draw(t, "system"), Collection: name.Draw(t, "collection"), Path: "parts/" + name.Draw(t, "path"),
			MediaType: rapid.SampledFrom([]string{lines, "text/plain"}).Draw(t, "media"), SHA256: emptySum, Records: 0,
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		p := portability.Package{RequestID: "r", Kind: dsr.Portability, Parts: rapid.SliceOfN(part, 0, 12).Draw(t, "parts")}
		var b bytes.Buffer
		m, err := portability.Write(context.Background(), &b, p, func(context.Context, dsr.Part) (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader("")), nil
		})
		if err != nil {
			t.Fatal(err)
		}
		checkNames(t, m)
		if _, err := verify(b.Bytes()); err != nil {
			t.Fatal(err)
		}
	})
}

// The records of one collection and the folder of another: found by the property above, once in some thousand packages.
func TestACollectionThatIsNamedLikeAFile(t *testing.T) {
	parts := []dsr.Part{
		{System: "A.jsonl", Collection: "A", Path: "parts/1", MediaType: lines, SHA256: emptySum},
		{System: "A.jsonl", Collection: "A.jsonl", Path: "parts/2", MediaType: "text/plain", SHA256: emptySum},
	}
	for range 2 { // in either order
		m, err := portability.Write(context.Background(), io.Discard, portability.Package{RequestID: "r", Kind: dsr.Portability, Parts: parts},
			func(context.Context, dsr.Part) (io.ReadCloser, error) {
				return io.NopCloser(strings.NewReader("")), nil
			})
		if err != nil {
			t.Fatal(err)
		}
		checkNames(t, m)
		slices.Reverse(parts)
	}
}

var emptySum = []byte("\xe3\xb0\xc4\x42\x98\xfc\x1c\x14\x9a\xfb\xf4\xc8\x99\x6f\xb9\x24\x27\xae\x41\xe4\x64\x9b\x93\x4c\xa4\x95\x99\x1b\x78\x52\xb8\x55")

const attack = "</td></table><script>alert(1)</script><img src=x onerror=alert(2)>\"'`{{.}}\x1b[31m\u202eevil\x00"

func TestHostileDataIsShownAndNothingElse(t *testing.T) {
	s := store{}
	p, _ := example()
	row, err := json.Marshal(map[string]any{attack: attack, "html": "<b>bold</b>", "deep": map[string]any{"a": []string{attack}}, "url": "javascript:alert(1)"})
	if err != nil {
		t.Fatal(err)
	}
	p.Controller = attack
	p.Parts = []dsr.Part{
		s.add(attack, attack, "1", lines, string(row)+"\n"),
		s.add("shop", "broken", "2", lines, "{\"a\":\xff\xfe\n\x00\x00"),
		s.add("shop", "not an object", "3", lines, "[1,2,3]\n\"text\"\n"),
		s.add("shop", "no line break", "4", lines, `{"a":1}`),
		s.add("shop", "one huge line", "5", lines, `{"a":"`+strings.Repeat("x", 1<<20)+`"}`+"\n"),
		s.add("shop", "many fields", "6", lines, wide(500)),
		s.add("shop", "long names", "7", lines, `{"`+strings.Repeat("n", 10_000)+`":1}`+"\n"),
		s.add("shop", "files", "8/x.svg", attack, "<svg onload=alert(1)>"),
	}
	p.Lines = []dsr.Line{{System: attack, Outcome: dsr.Outcome(attack)}}
	p.Facts = []portability.Facts{{System: attack, Title: attack, Purposes: []string{attack}, Retention: []string{attack}}}
	b, _ := write(t, p, s)
	if _, err := verify(b); err != nil {
		t.Error(err)
	}
	page := unzip(t, b)[portability.IndexName]
	if len(page) > 200_000 {
		t.Errorf("the page has %d bytes", len(page))
	}
	for _, bad := range []string{"\x1b", "\u202e", "\x00"} {
		if strings.Contains(page, bad) {
			t.Errorf("%q came through", bad)
		}
	}
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	seen := false
	for n := range root.Descendants() {
		if n.Type == html.TextNode && strings.Contains(n.Data, "<script>alert(1)</script>") {
			seen = true
		}
		if n.Type != html.ElementNode {
			continue
		}
		switch n.Data {
		case "script", "img", "iframe", "object", "embed", "link", "form", "base", "svg", "b":
			t.Errorf("the page has a <%s>", n.Data)
		}
		for _, a := range n.Attr {
			if strings.HasPrefix(a.Key, "on") || a.Key == "src" || a.Key == "href" && !strings.HasPrefix(a.Val, "data/") {
				t.Errorf("<%s %s=%q>", n.Data, a.Key, a.Val)
			}
			if a.Key == "href" && strings.HasSuffix(a.Val, ".svg") {
				t.Errorf("a file that could run is linked: %s", a.Val)
			}
		}
	}
	if !seen {
		t.Error("what the system holds is not shown as text")
	}
}

func wide(n int) string {
	m := map[string]int{}
	for i := range n {
		m[fmt.Sprintf("field_%03d", i)] = i
	}
	b, _ := json.Marshal(m)
	return string(b) + "\n"
}

// The page is bounded however many parts, objects, rows and fields there are.
func TestThePageIsBounded(t *testing.T) {
	s := store{}
	p, _ := example()
	p.Parts, p.Lines, p.Facts = nil, nil, nil
	for i := range 300 {
		p.Parts = append(p.Parts, s.add("files", "photos", fmt.Sprintf("photo-%d.jpg", i), "image/jpeg", "x"))
	}
	for i := range 60 {
		p.Parts = append(p.Parts, s.add("shop", fmt.Sprintf("table_%03d", i), fmt.Sprintf("%d.jsonl", i), lines, strings.Repeat(`{"text":"`+strings.Repeat("y", 5000)+`"}`+"\n", 8)))
	}
	b, m := write(t, p, s)
	page := unzip(t, b)[portability.IndexName]
	if len(page) > 1<<20 || len(m.Files) != 360 {
		t.Errorf("a page of %d bytes over %d files", len(page), len(m.Files))
	}
	if !strings.Contains(page, "and 100 more in the same folder") {
		t.Error("does not say that objects are left out")
	}
}
