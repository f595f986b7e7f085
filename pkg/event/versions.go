package event

import (
	"fmt"

	"github.com/linkedin/goavro/v2"
)

// message is one schema. The code works with its newest version alone: what is to be written in another, or was read in
// another, goes through the schema resolution, in goavro's native form.
type message struct {
	name      string
	newest    *version
	written   *version
	downgrade conversion // from the newest version to the written one; nil where they are the same
	writers   writers
}

type version struct {
	message     string
	number      int
	node        *schemaNode
	avro        *goavro.Codec
	fingerprint uint64
	upgrade     conversion // to the newest version; nil where a value is the same in both
}

func newMessage(name string, newest *version) *message {
	return &message{name: name, newest: newest, written: newest, writers: writers{record: newest.node}}
}

// writeAs makes version n the one that is written.
func (m *message) writeAs(versions []*version, n int) (err error) {
	if n < 1 || n > len(versions) {
		return fmt.Errorf("there is no version %d to write, the newest is %d", n, len(versions))
	}
	if m.written = versions[n-1]; m.written == m.newest {
		return nil
	}
	if m.downgrade, err = resolve(m.newest.node, m.written.node); err != nil {
		return fmt.Errorf("v%d cannot be written as v%d: %w", m.newest.number, n, err)
	}
	return nil
}

func newVersions(name string, texts [][]byte) ([]*version, error) {
	var versions []*version
	for i, text := range texts {
		v, err := newVersion(name, i+1, text)
		if err != nil {
			return nil, fmt.Errorf("v%d: %w", i+1, err)
		}
		versions = append(versions, v)
	}
	if len(versions) == 0 {
		return nil, fmt.Errorf("there is no version")
	}
	newest := versions[len(versions)-1]
	for _, v := range versions[:len(versions)-1] {
		var err error
		if v.upgrade, err = resolve(v.node, newest.node); err != nil {
			return nil, fmt.Errorf("v%d cannot be read as v%d: %w", v.number, newest.number, err)
		}
	}
	return versions, nil
}

func newVersion(name string, number int, text []byte) (*version, error) {
	node, err := parseSchema(text)
	if err != nil {
		return nil, err
	}
	avro, err := newWireCodec(text)
	if err != nil {
		return nil, err
	}
	fp, err := fingerprint(text)
	if err != nil {
		return nil, err
	}
	return &version{message: name, number: number, node: node, avro: avro, fingerprint: fp}, nil
}

// read has goavro read a body, once the scanner has passed it, and resolves what it is to the newest version. goavro's own
// errors are not passed on: they may quote a value.
func (v *version) read(body []byte) (any, error) {
	if err := scan(v.node, body); err != nil {
		return nil, malformed(v.message, err)
	}
	native, rest, err := v.avro.NativeFromBinary(body)
	if err != nil || len(rest) > 0 {
		return nil, &MalformedError{Schema: v.message, Reason: "not a value of its schema"}
	}
	if v.upgrade != nil {
		var bad *scanError
		if native, bad = v.upgrade(native); bad != nil {
			return nil, malformed(v.message, bad)
		}
	}
	return native, nil
}

// write has goavro append a value in its native form.
func (v *version) write(buf []byte, native any) ([]byte, error) {
	b, err := v.avro.BinaryFromNative(buf, native)
	if err != nil {
		return nil, &MalformedError{Schema: v.message, Reason: "not a value of its schema"}
	}
	return b, nil
}
