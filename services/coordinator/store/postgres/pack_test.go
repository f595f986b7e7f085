package postgres

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lethe-dsr/lethe/services/coordinator/lifecycle"
)

// records are signed ones as a coordinator writes them.
func records(t testing.TB) [][]byte {
	t.Helper()
	files, err := filepath.Glob("../../../../pkg/completion/testdata/record/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d records: %v", len(files), err)
	}
	var out [][]byte
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, bytes.TrimSpace(b))
	}
	return out
}

func TestRecordsTakeHalfTheirRoomAtMost(t *testing.T) {
	for i, plain := range records(t) {
		packed := packEnvelope(plain)
		if len(packed) > len(plain)/2 {
			t.Errorf("record %d: %d bytes of %d", i, len(packed), len(plain))
		}
		if back, err := unpackEnvelope(packed); err != nil || !bytes.Equal(back, plain) {
			t.Errorf("record %d does not come back: %v", i, err)
		}
		if back, err := unpackEnvelope(plain); err != nil || !bytes.Equal(back, plain) {
			t.Errorf("record %d, written by an earlier build, is read otherwise: %v", i, err)
		}
	}
}

// TestAnEnvelopeThatDecodingWouldChangeStaysAsItIs: a signature is over bytes.
func TestAnEnvelopeThatDecodingWouldChangeStaysAsItIs(t *testing.T) {
	for name, envelope := range map[string]string{
		"line_break": `{"payload":"YW5u` + "\n" + `YQ==","payloadType":"x"}`, "loose_bits": `{"payload":"YW5uYR==","payloadType":"x"}`, "no_padding": `{"payload":"YW5uYQ","x":1}`,
		"url_alphabet": `{"payload":"-_-_","x":1}`, "no_end": `{"payload":"YW5u`, "other": `{"signatures":[]}`, "nothing": "",
	} {
		packed := packEnvelope([]byte(envelope))
		if string(packed) != envelope {
			t.Errorf("%s: packed", name)
		}
		if back, err := unpackEnvelope(packed); err != nil || string(back) != envelope {
			t.Errorf("%s: read as %q: %v", name, back, err)
		}
	}
}

func TestADamagedValueIsAnError(t *testing.T) {
	long := append([]byte{packedFrame}, 0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0) // says that it has four gigabytes
	if _, err := unpackFrame(long); err == nil {
		t.Error("a length that nothing has is believed")
	}
	whole := packFrame([]byte(strings.Repeat("anna ", 100)))
	for _, b := range [][]byte{{packedFrame}, {packedFrame, 9, 1, 2}, whole[:len(whole)/2]} {
		if got, err := unpackFrame(b); err == nil {
			t.Errorf("% x is read as %q", b, got)
		}
	}
	if got, err := unpackArchive(lifecycle.ID{}, append([]byte{packedArchive}, "no frame of zstandard"...)); err == nil {
		t.Errorf("an archive that is none is read as %+v", got)
	}
	short := compressed(packedEnvelope, []byte{200, 1, 'x'}) // says 200 bytes and has one
	if got, err := unpackEnvelope(short); err == nil {
		t.Errorf("an envelope that ends early is read as %q", got)
	}
}

func FuzzPack(f *testing.F) {
	for _, r := range records(f) {
		f.Add(r)
	}
	f.Add([]byte{packedEnvelope, 1})
	f.Add([]byte(`{"payload":"YW5uYQ==","payloadType":"x"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if got, err := unpackFrame(packFrame(b)); err != nil || !bytes.Equal(got, b) {
			t.Fatalf("%q comes back as %q: %v", b, got, err)
		}
		if len(b) > 0 && b[0] != packedEnvelope { // a value that is stored begins with a brace
			if got, err := unpackEnvelope(packEnvelope(b)); err != nil || !bytes.Equal(got, b) {
				t.Fatalf("%q comes back as %q: %v", b, got, err)
			}
		}
		_, _ = unpackFrame(b)
		_, _ = unpackEnvelope(b)
	})
}
