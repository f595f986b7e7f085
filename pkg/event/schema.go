package event

import (
	"encoding/json"
	"fmt"
	"strings"
)

// avroKind is the kind of a schema node. Lethe's schemas use these and no other: enums break old readers when they grow,
// and nothing needs maps, fixed or floating point.
type avroKind uint8

const (
	avroNull avroKind = iota + 1
	avroBoolean
	avroInt
	avroLong
	avroTimestamp // long with logicalType timestamp-micros
	avroBytes
	avroString
	avroArray
	avroRecord
	avroUnion
)

var primitiveKinds = map[string]avroKind{
	"null": avroNull, "boolean": avroBoolean, "int": avroInt, "long": avroLong, "bytes": avroBytes, "string": avroString,
}

// What goavro calls a type inside a union.
const (
	inBytes   = "bytes" // of text too
	inInt     = "int"
	inLong    = "long" // of instants too
	inBoolean = "boolean"
	inArray   = "array"
)

// schemaNode is a parsed schema. It is never changed after parsing.
type schemaNode struct {
	kind     avroKind
	name     string // of the type; the full name for a record
	branch   string // what goavro calls the type inside a union, see wireSchema
	fields   []schemaField
	items    *schemaNode
	branches []*schemaNode
	given    *schemaNode // of a union of null and one type: the type
	minBytes int         // the fewest bytes that a value takes
	depth    int         // how many records nest in it
}

type schemaField struct {
	name       string
	node       *schemaNode
	hasDefault bool
	def        any // in goavro's native form
}

// schemaParser holds the named types seen so far. A name is known only once its record is complete, so that no schema is
// recursive and the depth of every message is bounded by its schema.
type schemaParser struct {
	named map[string]*schemaNode
}

func parseSchema(text []byte) (*schemaNode, error) {
	var raw any
	if err := json.Unmarshal(text, &raw); err != nil {
		return nil, fmt.Errorf("parse schema: %w", err)
	}
	p := schemaParser{named: map[string]*schemaNode{}}
	n, err := p.parse(raw, "")
	if err != nil {
		return nil, fmt.Errorf("parse schema: %w", err)
	}
	return n, nil
}

func (p schemaParser) parse(raw any, namespace string) (*schemaNode, error) {
	switch t := raw.(type) {
	case string:
		return p.parseName(t, namespace)
	case []any:
		return p.parseUnion(t, namespace)
	case map[string]any:
		return p.parseObject(t, namespace)
	}
	return nil, fmt.Errorf("a schema is a string, an array or an object, not %T", raw)
}

func (p schemaParser) parseName(name, namespace string) (*schemaNode, error) {
	if kind, ok := primitiveKinds[name]; ok {
		if kind == avroString {
			return primitive(kind, name, inBytes), nil
		}
		return primitive(kind, name, name), nil
	}
	if n, ok := p.named[fullName(name, namespace)]; ok {
		return n, nil
	}
	return nil, fmt.Errorf("type %q is neither a primitive that Lethe uses nor a record defined before", name)
}

func primitive(kind avroKind, name, branch string) *schemaNode {
	n := &schemaNode{kind: kind, name: name, branch: branch, minBytes: 1}
	if kind == avroNull {
		n.minBytes = 0
	}
	return n
}

func (p schemaParser) parseUnion(raw []any, namespace string) (*schemaNode, error) {
	n := &schemaNode{kind: avroUnion, name: "union", minBytes: 1}
	seen := map[string]bool{}
	for _, b := range raw {
		branch, err := p.parse(b, namespace)
		if err != nil {
			return nil, err
		}
		if branch.kind == avroUnion || seen[branch.branch] { // string beside bytes is twice the same to goavro
			return nil, fmt.Errorf("a union holds %s twice or a union itself", branch.name)
		}
		seen[branch.branch] = true
		n.branches = append(n.branches, branch)
		n.depth = max(n.depth, branch.depth)
	}
	if len(n.branches) == 0 {
		return nil, fmt.Errorf("a union has no branch")
	}
	if len(n.branches) == 2 && n.branches[0].kind == avroNull {
		n.given = n.branches[1]
	}
	return n, nil
}

