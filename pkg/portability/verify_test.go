package portability_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/lethe-dsr/lethe/pkg/portability"
)

type entry struct{ name, text string }

func rezip(t testing.TB, entries []entry) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, e := range entries {
		w, err := z.Create(e.name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(e.text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestVerifyNamesWhatIsWrong(t *testing.T) {
	p, s := example()
	b, _ := write(t, p, s)
	good := unzip(t, b)
	const customer = "data/shop/customer.jsonl"
	manifest := func(change func(*portability.Manifest)) string {
		var m portability.Manifest
		if err := json.Unmarshal([]byte(good[portability.ManifestName]), &m); err != nil {
			t.Fatal(err)
		}
		change(&m)
		text, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	for _, tc := range []struct {
		name   string
		change func(map[string]string)
		more   []entry
		want   []string // empty: verifies
	}{
		{"packed_again_by_another_program", func(map[string]string) {}, nil, nil},
		{"a_changed_file", func(f map[string]string) { f[customer] = strings.Replace(f[customer], "Anna", "Eva!", 1) }, nil, []string{customer, "not the one"}},
		{"a_longer_file", func(f map[string]string) { f[customer] += "{}\n" }, nil, []string{customer, "not the one"}},
		{"a_file_less", func(f map[string]string) { delete(f, customer) }, nil, []string{customer, "missing"}},
		{"a_file_more", func(f map[string]string) { f["data/shop/more.jsonl"] = "" }, nil, []string{"data/shop/more.jsonl", "not in the manifest"}},
		{"a_changed_page", func(f map[string]string) { f[portability.IndexName] += " " }, nil, []string{"index.html", "not the one"}},
		{"no_page", func(f map[string]string) { delete(f, portability.IndexName) }, nil, []string{"index.html", "missing"}},
		{"no_manifest", func(f map[string]string) { delete(f, portability.ManifestName) }, nil, []string{"manifest.json is missing"}},
		{"a_manifest_that_is_no_json", func(f map[string]string) { f[portability.ManifestName] = "{" }, nil, []string{"read manifest"}},
		{"a_manifest_of_another_schema", func(f map[string]string) {
			f[portability.ManifestName] = manifest(func(m *portability.Manifest) { m.Schema = "lethe.package.v9" })
		}, nil, []string{"lethe.package.v9"}},
		{"a_file_listed_twice", func(f map[string]string) {
			f[portability.ManifestName] = manifest(func(m *portability.Manifest) { m.Files = append(m.Files, m.Files[0]) })
		}, nil, []string{"twice"}},
		{"a_size_that_is_not_the_files", func(f map[string]string) {
			f[portability.ManifestName] = manifest(func(m *portability.Manifest) { m.Files[0].SizeBytes = -1 })
		}, nil, []string{customer, "not the one"}},
		{"a_name_twice_in_the_zip", func(map[string]string) {}, []entry{{customer, "other"}}, []string{customer, "stands in it twice"}},
		{"a_name_that_leads_out", func(map[string]string) {}, []entry{{"../evil", "x"}}, []string{"../evil"}},
		{"a_name_with_a_drive", func(map[string]string) {}, []entry{{`C:\evil`, "x"}}, []string{"somewhere else"}},
		{"two_things_at_once", func(f map[string]string) { delete(f, customer); f[portability.IndexName] = "" }, nil, []string{customer, "index.html"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			files := maps.Clone(good)
			tc.change(files)
			var entries []entry
			for _, name := range slices.Sorted(maps.Keys(files)) {
				entries = append(entries, entry{name, files[name]})
			}
			_, err := verify(rezip(t, append(entries, tc.more...)))
			if (err == nil) != (len(tc.want) == 0) {
				t.Fatalf("got %v", err)
			}
			for _, want := range tc.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got %v, want %q in it", err, want)
				}
			}
		})
	}
}

func TestVerifyOfSomethingElse(t *testing.T) {
	for _, b := range [][]byte{nil, []byte("PK"), []byte("no zip at all")} {
		if _, err := verify(b); err == nil {
			t.Errorf("%q verifies", b)
		}
	}
}

func FuzzVerify(f *testing.F) {
	p, s := example()
	b, _ := write(f, p, s)
	f.Add(b)
	f.Add(rezip(f, []entry{{portability.ManifestName, `{"schema":"lethe.package.v1","files":[{"name":"../x","size_bytes":1}]}`}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _ = verify(b) // must not crash, nor read what it should not
	})
}
