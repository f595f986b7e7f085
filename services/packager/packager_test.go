package packager_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"testing"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/blob/memblob"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/portability"
	"github.com/lethe-dsr/lethe/pkg/responder"
	"github.com/lethe-dsr/lethe/services/packager"
)

const id = dsr.RequestID("0a6f1c1e-7f4b-4c38-9b1e-3c8f4b1d2e3f")

func part(t *testing.T, b *blob.Bucket, text string) dsr.Part {
	t.Helper()
	path := "parts/" + string(id) + "/shop/1/orders.jsonl"
	if err := b.WriteAll(t.Context(), path, []byte(text), nil); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(text))
	return dsr.Part{System: "shop", Collection: "orders", Path: path, MediaType: responder.JSONLines, SHA256: sum[:], SizeBytes: int64(len(text)), Records: 1}
}

func dispatch(parts ...dsr.Part) responder.Dispatch {
	return responder.Dispatch{
		Key: dsr.Key{RequestID: id, System: dsr.Packager, Phase: dsr.Package, Round: 1}, Attempt: 1, Kind: dsr.Access,
		AsOf: time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC), Parts: parts, Pending: []dsr.Line{{System: "crm", Outcome: dsr.NotFound}},
	}
}

func TestPackage(t *testing.T) {
	t.Run("names_the_zip_with_its_hash", func(t *testing.T) {
		b := memblob.OpenBucket(nil)
		defer b.Close()
		a, err := packager.New(b, "A company", nil).Package(t.Context(), dispatch(part(t, b, `{"id":1}`+"\n")))
		if err != nil || len(a.Parts) != 1 {
			t.Fatalf("%+v, %v", a, err)
		}
		zip, err := b.ReadAll(t.Context(), a.Parts[0].Path)
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(zip); !bytes.Equal(sum[:], a.Parts[0].SHA256) || int64(len(zip)) != a.Parts[0].SizeBytes {
			t.Error("the answer names another file")
		}
		m, err := portability.Verify(bytes.NewReader(zip), int64(len(zip)))
		if err != nil || len(m.Systems) != 1 || m.Systems[0].System != "crm" {
			t.Errorf("%+v, %v", m, err)
		}
	})
	t.Run("twice_gives_the_same_bytes", func(t *testing.T) {
		b := memblob.OpenBucket(nil)
		defer b.Close()
		p := packager.New(b, "", nil)
		d := dispatch(part(t, b, `{"id":1}`+"\n"))
		first, err := p.Package(t.Context(), d)
		if err != nil {
			t.Fatal(err)
		}
		second, err := p.Package(t.Context(), d)
		if err != nil || !bytes.Equal(first.Parts[0].SHA256, second.Parts[0].SHA256) {
			t.Errorf("the second package differs, %v", err)
		}
	})
	for name, spoil := range map[string]func(*testing.T, *blob.Bucket, *dsr.Part){
		"a_part_that_was_changed": func(t *testing.T, b *blob.Bucket, p *dsr.Part) {
			if err := b.WriteAll(t.Context(), p.Path, []byte(`{"id":2}`+"\n"), nil); err != nil {
				t.Fatal(err)
			}
		},
		"a_part_that_grew":       func(_ *testing.T, _ *blob.Bucket, p *dsr.Part) { p.SizeBytes-- },
		"a_part_that_is_missing": func(_ *testing.T, _ *blob.Bucket, p *dsr.Part) { p.Path += ".gone" },
	} {
		t.Run(name+"_fails_for_good_and_leaves_no_package", func(t *testing.T) {
			b := memblob.OpenBucket(nil)
			defer b.Close()
			p := part(t, b, `{"id":1}`+"\n")
			spoil(t, b, &p)
			_, err := packager.New(b, "", nil).Package(t.Context(), dispatch(p))
			if responder.Classify(err) != responder.ClassPermanent {
				t.Errorf("error %v is of class %s", err, responder.Classify(err))
			}
			if ok, err := b.Exists(t.Context(), packager.Key("", id, 1)); ok || err != nil {
				t.Errorf("a package is there: %t, %v", ok, err)
			}
			if part := (*portability.PartError)(nil); name != "a_part_that_is_missing" && !errors.As(err, &part) {
				t.Errorf("the error does not name the part: %v", err)
			}
		})
	}
}
