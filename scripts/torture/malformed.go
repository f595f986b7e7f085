package main

import (
	"fmt"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/event"
)

// malformed is a message of the intake that must be rejected.
type malformed struct {
	key   string
	value func(*event.Codec) ([]byte, error)
}

const badKey = "malformed-"

// spoilt draws one.
func (w *workload) spoilt() malformed {
	m := malformed{key: fmt.Sprintf("%s%d", badKey, w.bad)}
	a := w.request(dsr.Erasure, customer(w.company.seed, 999_999))
	r := a.SubjectRequest
	r.Identifiers, r.SealedIdentifiers, r.KeyID = nil, []byte("no ciphertext"), "none"
	noise := make([]byte, 40)
	for i := range noise {
		noise[i] = byte(w.rng.Uint32())
	}
	cut := w.rng.IntN(60)
	switch w.rng.IntN(7) {
	case 0:
		m.value = func(*event.Codec) ([]byte, error) { return noise, nil }
	case 1:
		m.value = func(*event.Codec) ([]byte, error) { return []byte{}, nil }
	case 2: // a frame of a schema that nobody knows
		m.value = func(*event.Codec) ([]byte, error) { return append([]byte{0xc3, 0x01}, noise...), nil }
	case 3:
		m.value = func(c *event.Codec) ([]byte, error) {
			b, err := c.EncodeSubjectRequest(r)
			return b[:min(len(b), 12+cut)], err
		}
	case 4:
		r.Capacity = "stranger"
		m.value = func(c *event.Codec) ([]byte, error) { return c.EncodeSubjectRequest(r) }
	case 5:
		r.SealedIdentifiers, r.Identifiers = nil, a.Identifiers
		m.value = func(c *event.Codec) ([]byte, error) { return c.EncodeSubjectRequest(r) }
	default:
		m.value = func(c *event.Codec) ([]byte, error) { return c.EncodeSubjectRequest(r) }
	}
	return m
}
