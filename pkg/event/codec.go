package event

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"

	"github.com/lethe-dsr/lethe/schemas"
)

// The frame of Avro's single-object encoding: a marker, the CRC-64-AVRO fingerprint of the writer's schema, little-endian.
const (
	marker0, marker1 = 0xC3, 0x01
	headerBytes      = 10
)

// Config says how a [Codec] writes. What it reads is not a matter of configuration: every released version.
type Config struct {
	// WriteVersion is the version written of a schema, by its name in package schemas; the newest where it is missing. An
	// upgrade goes readers first: run the new build everywhere with the old version here, then raise it.
	WriteVersion map[string]int
	// WriterSchemas are schemas that this build does not hold, by the name of theirs that it does: a newer build's, say, where
	// a reader cannot be upgraded before its writers. What they have that this build does not know is dropped.
	WriterSchemas map[string][][]byte
}

// Codec encodes and decodes the messages. It is immutable and safe for concurrent use.
type Codec struct {
	messages      map[string]*message
	byFingerprint map[uint64]*version
	identifiers   *message // of a bare array
}

// NewCodec returns a codec that writes the newest versions.
func NewCodec() (*Codec, error) { return NewCodecFor(Config{}) }

// NewCodecFor returns a codec that writes the versions of cfg. It fails for a version that does not exist, and where the
// embedded schemas contradict each other.
func NewCodecFor(cfg Config) (*Codec, error) {
	histories := map[string][][]byte{}
	for _, name := range append(schemas.Messages(), schemas.Identifiers) {
		texts, err := schemas.History(name)
		if err != nil {
			return nil, fmt.Errorf("new codec: %w", err)
		}
		histories[name] = texts
	}
	return newCodec(histories, cfg)
}

func newCodec(histories map[string][][]byte, cfg Config) (*Codec, error) {
	c := &Codec{messages: map[string]*message{}, byFingerprint: map[uint64]*version{}}
	for name, texts := range histories {
		if err := c.add(name, texts, cfg); err != nil {
			return nil, fmt.Errorf("new codec: schema %s: %w", name, err)
		}
	}
	for _, name := range slices.Concat(slices.Collect(maps.Keys(cfg.WriteVersion)), slices.Collect(maps.Keys(cfg.WriterSchemas))) {
		if c.messages[name] == nil {
			return nil, fmt.Errorf("new codec: there is no message %q to configure", name)
		}
	}
	return c, nil
}

// add takes in one schema with its versions, oldest first.
func (c *Codec) add(name string, texts [][]byte, cfg Config) error {
	versions, err := newVersions(name, texts)
	if err != nil {
		return err
	}
	newest := versions[len(versions)-1]
	if name == schemas.Identifiers {
		c.identifiers = newMessage(name, newest)
		c.identifiers.writers.record = newest.node.items
		return nil
	}
	for _, v := range versions {
		if other, taken := c.byFingerprint[v.fingerprint]; taken {
			return fmt.Errorf("v%d has the fingerprint of %s v%d", v.number, other.message, other.number)
		}
		c.byFingerprint[v.fingerprint] = v
	}
	for i, text := range cfg.WriterSchemas[name] {
		v, err := newVersion(name, 0, text)
		if err != nil {
			return fmt.Errorf("writer's schema %d: %w", i+1, err)
		}
		if _, held := c.byFingerprint[v.fingerprint]; held { // this build has caught up
			continue
		}
		if v.upgrade, err = resolve(v.node, newest.node); err != nil {
			return fmt.Errorf("writer's schema %d cannot be read: %w", i+1, err)
		}
		c.byFingerprint[v.fingerprint] = v
	}
	m := newMessage(name, newest)
	c.messages[name] = m
	if n, ok := cfg.WriteVersion[name]; ok {
		return m.writeAs(versions, n)
	}
	return nil
}

// write frames what was filled in, in the version that is to be written, and takes the writer back.
func (m *message) write(w *writer) ([]byte, error) {
	defer m.writers.done(w)
	if w.err != nil {
		return nil, malformed(m.name, w.err)
	}
	w.finish()
	native := any(w.form.record)
	if m.downgrade != nil {
		var bad *scanError
		if native, bad = m.downgrade(native); bad != nil {
			return nil, malformed(m.name, bad)
		}
	}
	b := append(make([]byte, 0, headerBytes+w.room), marker0, marker1)
	return m.written.write(binary.LittleEndian.AppendUint64(b, m.written.fingerprint), native)
}

// open reads a framed message of any version as one of the newest.
func (c *Codec) open(name string, b []byte) (reader, error) {
	v, err := c.version(b)
	if err != nil {
		return reader{}, err
	}
	if v.message != name {
		return reader{}, &MalformedError{Schema: name, Reason: "its schema is " + v.message}
	}
	native, err := v.read(b[headerBytes:])
	if err != nil {
		return reader{}, err
	}
	return newReader(native), nil
}

// close says what was wrong with the content of what was read.
func (r *reader) close(name string) error {
	if r.err != nil {
		return malformed(name, r.err)
	}
	return nil
}

// version reads the frame.
func (c *Codec) version(b []byte) (*version, error) {
	switch {
	case len(b) == 0:
		return nil, &MalformedError{Reason: "empty"}
	case b[0] == 0x00 && len(b) >= 5:
		return nil, &MalformedError{Reason: "in Confluent framing, and no schema registry is configured"}
	case len(b) < headerBytes || b[0] != marker0 || b[1] != marker1:
		return nil, &MalformedError{Reason: "not in Avro single-object encoding"}
	}
	fp := binary.LittleEndian.Uint64(b[2:])
	v, ok := c.byFingerprint[fp]
	if !ok {
		return nil, &UnknownSchemaError{Fingerprint: fp}
	}
	return v, nil
}

// Identify names the schema and version of a framed message without decoding it; the version is 0 for one of
// [Config.WriterSchemas]. The errors are those of decoding.
func (c *Codec) Identify(b []byte) (schema string, number int, err error) {
	v, err := c.version(b)
	if err != nil {
		return "", 0, err
	}
	return v.message, v.number, nil
}

func malformed(schema string, err *scanError) error {
	return &MalformedError{Schema: schema, Field: err.path, Reason: err.reason}
}
