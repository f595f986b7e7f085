package rowset

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/services/coordinator/lifecycle"
	"github.com/lethe-dsr/lethe/services/coordinator/store"
)

// maxFrame is where the messages of one shard are split into another row: a relay holds whole rows in memory.
const maxFrame = 900 << 10

// frameVersion stands first in every frame, so that a later form can be told from this one.
const frameVersion = 1

// OutboxRow is the row of one shard's messages from one transaction.
type OutboxRow struct {
	Shard int
	Body  []byte // see [EncodeFrame]
}

// frame groups messages by shard, in order, into rows of at most about [maxFrame] bytes; a larger message has a row of its own.
func frame(ms []store.Message) ([]OutboxRow, error) {
	byShard := map[int][]byte{}
	var rows []OutboxRow
	for i := range ms {
		m := &ms[i]
		if m.Shard < 0 || m.Shard > 1<<15-1 {
			return nil, fmt.Errorf("save: shard %d is out of range", m.Shard)
		}
		if err := checkText("topic", m.Topic, maxKey); err != nil {
			return nil, bad(keyed(m), err)
		}
		if n := messageSize(m); n > maxBlob {
			return nil, bad(keyed(m), fmt.Errorf("a message is %d bytes long, at most %d are stored", n, maxBlob))
		}
		body := byShard[m.Shard]
		if len(body) > 1 && len(body)+messageSize(m) > maxFrame {
			rows = append(rows, OutboxRow{m.Shard, body})
			body = nil
		}
		if body == nil {
			body = []byte{frameVersion}
		}
		byShard[m.Shard] = appendMessage(body, m)
	}
	for shard, body := range byShard {
		rows = append(rows, OutboxRow{shard, body})
	}
	// Stable: the rows of one shard stay in the order of their messages.
	slices.SortStableFunc(rows, func(a, b OutboxRow) int { return a.Shard - b.Shard })
	return rows, nil
}

// keyed tells which request a message is about: its key is the request id, as on every topic.
func keyed(m *store.Message) lifecycle.ID {
	if _, err := UUID(dsr.RequestID(m.Key)); err != nil {
		return lifecycle.ID{}
	}
	return lifecycle.ID{RequestID: dsr.RequestID(m.Key)}
}

func messageSize(m *store.Message) int {
	n := len(m.Topic) + len(m.Key) + len(m.Value) + 16
	for _, h := range m.Headers {
		n += len(h.Key) + len(h.Value) + 8
	}
	return n
}

// EncodeFrame writes the messages of one shard as one value: a version byte, then for each message its topic, key, value and
// headers, every part after its length. A length of bytes is one more than it is, 0 for nil: a nil value is a tombstone on a
// compacted topic and must stay one.
func EncodeFrame(ms []store.Message) []byte {
	b := []byte{frameVersion}
	for i := range ms {
		b = appendMessage(b, &ms[i])
	}
	return b
}

func appendMessage(b []byte, m *store.Message) []byte {
	b = binary.AppendUvarint(b, uint64(len(m.Topic)))
	b = append(b, m.Topic...)
	b = appendBytes(b, m.Key)
	b = appendBytes(b, m.Value)
	b = binary.AppendUvarint(b, uint64(len(m.Headers)))
	for _, h := range m.Headers {
		b = binary.AppendUvarint(b, uint64(len(h.Key)))
		b = append(b, h.Key...)
		b = appendBytes(b, h.Value)
	}
	return b
}

func appendBytes(b, v []byte) []byte {
	if v == nil {
		return append(b, 0)
	}
	b = binary.AppendUvarint(b, uint64(len(v))+1)
	return append(b, v...)
}

var errFrame = errors.New("outbox row is damaged")

// DecodeFrame reads what [EncodeFrame] wrote. The messages share body's memory.
func DecodeFrame(shard int, body []byte) ([]store.Message, error) {
	if len(body) == 0 {
		return nil, errFrame
	}
	if body[0] != frameVersion {
		return nil, fmt.Errorf("outbox row is of version %d, this build reads %d: it was written by a newer one", body[0], frameVersion)
	}
	d := decoder{rest: body[1:]}
	var ms []store.Message
	for len(d.rest) > 0 {
		m := store.Message{Shard: shard, Topic: string(d.take(d.length())), Key: d.bytes(), Value: d.bytes()}
		headers := d.length()
		if headers > len(d.rest)/2 { // each takes two bytes at least: a damaged count allocates nothing
			return nil, errFrame
		}
		if headers > 0 {
			m.Headers = make([]store.Header, headers)
		}
		for i := range m.Headers {
			m.Headers[i] = store.Header{Key: string(d.take(d.length())), Value: d.bytes()}
		}
		if d.damaged {
			return nil, errFrame
		}
		ms = append(ms, m)
	}
	return ms, nil
}

// decoder reads a frame; after the first mistake it returns nothing more.
type decoder struct {
	rest    []byte
	damaged bool
}

func (d *decoder) length() int {
	n, size := binary.Uvarint(d.rest)
	if size <= 0 || n > uint64(len(d.rest))+1 {
		d.damaged, d.rest = true, nil
		return 0
	}
	d.rest = d.rest[size:]
	return int(n)
}

func (d *decoder) take(n int) []byte {
	if n > len(d.rest) {
		d.damaged, d.rest = true, nil
		return nil
	}
	out := d.rest[:n:n]
	d.rest = d.rest[n:]
	return out
}

func (d *decoder) bytes() []byte {
	n := d.length()
	if n == 0 {
		return nil
	}
	return d.take(n - 1)
}
