package config

import (
	"bytes"
	"errors"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// given is a value that the operator gave for a setting.
type given struct {
	raw
	at     place
	inFile bool // the value is the path of a file that holds the secret
}

// part is a part of the configuration under a name that the operator chose: a system, an establishment.
type part struct {
	section string // systems, establishments
	name    string
	at      place
}

// readFile takes in the settings of a YAML file.
func (l *loader) readFile(path string, data []byte) {
	// Keys that are there twice are let through here and reported below, all of them.
	file, err := parser.ParseBytes(bytes.TrimPrefix(data, []byte("\ufeff")), 0, parser.AllowDuplicateMapKey())
	if err != nil {
		at, message := place{source: path, line: 1, column: 1}, err.Error()
		var syntax yaml.Error
		if errors.As(err, &syntax) {
			message = syntax.GetMessage()
			if t := syntax.GetToken(); t != nil && t.Position != nil {
				at.line, at.column = t.Position.Line, t.Position.Column
			}
		}
		l.add(at, "", "%s", message)
		return
	}
	var documents []ast.Node
	for _, d := range file.Docs {
		if d.Body != nil && d.Body.Type() != ast.CommentType {
			documents = append(documents, d.Body)
		}
	}
	switch {
	case len(documents) == 0:
		return // nothing but comments: the environment says everything
	case len(documents) > 1:
		l.add(placeOf(path, documents[1]), "", "a second YAML document: a configuration is one")
	}
	pairs, ok := l.mapping(path, "", documents[0])
	if !ok {
		l.add(placeOf(path, documents[0]), "", "a configuration is a mapping of sections")
		return
	}
	l.walk(path, "", "", pairs)
}

// walk takes in one section. name is its full name, pattern that with * for the names that the operator chose.
func (l *loader) walk(path, name, pattern string, pairs []*ast.MappingValueNode) {
	for _, p := range pairs {
		key, at := p.Key.GetToken().Value, placeOf(path, p.Key)
		full, shape := join(name, key), join(pattern, key)
		if l.sections[join(pattern, "*")] {
			if !nameOK(key) {
				l.add(at, full, "is no name: letters, digits and . _ - after a letter or digit")
				continue
			}
			shape = join(pattern, "*")
			l.parts = append(l.parts, part{pattern, key, at})
		}
		switch secret, isFile := l.companion(shape); {
		case l.sections[shape]:
			inner, ok := l.mapping(path, full, p.Value)
			if !ok {
				l.add(placeOf(path, p.Value), full, "wants a mapping of settings")
				continue
			}
			l.walk(path, full, shape, inner)
		case l.known[shape]:
			l.give(full, given{raw: l.rawOf(path, full, p.Value), at: at})
		case isFile && l.known[secret]:
			l.give(strings.TrimSuffix(full, fileSuffix), given{raw: l.rawOf(path, full, p.Value), at: at, inFile: true})
		case name == "":
			l.add(at, full, "is no section; there are %s", strings.Join(l.names(""), ", "))
		default:
			l.add(at, full, "is no setting; %s has %s", name, strings.Join(l.names(pattern), ", "))
		}
	}
}

// give notes a value from the file, once for each setting.
func (l *loader) give(name string, g given) {
	if other, twice := l.given[name]; twice {
		l.add(g.at, name, "is given twice, here and at %s", other.at)
		return
	}
	l.given[name] = g
}

// names lists what a section may hold.
func (l *loader) names(pattern string) []string {
	var out []string
	for _, s := range l.settings {
		rest, ok := s.name, true
		if pattern != "" {
			rest, ok = strings.CutPrefix(s.name, pattern+".")
		}
		if !ok {
			continue
		}
		first, _, deeper := strings.Cut(rest, ".")
		if !slices.Contains(out, first) {
			out = append(out, first)
			if !deeper && s.secret() {
				out = append(out, first+fileSuffix)
			}
		}
	}
	return out
}

// mapping returns the pairs of a section; a section without a value is empty. Keys that are there twice are reported and left out.
func (l *loader) mapping(path, name string, n ast.Node) ([]*ast.MappingValueNode, bool) {
	var pairs []*ast.MappingValueNode
	switch n := n.(type) {
	case nil, *ast.NullNode:
		return nil, true
	case *ast.MappingNode:
		pairs = n.Values
	case *ast.MappingValueNode:
		pairs = []*ast.MappingValueNode{n}
	default:
		return nil, false
	}
	var out []*ast.MappingValueNode
	first := map[string]place{}
	for _, p := range pairs {
		at := placeOf(path, p.Key)
		if _, plain := p.Key.(*ast.StringNode); !plain || p.Key.IsMergeKey() {
			l.add(at, name, "has a key that is no plain text: merge keys, anchors and tags are not used in a configuration")
			continue
		}
		key := p.Key.GetToken().Value
		if before, twice := first[key]; twice {
			l.add(at, join(name, key), "is there twice, first in line %d", before.line)
			continue
		}
		first[key] = at
		out = append(out, p)
	}
	return out, true
}

// rawOf turns a YAML value into what settings read.
func (l *loader) rawOf(path, name string, n ast.Node) raw {
	base := filepath.Dir(path)
	switch n := n.(type) {
	case nil, *ast.NullNode:
		return raw{kind: null}
	case *ast.StringNode:
		return raw{text, n.Value, nil, base}
	case *ast.LiteralNode:
		return raw{text, n.Value.Value, nil, base}
	case *ast.BoolNode:
		return raw{boolean, n.Token.Value, nil, base}
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return raw{number, n.GetToken().Value, nil, base}
	case *ast.SequenceNode:
		out := raw{kind: list, base: base}
		for _, item := range n.Values {
			out.items = append(out.items, l.rawOf(path, name, item))
		}
		return out
	case *ast.MappingNode, *ast.MappingValueNode:
		return raw{kind: mapping}
	}
	l.add(placeOf(path, n), name, "is %s: anchors, aliases and tags are not used in a configuration", strings.ToLower(n.Type().String()))
	return raw{kind: unread}
}

func placeOf(path string, n ast.Node) place {
	at := place{source: path, line: 1, column: 1}
	switch m := n.(type) {
	case *ast.MappingNode:
		if !m.IsFlowStyle && len(m.Values) > 0 {
			n = m.Values[0].Key // the mapping's own token is the colon after its first key
		}
	case *ast.MappingValueNode:
		n = m.Key
	case nil:
		return at
	}
	if t := n.GetToken(); t != nil && t.Position != nil {
		at.line, at.column = t.Position.Line, t.Position.Column
	}
	return at
}

func join(section, name string) string {
	if section == "" {
		return name
	}
	return section + "." + name
}
