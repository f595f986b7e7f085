package completion

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"
)

// Records sealed by earlier versions of the software stay in testdata for ever, and must verify. Files are added for a new schema
// version, never changed; what a newer version would write into the same record, such as its words for a next step, may differ.
func TestOldRecordsStillVerify(t *testing.T) {
	dir := filepath.Join("testdata", "record")
	if _, err := os.Stat(dir); *update && err != nil {
		writeOldRecords(t, dir)
	}
	v, err := LoadVerifier(filepath.Join(dir, "record.pub"))
	if err != nil {
		t.Fatal(err)
	}
	for name := range examples {
		t.Run(name, func(t *testing.T) {
			old, err := os.ReadFile(filepath.Join(dir, "v1_"+name+".json"))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Verify(old, v); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestOtherWordsForANextStepVerify(t *testing.T) {
	r := troubled()
	r.Schema, r.Clock.OnTime = SchemaV1, NotAnswered
	r.Result, r.Reasons = ResultOf(r)
	for i := range r.Reasons {
		r.Reasons[i].NextStep = "in other words"
	}
	payload, err := canonical(r)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Verify(sign(payload, testSigner(1)), testSigner(1).Verifier()); err != nil {
		t.Error(err)
	}
}

func writeOldRecords(t *testing.T, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(testSigner(1).newest().Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "record.pub"), pem.EncodeToMemory(&pem.Block{Type: publicBlock, Bytes: der}), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, build := range examples {
		if err := os.WriteFile(filepath.Join(dir, "v1_"+name+".json"), seal(t, build()).Envelope, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
