package event

import (
	"encoding/json"
	"fmt"

	"github.com/linkedin/goavro/v2"
)

// newWireCodec returns the goavro codec that reads and writes every message of a schema. It is given the schema's wire form.
func newWireCodec(schema []byte) (*goavro.Codec, error) {
	text, err := rewrite(schema, wireSchema)
	if err != nil {
		return nil, err
	}
	avro, err := goavro.NewCodec(text)
	if err != nil {
		return nil, fmt.Errorf("goavro: %w", err)
	}
	return avro, nil
}

// fingerprint is CRC-64-AVRO of the Parsing Canonical Form, as every other implementation computes it: goavro's, over a copy
// without logical types. The canonical form drops them, and then writes what is left of {"type": "long", "logicalType": …} as
// "long"; goavro keeps the object, and its fingerprint is one that no other implementation computes.
func fingerprint(schema []byte) (uint64, error) {
	text, err := rewrite(schema, withoutLogicalTypes)
	if err != nil {
		return 0, err
	}
	avro, err := goavro.NewCodec(text)
	if err != nil {
		return 0, fmt.Errorf("goavro: %w", err)
	}
	return avro.Rabin, nil
}

// withoutLogicalTypes leaves the types that carry them.
func withoutLogicalTypes(name string) string { return name }

// wireSchema takes a type for the one whose binary form is the same to the last bit and whose native form costs goavro less.
// Text becomes bytes: goavro makes three allocations of each text and checks nothing about it, the scanner does. A timestamp
// becomes the long that carries it: goavro's time.Time wraps around in silence where the scanner has a bound. An
// acknowledgement is read in two thirds of the time so. Other programs, and the tests, hold the same messages against the
// schema as it is published.
func wireSchema(name string) string {
	if name == "string" {
		return inBytes
	}
	return name
}

// rewrite returns a schema with each primitive type replaced, and without logical types.
func rewrite(schema []byte, primitive func(name string) string) (string, error) {
	var raw any
	if err := json.Unmarshal(schema, &raw); err != nil {
		return "", fmt.Errorf("parse schema: %w", err)
	}
	text, err := json.Marshal(rewriteType(raw, primitive))
	return string(text), err
}

// rewriteType goes where types stand, and nowhere else: a field may be named like one.
func rewriteType(raw any, primitive func(name string) string) any {
	switch t := raw.(type) {
	case string:
		return primitive(t)
	case []any:
		for i, branch := range t {
			t[i] = rewriteType(branch, primitive)
		}
	case map[string]any:
		switch t["type"] {
		case "record":
			fields, _ := t["fields"].([]any)
			for _, f := range fields {
				if field, ok := f.(map[string]any); ok {
					field["type"] = rewriteType(field["type"], primitive)
				}
			}
		case "array":
			t["items"] = rewriteType(t["items"], primitive)
		default:
			return rewriteType(t["type"], primitive)
		}
	}
	return raw
}