func (p schemaParser) parseObject(raw map[string]any, namespace string) (*schemaNode, error) {
	name, ok := raw["type"].(string)
	if !ok { // {"type": {…}} or {"type": […]}
		return p.parse(raw["type"], namespace)
	}
	switch logical, has := raw["logicalType"]; {
	case has && (logical != "timestamp-micros" || name != "long"):
		return nil, fmt.Errorf("logical type %v of %s is not used in Lethe", logical, name)
	case has:
		return primitive(avroTimestamp, "timestamp-micros", inLong), nil
	}
	switch name {
	case "array":
		items, err := p.parse(raw["items"], namespace)
		if err != nil {
			return nil, err
		}
		if items.minBytes == 0 { // such an array could announce any length for free
			return nil, fmt.Errorf("the items of an array take no bytes")
		}
		return &schemaNode{kind: avroArray, name: "array", branch: inArray, items: items, minBytes: 1, depth: items.depth}, nil
	case "record":
		return p.parseRecord(raw, namespace)
	}
	return p.parseName(name, namespace)
}

func (p schemaParser) parseRecord(raw map[string]any, namespace string) (*schemaNode, error) {
	short, _ := raw["name"].(string)
	if ns, ok := raw["namespace"].(string); ok {
		namespace = ns
	}
	full := fullName(short, namespace)
	if short == "" || p.named[full] != nil {
		return nil, fmt.Errorf("record %q has no name, or one that is taken", short)
	}
	fields, _ := raw["fields"].([]any)
	n := &schemaNode{kind: avroRecord, name: full, branch: full, depth: 1}
	seen := map[string]bool{}
	for _, f := range fields {
		field, err := p.parseField(f, namespace)
		if err != nil {
			return nil, fmt.Errorf("record %s: %w", short, err)
		}
		if seen[field.name] {
			return nil, fmt.Errorf("record %s: field %s stands there twice", short, field.name)
		}
		seen[field.name] = true
		n.fields = append(n.fields, field)
		n.minBytes += field.node.minBytes
		n.depth = max(n.depth, field.node.depth+1)
	}
	if n.depth > maxDepth {
		return nil, fmt.Errorf("record %s: records nest more than %d deep", short, maxDepth)
	}
	p.named[full] = n
	return n, nil
}

func (p schemaParser) parseField(raw any, namespace string) (schemaField, error) {
	m, _ := raw.(map[string]any)
	name, _ := m["name"].(string)
	if name == "" {
		return schemaField{}, fmt.Errorf("a field has no name")
	}
	n, err := p.parse(m["type"], namespace)
	if err != nil {
		return schemaField{}, fmt.Errorf("field %s: %w", name, err)
	}
	f := schemaField{name: name, node: n}
	if def, ok := m["default"]; ok {
		f.hasDefault = true
		if f.def, err = nativeDefault(n, def); err != nil {
			return schemaField{}, fmt.Errorf("field %s: default: %w", name, err)
		}
	}
	return f, nil
}

// nativeDefault turns a default from its JSON form into goavro's native one. The default of a union belongs to its first
// branch. Only the defaults that make sense for an appended field are known.
func nativeDefault(n *schemaNode, raw any) (any, error) {
	switch v := raw.(type) {
	case nil:
		if n.kind == avroUnion && n.branches[0].kind == avroNull {
			return nil, nil
		}
	case bool:
		if n.kind == avroBoolean {
			return v, nil
		}
	case float64:
		switch n.kind {
		case avroInt:
			return int32(v), nil
		case avroLong:
			return int64(v), nil
		}
	case string:
		if n.kind == avroString {
			return []byte(v), nil
		}
	case []any:
		if n.kind == avroArray && len(v) == 0 {
			return []any{}, nil
		}
	}
	return nil, fmt.Errorf("%T does not fit its type", raw)
}

func fullName(name, namespace string) string {
	if namespace == "" || strings.Contains(name, ".") {
		return name
	}
	return namespace + "." + name
}
