package event

import (
	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// EncodeIdentifiers gives the plaintext of what is sealed: a bare Avro array of identifiers, without any header. Its schema
// can therefore never change.
func (c *Codec) EncodeIdentifiers(ids []dsr.Identifier) ([]byte, error) {
	m := c.identifiers
	if len(ids) > maxItems {
		return nil, &MalformedError{Schema: m.name, Reason: tooMany}
	}
	w := m.writers.array(len(ids))
	defer m.writers.done(w)
	for _, id := range ids {
		w.item()
		writeIdentifier(w, id)
	}
	w.finish()
	if w.err != nil {
		return nil, malformed(m.name, w.err)
	}
	return m.newest.write(make([]byte, 0, w.room), w.root.values)
}

// DecodeIdentifiers reads what EncodeIdentifiers wrote. It does not normalise.
func (c *Codec) DecodeIdentifiers(b []byte) ([]dsr.Identifier, error) {
	native, err := c.identifiers.newest.read(b)
	if err != nil {
		return nil, err
	}
	items, _ := native.([]any)
	r := newReader(nil)
	return readIdentifiers(&r, r.list("", items)), nil
}

func writeIdentifiers(w *writer, ids []dsr.Identifier) {
	if !w.array("identifiers", len(ids)) {
		return
	}
	for _, id := range ids {
		w.item()
		writeIdentifier(w, id)
	}
	w.end()
}

func writeIdentifier(w *writer, id dsr.Identifier) {
	w.clear = true
	w.any("kind", id.Kind)
	w.any("value", id.Value)
}

// readIdentifiers reads the n items of an array that was gone into.
func readIdentifiers(r *reader, n int) []dsr.Identifier {
	if n == 0 {
		return nil
	}
	ids := make([]dsr.Identifier, 0, n)
	for r.more() {
		ids = append(ids, dsr.Identifier{Kind: r.must("kind"), Value: r.must("value")})
	}
	return ids
}
