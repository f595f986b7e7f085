package event

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/linkedin/goavro/v2"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/schemas"
)

// fingerprints as fastavro 1.13.1 computes them:
//
//	fastavro.schema.fingerprint(to_parsing_canonical_form(parse_schema(schema)), "CRC-64-AVRO")
//
// which prints the bytes in the order in which they stand in the frame. A line here never changes: it is out in the world.
var fingerprints = map[string][]string{
	"acknowledgement":    {"cf750383102b95ae"},
	"completion":         {"64d0bcdd7b1d2828"},
	"dispatched_request": {"169446c3fa3192fe"},
	"identifiers":        {"392c3d5655501371"},
	"rejected_request":   {"75086d4749ec6106"},
	"request_status":     {"29c7c45d91352738"},
	"subject_request":    {"3853f5ee0af3faa4"},
}

func TestFingerprintsAreFastavros(t *testing.T) {
	got := map[string][]string{}
	for name, texts := range histories(t) {
		for _, text := range texts {
			fp, err := fingerprint(text)
			if err != nil {
				t.Fatal(err)
			}
			got[name] = append(got[name], fmt.Sprintf("%x", binary.LittleEndian.AppendUint64(nil, fp)))
		}
	}
	if d := cmp.Diff(fingerprints, got); d != "" {
		t.Error(d)
	}
}

// TestTheReadmeNamesTheFingerprints: clients in other languages are written from it.
func TestTheReadmeNamesTheFingerprints(t *testing.T) {
	text, err := os.ReadFile("../../schemas/README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range schemas.Messages() {
		fps := fingerprints[name]
		if line := fmt.Sprintf("| `%s` | `%s` |", name, fps[len(fps)-1]); !strings.Contains(string(text), line) {
			t.Errorf("README.md has no line %s", line)
		}
	}
}

func histories(t testing.TB) map[string][][]byte {
	t.Helper()
	all := map[string][][]byte{}
	for _, name := range append(schemas.Messages(), schemas.Identifiers) {
		texts, err := schemas.History(name)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = texts
	}
	return all
}

var (
	statusAt = time.Date(2026, 11, 24, 8, 55, 0, 0, time.UTC)
	status   = dsr.Status{
		RequestID: "7f3c2b1a-0d9e-4c8f-8a7b-6c5d4e3f2aa1", Version: 3, State: dsr.Acting, Kind: dsr.Erasure, Phase: dsr.Act, Round: 1,
		Systems: []dsr.SystemStatus{{Name: "shop", State: "answered", Phase: dsr.Act, Round: 1, Outcome: dsr.Erased, At: statusAt}}, DueAt: statusAt, Environment: "dev",
	}
	// What a status loses by a version that knows neither environment, nor due_at, nor the instants of systems.
	oldStatus = dsr.Status{
		RequestID: status.RequestID, Version: 3, State: dsr.Acting, Kind: dsr.Erasure, Phase: dsr.Act, Round: 1,
		Systems: []dsr.SystemStatus{{Name: "shop", State: "answered", Phase: dsr.Act, Round: 1, Outcome: dsr.Erased}},
	}
)

// withOldStatus puts a version before the first one, as if the present one were the second.
func withOldStatus(t *testing.T) map[string][][]byte {
	t.Helper()
	all := histories(t)
	newest := all[schemas.RequestStatus][len(all[schemas.RequestStatus])-1]
	old := without(t, string(newest), `{"name": "environment"`, `{"name": "due_at"`, `{"name": "at"`)
	out := maps.Clone(all)
	out[schemas.RequestStatus] = [][]byte{[]byte(old), newest}
	return out
}

// without takes fields, one a line, out of a schema file.
func without(t *testing.T, schema string, fields ...string) string {
	t.Helper()
	var kept []string
	for line := range strings.Lines(schema) {
		drop := false
		for _, f := range fields {
			drop = drop || strings.HasPrefix(strings.TrimSpace(line), f)
		}
		if !drop {
			kept = append(kept, line)
		}
	}
	text := strings.Join(kept, "")
	if len(kept) == strings.Count(schema, "\n") {
		t.Fatal("nothing was taken out")
	}
	// The last field before a closing bracket may have kept its comma.
	for _, bracket := range []string{"\n      ]", "\n  ]"} {
		text = strings.ReplaceAll(text, ","+bracket, bracket)
	}
	return text
}

func TestAnOldWritersMessageIsRead(t *testing.T) {
	all := withOldStatus(t)
	old, err := newCodec(all, Config{WriteVersion: map[string]int{schemas.RequestStatus: 1}})
	if err != nil {
		t.Fatal(err)
	}
	b, err := old.EncodeStatus(status)
	if err != nil {
		t.Fatal(err)
	}
	reader, err := newCodec(all, Config{})
	if err != nil {
		t.Fatal(err)
	}
	if name, n, err := reader.Identify(b); name != schemas.RequestStatus || n != 1 || err != nil {
		t.Fatalf("written as %s v%d: %v", name, n, err)
	}
	got, err := reader.DecodeStatus(b)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(oldStatus, got); d != "" {
		t.Error(d)
	}
}

