package datamap

import (
	"bytes"
	"errors"
	"math"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

type nodeKind uint8

const (
	nullNode nodeKind = iota
	textNode
	boolNode
	numberNode
	mappingNode
	listNode
)

func (k nodeKind) String() string {
	return [...]string{"nothing", "text", "true or false", "a number", "a mapping", "a list"}[k]
}

// node is a YAML value with its place, free of anchors, aliases, merge keys and tags.
type node struct {
	pos   Pos
	kind  nodeKind
	text  string // of a scalar, as written
	pairs []pair // of a mapping, in the order of the file
	items []*node
	size  int // values below, aliases expanded
}

type pair struct {
	key   string
	pos   Pos
	value *node
}

// A few lines with aliases can stand for billions of values. Those of a file may stand for ten times what it holds, and for
// some thousands in any case.
const (
	maxGrowth = 10
	freeSize  = 10_000
	maxDepth  = 100
)

// parseTree reads one YAML document. It returns nil for an empty file or one that could not be read; the reason is in errs.
func parseTree(f File, errs *collector) *node {
	data := bytes.TrimPrefix(f.Data, []byte("\ufeff"))
	if !utf8.Valid(data) {
		errs.add(invalidUTF8(f.Name, data), "not valid UTF-8")
		return nil
	}
	// Duplicate keys are let through here and reported below, all of them.
	file, err := parser.ParseBytes(data, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		p, msg := syntaxError(f.Name, err)
		errs.add(p, "%s", msg)
		return nil
	}
	var docs []*ast.DocumentNode
	for _, d := range file.Docs {
		if d != nil && d.Body != nil && d.Body.Type() != ast.DirectiveType && d.Body.Type() != ast.CommentType {
			docs = append(docs, d)
		}
	}
	b := builder{file: f.Name, errs: errs, anchors: map[string]*node{}}
	switch len(docs) {
	case 0:
		errs.add(Pos{f.Name, 1, 1}, "the file is empty")
		return nil
	case 1:
	default:
		errs.add(b.pos(docs[1].Body), "a second YAML document: a file holds one")
		return nil
	}
	root := b.build(docs[0].Body, 0)
	if root.size > freeSize+maxGrowth*b.built { // walking it would take for ever
		errs.add(root.pos, "the aliases stand for more than %d times what the file holds", maxGrowth)
		return nil
	}
	return root
}

func syntaxError(file string, err error) (Pos, string) {
	p := Pos{file, 1, 1}
	var e yaml.Error
	if !errors.As(err, &e) {
		return p, err.Error()
	}
	if t := e.GetToken(); t != nil && t.Position != nil {
		p.Line, p.Column = t.Position.Line, t.Position.Column
	}
	return p, e.GetMessage()
}

func invalidUTF8(file string, data []byte) Pos {
	p := Pos{file, 1, 1}
	for len(data) > 0 {
		r, n := utf8.DecodeRune(data)
		if r == utf8.RuneError && n == 1 {
			break
		}
		p.Column++
		if r == '\n' {
			p.Line, p.Column = p.Line+1, 1
		}
		data = data[n:]
	}
	return p
}

type builder struct {
	file    string
	errs    *collector
	anchors map[string]*node
	built   int // values in the file
}

func (b *builder) pos(n ast.Node) Pos {
	p := Pos{b.file, 1, 1}
	if m, ok := n.(*ast.MappingNode); ok && !m.IsFlowStyle && len(m.Values) > 0 {
		n = m.Values[0].Key // the mapping's own token is the colon after its first key
	}
	if m, ok := n.(*ast.MappingValueNode); ok {
		n = m.Key
	}
	if n == nil {
		return p
	}
	if t := n.GetToken(); t != nil && t.Position != nil {
		p.Line, p.Column = t.Position.Line, t.Position.Column
	}
	return p
}

// build never returns nil; what it cannot read it reports and replaces by nothing.
func (b *builder) build(n ast.Node, depth int) *node {
	out := &node{pos: b.pos(n), size: 1}
	b.built++
	if depth > maxDepth {
		b.errs.add(out.pos, "nested more than %d deep", maxDepth)
		return out
	}
	switch n := n.(type) {
	case nil, *ast.NullNode, *ast.CommentGroupNode:
	case *ast.StringNode:
		out.kind, out.text = textNode, n.Value
	case *ast.LiteralNode:
		out.kind = textNode
		if n.Value != nil {
			out.text = n.Value.Value
		}
	case *ast.BoolNode:
		out.kind, out.text = boolNode, n.Token.Value
	case *ast.IntegerNode:
		out.kind, out.text = numberNode, n.Token.Value
	case *ast.FloatNode:
		out.kind, out.text = numberNode, n.Token.Value
	case *ast.InfinityNode:
		out.kind, out.text = numberNode, n.Token.Value
	case *ast.NanNode:
		out.kind, out.text = numberNode, n.Token.Value
	case *ast.MappingNode:
		b.mapping(out, n.Values, depth)
	case *ast.MappingValueNode:
		b.mapping(out, []*ast.MappingValueNode{n}, depth)
	case *ast.SequenceNode:
		out.kind = listNode
		for _, v := range n.Values {
			item := b.build(v, depth+1)
			out.items = append(out.items, item)
			out.grow(item)
		}
	case *ast.AnchorNode:
		v := b.build(n.Value, depth+1)
		b.anchors[scalarText(n.Name)] = v // only now: an alias inside its own anchor would be a circle
		return v
	case *ast.AliasNode:
		v, ok := b.anchors[scalarText(n.Value)]
		if !ok {
			b.errs.add(out.pos, "alias *%s: no anchor of this name before it", scalarText(n.Value))
			return out
		}
		return v
	case *ast.TagNode:
		return b.tagged(n, depth)
	default:
		b.errs.add(out.pos, "%s is not used in a data map", n.Type())
	}
	return out
}

// grow adds the child's values to the parent's, up to a number that is too many in any case.
func (n *node) grow(child *node) { n.size = min(n.size+child.size, math.MaxInt32) }

func scalarText(n ast.Node) string {
	if n == nil || n.GetToken() == nil {
		return ""
	}
	return n.GetToken().Value
}

func (b *builder) tagged(n *ast.TagNode, depth int) *node {
	v := b.build(n.Value, depth+1)
	switch tag := scalarText(n); tag {
	case "!!str":
		if v.kind != mappingNode && v.kind != listNode {
			s := *v // the value may be shared by an anchor
			s.kind = textNode
			return &s
		}
	case "!!int", "!!float", "!!bool", "!!null", "!!map", "!!seq", "!":
	default:
		b.errs.add(b.pos(n), "the tag %s is not used in a data map", tag)
	}
	return v
}

func (b *builder) mapping(out *node, values []*ast.MappingValueNode, depth int) {
	out.kind = mappingNode
	first := map[string]Pos{}
	var merged []pair
	for _, mv := range values {
		if mv.Key == nil || mv.Key.IsMergeKey() {
			merged = append(merged, b.merge(mv, depth)...)
			continue
		}
		key := b.key(mv.Key, depth)
		p := b.pos(mv.Key)
		if at, dup := first[key]; dup {
			b.errs.add(p, "the key %q is here twice, first at line %d", key, at.Line)
			continue
		}
		first[key] = p
		value := b.build(mv.Value, depth+1)
		if value.kind == nullNode { // the place of a value that is not there is the key's
			value = &node{pos: p, size: 1}
		}
		out.pairs = append(out.pairs, pair{key, p, value})
		out.grow(value)
	}
	for _, m := range merged { // what stands in the mapping itself wins, then what was merged first
		if _, dup := first[m.key]; !dup {
			first[m.key] = m.pos
			out.pairs = append(out.pairs, m)
			out.grow(m.value)
		}
	}
}

func (b *builder) key(k ast.MapKeyNode, depth int) string {
	var n ast.Node = k
	if mk, ok := k.(*ast.MappingKeyNode); ok {
		n = mk.Value
	}
	v := b.build(n, depth+1)
	if v.kind == mappingNode || v.kind == listNode {
		b.errs.add(v.pos, "%s cannot be a key here", v.kind)
	}
	return v.text
}

func (b *builder) merge(mv *ast.MappingValueNode, depth int) []pair {
	v := b.build(mv.Value, depth+1)
	from := []*node{v}
	if v.kind == listNode {
		from = v.items
	}
	var out []pair
	for _, m := range from {
		if m.kind != mappingNode {
			b.errs.add(b.pos(mv), "<< merges a mapping or a list of mappings, found %s", m.kind)
			continue
		}
		out = append(out, m.pairs...)
	}
	return out
}
