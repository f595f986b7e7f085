package event

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/linkedin/goavro/v2"
)

func record(fields string) string {
	return `{"type":"record","name":"R","namespace":"t","fields":[` + fields + `]}`
}

// resolved has a value written under the writer's schema, as it is published, and read under the reader's; in between goes
// what the codec does.
func resolved(t *testing.T, w, r string, v any) (any, *scanError, error) {
	t.Helper()
	from, published := parsed(t, w)
	to, reader := parsed(t, r)
	convert, err := resolve(from.node, to.node)
	if err != nil {
		return nil, nil, err
	}
	b, err := published.BinaryFromNative(nil, v)
	if err != nil {
		t.Fatal(err)
	}
	native, _, err := from.avro.NativeFromBinary(b)
	if err != nil {
		t.Fatal(err)
	}
	if convert != nil {
		before, _, err := from.avro.NativeFromBinary(b)
		if err != nil {
			t.Fatal(err)
		}
		out, bad := convert(native)
		if d := cmp.Diff(before, native); d != "" {
			t.Errorf("the value was changed: %s", d)
		}
		if bad != nil {
			return nil, bad, nil
		}
		native = out
	}
	if b, err = to.avro.BinaryFromNative(nil, native); err != nil {
		t.Fatalf("not the reader's form: %v", err)
	}
	if bad := scan(to.node, b); bad != nil {
		t.Errorf("not a value of the reader's schema: %v", bad)
	}
	out, rest, err := reader.NativeFromBinary(b)
	if err != nil || len(rest) > 0 {
		t.Fatalf("goavro leaves %d bytes: %v", len(rest), err)
	}
	return out, nil, nil
}

// parsed is a schema as the codec uses it and, for goavro, as it is published.
func parsed(t *testing.T, schema string) (*version, *goavro.Codec) {
	t.Helper()
	v, err := newVersion("test", 1, []byte(schema))
	if err != nil {
		t.Fatal(err)
	}
	published, err := goavro.NewCodec(schema)
	if err != nil {
		t.Fatal(err)
	}
	return v, published
}

type object = map[string]any

