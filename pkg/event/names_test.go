package event_test

import (
	"encoding/base64"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/lethe-dsr/lethe/schemas"
)

// TestEachFieldStandsUnderItsName holds that no two fields are swapped in writer and reader alike, which no round trip would
// show: goavro's reading of a full message is laid beside the Go value, names in snake case.
func TestEachFieldStandsUnderItsName(t *testing.T) {
	c := newCodec(t)
	standsUnderItsName(t, schemas.SubjectRequest, fullRequest(), c.EncodeSubjectRequest)
	standsUnderItsName(t, schemas.DispatchedRequest, fullDispatch(), c.EncodeDispatch)
	standsUnderItsName(t, schemas.Acknowledgement, fullAcknowledgement(), c.EncodeAcknowledgement)
	standsUnderItsName(t, schemas.RequestStatus, fullStatus(), c.EncodeStatus)
	standsUnderItsName(t, schemas.RejectedRequest, fullRejection(), c.EncodeRejection)
	standsUnderItsName(t, schemas.Completion, fullCompletion(), c.EncodeCompletion)
}

func standsUnderItsName[T any](t *testing.T, name string, v T, encode func(T) ([]byte, error)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		b, err := encode(v)
		if err != nil {
			t.Fatal(err)
		}
		native, _, err := goavroFor(t, name).NativeFromBinary(b[frameBytes:])
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(plainValue(reflect.ValueOf(v)), plainNative(native)); d != "" {
			t.Error(d)
		}
	})
}

// plainValue is a Go value as maps, lists, texts and numbers, without what is zero.
func plainValue(v reflect.Value) any {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		return plainValue(v.Elem())
	case reflect.Struct:
		if t, ok := v.Interface().(time.Time); ok {
			if t.IsZero() {
				return nil
			}
			return t.Format(time.RFC3339Nano)
		}
		m := map[string]any{}
		for i := range v.NumField() {
			f := v.Type().Field(i)
			x := plainValue(v.Field(i))
			switch inner, ok := x.(map[string]any); {
			case f.Anonymous && ok:
				for k, y := range inner {
					m[k] = y
				}
			case x == nil, f.Name == "Counts" && len(inner) == 0:
			default:
				m[snake(f.Name)] = x
			}
		}
		return m
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			if v.Len() == 0 {
				return nil
			}
			return base64.StdEncoding.EncodeToString(v.Bytes())
		}
		var items []any
		for i := range v.Len() {
			items = append(items, plainValue(v.Index(i)))
		}
		if items == nil {
			return nil
		}
		return items
	case reflect.String:
		if v.Len() == 0 {
			return nil
		}
		return v.String()
	case reflect.Int32, reflect.Int64:
		if v.Int() == 0 {
			return nil
		}
		return v.Int()
	case reflect.Bool:
		if !v.Bool() {
			return nil
		}
		return true
	}
	panic(v.Kind())
}

// snake turns RequestID into request_id and EvidenceSHA256 into evidence_sha256.
func snake(name string) string {
	var b strings.Builder
	rs := []rune(name)
	for i, r := range rs {
		if unicode.IsUpper(r) && i > 0 && (unicode.IsLower(rs[i-1]) || i+1 < len(rs) && unicode.IsLower(rs[i+1])) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// plainNative is goavro's native form in the same shape: unions unwrapped, counts as a record of their names.
func plainNative(v any) any {
	switch x := v.(type) {
	case nil:
		return nil
	case map[string]any:
		if len(x) == 1 {
			for k, inner := range x {
				switch k {
				case "string", "bytes", "int", "long", "boolean", "array", "long.timestamp-micros":
					return plainNative(inner)
				}
				if strings.HasPrefix(k, "lethe.v1.") {
					return plainNative(inner)
				}
			}
		}
		m := map[string]any{}
		for k, inner := range x {
			if y := plainNative(inner); y != nil {
				if k == "counts" {
					y = plainCounts(y)
				}
				m[k] = y
			}
		}
		return m
	case []any:
		var items []any
		for _, inner := range x {
			items = append(items, plainNative(inner))
		}
		if items == nil {
			return nil
		}
		return items
	case time.Time:
		return x.Format(time.RFC3339Nano)
	case []byte:
		return base64.StdEncoding.EncodeToString(x)
	case int32:
		return plainNative(int64(x))
	case int64:
		if x == 0 {
			return nil
		}
		return x
	case bool:
		if !x {
			return nil
		}
		return true
	case string:
		if x == "" {
			return nil
		}
		return x
	}
	panic(v)
}

func plainCounts(v any) any {
	m := map[string]any{}
	for _, c := range v.([]any) {
		m[c.(map[string]any)["name"].(string)] = c.(map[string]any)["value"]
	}
	return m
}
