package event_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/schemas"
)

var update = flag.Bool("update", false, "write the golden files of the newest versions; those of older versions never change")

// TestGolden holds messages as builds of every released version wrote them: testdata/SCHEMA/vN/CASE.avro, framed, and beside
// it the value that they must become. The newest version must also still be written in the same bytes.
func TestGolden(t *testing.T) {
	c := newCodec(t)
	golden(t, schemas.SubjectRequest, map[string]dsr.SubjectRequest{"small": smallRequest(), "full": fullRequest()}, c.EncodeSubjectRequest, c.DecodeSubjectRequest)
	golden(t, schemas.DispatchedRequest, map[string]dsr.Dispatch{"small": smallDispatch(), "full": fullDispatch()}, c.EncodeDispatch, c.DecodeDispatch)
	golden(t, schemas.Acknowledgement, map[string]dsr.Acknowledgement{"small": smallAcknowledgement(), "full": fullAcknowledgement()}, c.EncodeAcknowledgement, c.DecodeAcknowledgement)
	golden(t, schemas.RequestStatus, map[string]dsr.Status{"full": fullStatus()}, c.EncodeStatus, c.DecodeStatus)
	golden(t, schemas.RejectedRequest, map[string]dsr.Rejection{"full": fullRejection()}, c.EncodeRejection, c.DecodeRejection)
	golden(t, schemas.Completion, map[string]dsr.Completion{"full": fullCompletion()}, c.EncodeCompletion, c.DecodeCompletion)
	golden(t, schemas.Identifiers, map[string][]dsr.Identifier{"full": fullRequest().Identifiers}, c.EncodeIdentifiers, c.DecodeIdentifiers)
}

func golden[T any](t *testing.T, name string, samples map[string]T, encode func(T) ([]byte, error), decode func([]byte) (T, error)) {
	t.Helper()
	versions, err := schemas.History(name)
	if err != nil {
		t.Fatal(err)
	}
	newest := filepath.Join("testdata", name, fmt.Sprintf("v%d", len(versions)))
	for label, v := range samples {
		t.Run(name+"/"+label+"_is_written_as_ever", func(t *testing.T) {
			b := encoded(t, encode, v)
			path := filepath.Join(newest, label)
			if *update {
				write(t, path+".avro", b)
				text, err := json.MarshalIndent(v, "", "  ")
				if err != nil {
					t.Fatal(err)
				}
				write(t, path+".json", append(text, '\n'))
			}
			if d := cmp.Diff(read(t, path+".avro"), b); d != "" {
				t.Error(d)
			}
		})
	}
	for n := range versions {
		dir := filepath.Join("testdata", name, fmt.Sprintf("v%d", n+1))
		files, err := filepath.Glob(filepath.Join(dir, "*.avro"))
		if err != nil || len(files) == 0 {
			t.Errorf("no golden file of %s v%d: %v", name, n+1, err)
		}
		for _, f := range files {
			t.Run(f, func(t *testing.T) {
				got, err := decode(read(t, f))
				if err != nil {
					t.Fatal(err)
				}
				var want T
				if err := json.Unmarshal(read(t, f[:len(f)-len(".avro")]+".json"), &want); err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff(want, got); d != "" {
					t.Error(d)
				}
			})
		}
	}
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func write(t testing.TB, path string, b []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}