func TestAnOldWritersMessageIsCheckedToo(t *testing.T) {
	all := withOldStatus(t)
	c, err := newCodec(all, Config{WriteVersion: map[string]int{schemas.RequestStatus: 1}})
	if err != nil {
		t.Fatal(err)
	}
	b, err := c.EncodeStatus(status)
	if err != nil {
		t.Fatal(err)
	}
	var bad *MalformedError
	if _, err := c.DecodeStatus(append(b, 0)); !errors.As(err, &bad) || bad.Reason != "1 trailing bytes" {
		t.Errorf("got %v", err)
	}
	if _, err := c.DecodeStatus(b[:len(b)-1]); !errors.As(err, &bad) || bad.Reason != cutOff {
		t.Errorf("got %v", err)
	}
}

// TestANewerWritersMessageIsRead: this build is given the schema of a newer one, which has a field more at the top, one more
// in a nested record, and a record of a kind that this build does not know.
func TestANewerWritersMessageIsRead(t *testing.T) {
	all := histories(t)
	present := string(all[schemas.RequestStatus][len(all[schemas.RequestStatus])-1])
	newer := strings.Replace(present, `{"name": "environment"`, `{"name": "mood", "type": ["null", {"type": "record", "name": "Mood", "fields": [{"name": "of", "type": {"type": "array", "items": "string"}}]}], "default": null},
    {"name": "environment"`, 1)
	newer = strings.Replace(newer, `{"name": "outcome", "type": ["null", "string"], "default": null`, `{"name": "weight", "type": ["null", "long"], "default": null},
        {"name": "outcome", "type": ["null", "string"], "default": null`, 1)
	writer, err := newVersion(schemas.RequestStatus, 2, []byte(newer))
	if err != nil {
		t.Fatal(err)
	}
	published, err := goavro.NewCodec(newer)
	if err != nil {
		t.Fatal(err)
	}
	body, err := published.BinaryFromNative(nil, map[string]any{
		"request_id": string(status.RequestID), "version": 3, "state": "acting", "kind": "erasure", "phase": object{"string": "act"}, "round": object{"int": 1},
		"mood": object{"lethe.v1.Mood": object{"of": []any{"calm"}}}, "due_at": object{"long.timestamp-micros": statusAt}, "environment": object{"string": "dev"},
		"systems": object{"array": []any{object{
			"name": "shop", "state": "answered", "phase": object{"string": "act"}, "round": object{"int": 1}, "weight": object{"long": 7},
			"outcome": object{"string": "erased"}, "at": object{"long.timestamp-micros": statusAt},
		}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	b := binary.LittleEndian.AppendUint64([]byte{marker0, marker1}, writer.fingerprint)
	b = append(b, body...)

	plain, err := NewCodec()
	if err != nil {
		t.Fatal(err)
	}
	var unknown *UnknownSchemaError
	if _, err := plain.DecodeStatus(b); !errors.As(err, &unknown) || unknown.Fingerprint != writer.fingerprint {
		t.Errorf("without the schema: got %v", err)
	}
	told, err := NewCodecFor(Config{WriterSchemas: map[string][][]byte{schemas.RequestStatus: {[]byte(newer), []byte(present)}}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := told.DecodeStatus(b)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(status, got); d != "" {
		t.Error(d)
	}
}

func TestConfigurationsThatCannotWork(t *testing.T) {
	for _, tc := range []struct {
		name, want string
		cfg        Config
	}{
		{"a_version_that_is_not_there", "new codec: schema completion: there is no version 9 to write, the newest is 1", Config{WriteVersion: map[string]int{"completion": 9}}},
		{"version_zero", "new codec: schema completion: there is no version 0 to write, the newest is 1", Config{WriteVersion: map[string]int{"completion": 0}}},
		{"a_message_that_is_none", `new codec: there is no message "identifiers" to configure`, Config{WriteVersion: map[string]int{"identifiers": 1}}},
		{"a_schema_of_no_message", `new codec: there is no message "nobody" to configure`, Config{WriterSchemas: map[string][][]byte{"nobody": nil}}},
		{"a_schema_that_cannot_be_read", "new codec: schema completion: writer's schema 1 cannot be read: t.R cannot be read as lethe.v1.Completion", Config{WriterSchemas: map[string][][]byte{"completion": {[]byte(record(`{"name":"a","type":"int"}`))}}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := NewCodecFor(tc.cfg); err == nil || err.Error() != tc.want {
				t.Errorf("got  %v\nwant %s", err, tc.want)
			}
		})
	}
}

func TestVersionsThatContradictEachOther(t *testing.T) {
	all := withOldStatus(t)
	statuses := all[schemas.RequestStatus]
	for _, tc := range []struct {
		name, want string
		versions   [][]byte
	}{
		{"none", "there is no version", nil},
		{"the_same_twice", "v2 has the fingerprint of request_status v1", [][]byte{statuses[1], statuses[1]}},
		{"a_newer_one_that_cannot_read_the_older", "v1 cannot be read as v2: field version of lethe.v1.RequestStatus: long cannot be read as int", [][]byte{
			statuses[1], []byte(strings.Replace(string(statuses[1]), `"name": "version", "type": "long"`, `"name": "version", "type": "int"`, 1)),
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			bad := maps.Clone(all)
			bad[schemas.RequestStatus] = tc.versions
			if _, err := newCodec(bad, Config{}); err == nil || !strings.HasSuffix(err.Error(), tc.want) {
				t.Errorf("got %v, want …%s", err, tc.want)
			}
		})
	}
}