func TestResolve(t *testing.T) {
	at := time.Date(2026, 11, 24, 8, 55, 0, 0, time.UTC)
	const (
		timestamp = `{"type":"long","logicalType":"timestamp-micros"}`
		inner     = `{"type":"record","name":"N","fields":[{"name":"x","type":"int"}]}`
		grown     = `{"type":"record","name":"N","fields":[{"name":"y","type":["null","int"],"default":null},{"name":"x","type":"long"}]}`
	)
	for _, tc := range []struct {
		name, writer, reader string
		in, want             any
	}{
		{"the_same_primitive", `"string"`, `"string"`, "x", "x"},
		{"int_to_long", `"int"`, `"long"`, int32(7), int64(7)},
		{"string_to_bytes", `"string"`, `"bytes"`, "x", []byte("x")},
		{"bytes_to_string", `"bytes"`, `"string"`, []byte("x"), "x"},
		{"long_to_timestamp", `"long"`, timestamp, at.UnixMicro(), at},
		{"timestamp_to_long", timestamp, `"long"`, at, at.UnixMicro()},
		{"int_to_timestamp", `"int"`, timestamp, int32(5), time.UnixMicro(5).UTC()},
		{"a_field_that_the_reader_lacks", record(`{"name":"a","type":"int"},{"name":"b","type":"int"}`), record(`{"name":"b","type":"int"}`), object{"a": 1, "b": 2}, object{"b": int32(2)}},
		{"a_field_that_the_writer_lacks_null", record(`{"name":"a","type":"int"}`), record(`{"name":"a","type":"int"},{"name":"b","type":["null","string"],"default":null}`), object{"a": 1}, object{"a": int32(1), "b": nil}},
		{"a_field_that_the_writer_lacks_text", record(`{"name":"a","type":"int"}`), record(`{"name":"b","type":"string","default":"d"},{"name":"a","type":"int"}`), object{"a": 1}, object{"a": int32(1), "b": "d"}},
		{"a_field_that_the_writer_lacks_numbers", record(`{"name":"a","type":"int"}`), record(`{"name":"a","type":"int"},{"name":"b","type":"int","default":5},{"name":"c","type":"long","default":6},{"name":"d","type":"boolean","default":true}`), object{"a": 1}, object{"a": int32(1), "b": int32(5), "c": int64(6), "d": true}},
		{"a_field_that_the_writer_lacks_array", record(`{"name":"a","type":"int"}`), record(`{"name":"a","type":"int"},{"name":"b","type":{"type":"array","items":"int"},"default":[]}`), object{"a": 1}, object{"a": int32(1), "b": []any{}}},
		{"fields_in_another_order", record(`{"name":"a","type":"int"},{"name":"b","type":"string"}`), record(`{"name":"b","type":"string"},{"name":"a","type":"long"}`), object{"a": 1, "b": "x"}, object{"a": int64(1), "b": "x"}},
		{"a_nested_record_grows", record(`{"name":"n","type":` + inner + `}`), record(`{"name":"n","type":` + grown + `}`), object{"n": object{"x": 3}}, object{"n": object{"x": int64(3), "y": nil}}},
		{"records_in_an_array", `{"type":"array","items":` + inner + `}`, `{"type":"array","items":` + grown + `}`, []any{object{"x": 1}, object{"x": 2}}, []any{object{"x": int64(1), "y": nil}, object{"x": int64(2), "y": nil}}},
		{"array_items_widen", `{"type":"array","items":"int"}`, `{"type":"array","items":"long"}`, []any{1, 2}, []any{int64(1), int64(2)}},
		{"the_same_union", `["null","string"]`, `["null","string"]`, object{"string": "x"}, object{"string": "x"}},
		{"into_a_union", `"string"`, `["null","string"]`, "x", object{"string": "x"}},
		{"null_into_a_union", `"null"`, `["null","string"]`, nil, nil},
		{"into_a_union_prefers_the_same_type", `"int"`, `["null","long","int"]`, int32(7), object{"int": int32(7)}},
		{"into_a_union_by_widening", `"int"`, `["null","long"]`, int32(7), object{"long": int64(7)}},
		{"out_of_a_union", `["null","string"]`, `"string"`, object{"string": "x"}, "x"},
		{"a_union_grows", `["null","string"]`, `["null","long","string"]`, object{"string": "x"}, object{"string": "x"}},
		{"a_union_in_another_order", `["null","string"]`, `["string","null"]`, nil, nil},
		{"a_union_branch_widens", `["null","int"]`, `["null","long"]`, object{"int": 7}, object{"long": int64(7)}},
		{"null_of_a_union_that_widens", `["null","int"]`, `["null","long"]`, nil, nil},
		{"an_optional_timestamp_from_long", `["null","long"]`, `["null",` + timestamp + `]`, object{"long": at.UnixMicro()}, object{"long.timestamp-micros": at}},
		{"an_optional_record_grows", `["null",` + inner + `]`, `["null",` + grown + `]`, object{"N": object{"x": 3}}, object{"N": object{"x": int64(3), "y": nil}}},
		{"an_optional_array_of_records_grows", `["null",{"type":"array","items":` + inner + `}]`, `["null",{"type":"array","items":` + grown + `}]`, object{"array": []any{object{"x": 3}}}, object{"array": []any{object{"x": int64(3), "y": nil}}}},
		{"a_boolean", `"boolean"`, `["null","boolean"]`, true, object{"boolean": true}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, bad, err := resolved(t, tc.writer, tc.reader, tc.in)
			if err != nil || bad != nil {
				t.Fatal(bad, err)
			}
			if d := cmp.Diff(tc.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestResolveRefusesPairsThatNoValuePasses(t *testing.T) {
	for _, tc := range []struct{ name, writer, reader, want string }{
		{"narrowing", `"long"`, `"int"`, "long cannot be read as int"},
		{"another_type", `"boolean"`, `"string"`, "boolean cannot be read as string"},
		{"no_default", record(`{"name":"a","type":"int"}`), record(`{"name":"a","type":"int"},{"name":"b","type":"int"}`), "field b of t.R is missing in the writer's schema and has no default"},
		{"a_field_of_another_type", record(`{"name":"a","type":"int"}`), record(`{"name":"a","type":"string"}`), "field a of t.R: int cannot be read as string"},
		{"another_name", record(`{"name":"a","type":"int"}`), strings.Replace(record(`{"name":"a","type":"int"}`), `"R"`, `"Q"`, 1), "t.R cannot be read as t.Q"},
		{"no_branch_for_it", `"boolean"`, `["null","string"]`, "boolean fits no branch of the reader's union"},
		{"no_branch_to_read", `["null","boolean"]`, `"string"`, "no branch of the writer's union can be read as string"},
		{"array_items", `{"type":"array","items":"boolean"}`, `{"type":"array","items":"int"}`, "boolean cannot be read as int"},
		{"an_array_as_a_record", `{"type":"array","items":"int"}`, record(`{"name":"a","type":"int"}`), "array cannot be read as t.R"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, _, err := resolved(t, tc.writer, tc.reader, nil)
			if err == nil || err.Error() != tc.want {
				t.Errorf("got %v, want %s", err, tc.want)
			}
		})
	}
}

func TestResolveRefusesValuesThatTheReaderCannotHold(t *testing.T) {
	const timestamp = `{"type":"long","logicalType":"timestamp-micros"}`
	for _, tc := range []struct {
		name, writer, reader string
		in                   any
		path, reason         string
	}{
		{"null_where_none_is_allowed", record(`{"name":"a","type":["null","string"]}`), record(`{"name":"a","type":"string"}`), object{"a": nil}, "a", "a null, which the reader's schema does not allow here"},
		{"a_branch_that_went", `["null","string","boolean"]`, `["null","string"]`, object{"boolean": true}, "", "a boolean, which the reader's schema does not allow here"},
		{"bytes_with_nul", `["null","bytes"]`, `["null","string"]`, object{"bytes": []byte{'a', 0}}, "", holdsNUL},
		{"bytes_that_are_no_text", `{"type":"array","items":"bytes"}`, `{"type":"array","items":"string"}`, []any{[]byte("ok"), []byte{0xff}}, "[1]", notUTF8},
		{"a_number_that_is_no_instant", `"long"`, timestamp, int64(1) << 62, "", farInstant},
		{"inside_a_union", `["null","long"]`, `["null",` + timestamp + `]`, object{"long": int64(1) << 62}, "", farInstant},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, bad, err := resolved(t, tc.writer, tc.reader, tc.in)
			if err != nil || bad == nil {
				t.Fatal(bad, err)
			}
			if bad.path != tc.path || bad.reason != tc.reason {
				t.Errorf("got %q %q", bad.path, bad.reason)
			}
		})
	}
}

func TestParseSchemaRefuses(t *testing.T) {
	for _, tc := range []struct{ name, schema, want string }{
		{"no_json", `{`, "unexpected end of JSON input"},
		{"an_enum", `{"type":"enum","name":"E","symbols":["A"]}`, "neither a primitive that Lethe uses"},
		{"a_double", `"double"`, "neither a primitive that Lethe uses"},
		{"a_number", `5`, "not float64"},
		{"a_logical_type_that_is_not_used", `{"type":"int","logicalType":"date"}`, "logical type date of int is not used"},
		{"an_array_of_nothing", `{"type":"array","items":"null"}`, "take no bytes"},
		{"an_empty_union", `[]`, "no branch"},
		{"a_union_twice_the_same", `["int","int"]`, "holds int twice"},
		{"a_union_of_text_and_bytes", `["null","string","bytes"]`, "holds bytes twice"},
		{"a_record_without_name", `{"type":"record","fields":[]}`, "has no name"},
		{"a_name_twice", record(`{"name":"a","type":{"type":"record","name":"N","fields":[]}},{"name":"b","type":{"type":"record","name":"N","fields":[]}}`), "or one that is taken"},
		{"a_field_twice", record(`{"name":"a","type":"int"},{"name":"a","type":"int"}`), "stands there twice"},
		{"a_recursive_record", record(`{"name":"a","type":["null","R"],"default":null}`), "nor a record defined before"},
		{"a_default_of_another_type", record(`{"name":"a","type":"int","default":"x"}`), "does not fit"},
		{"a_default_of_a_later_branch", record(`{"name":"a","type":["null","int"],"default":5}`), "does not fit"},
		{"records_too_deep", record(`{"name":"a","type":{"type":"record","name":"A","fields":[{"name":"b","type":{"type":"record","name":"B","fields":[{"name":"c","type":{"type":"record","name":"C","fields":[{"name":"d","type":{"type":"record","name":"D","fields":[]}}]}}]}}]}}`), "nest more than 4 deep"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := parseSchema([]byte(tc.schema))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want …%s…", err, tc.want)
			}
		})
	}
}
