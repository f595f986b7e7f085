package postgres

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"

	"github.com/lethe-dsr/lethe/services/coordinator/lifecycle"
	"github.com/lethe-dsr/lethe/services/coordinator/store/internal/rowset"
)

// What a transaction writes most of are texts that say nearly the same in each message: they go compressed. Frames live for milliseconds and are
// blocks of Snappy, which take a hundredth of the time that the database needs for what they save; records and archives stay for years and are
// frames of Zstandard (RFC 8878), so that two of a company with a few systems fit into a page. The first byte tells a packed value from a plain
// one, as builds before this one wrote them: frames and archives begin with a version, envelopes with a brace.
const (
	packedFrame    = 'S' // Snappy
	packedArchive  = 'Z' // Zstandard
	packedEnvelope = 'E' // Zstandard, of the payload's length, the payload decoded, and what stands behind it
)

// maxPacked bounds what is unpacked: a damaged length allocates nothing.
const maxPacked = 300 << 20

var errPacked = errors.New("a packed value is damaged")

// scratch holds the room that Snappy wants, which is more than it needs.
var scratch = sync.Pool{New: func() any { return new([]byte) }}

// packFrame compresses the messages of a row of the outbox.
func packFrame(b []byte) []byte {
	room := scratch.Get().(*[]byte)
	defer scratch.Put(room)
	if n := s2.MaxEncodedLen(len(b)); cap(*room) < n {
		*room = make([]byte, n)
	}
	block := s2.EncodeSnappy((*room)[:cap(*room)], b)
	out := make([]byte, 1+len(block))
	out[0] = packedFrame
	copy(out[1:], block)
	return out
}

// unpackFrame reads what packFrame wrote, and what stands there plain.
func unpackFrame(b []byte) ([]byte, error) {
	if len(b) == 0 || b[0] != packedFrame {
		return b, nil
	}
	if n, err := s2.DecodedLen(b[1:]); err != nil || n > maxPacked {
		return nil, errPacked
	}
	out, err := s2.Decode(nil, b[1:])
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errPacked, err)
	}
	return out, nil
}

// zstandard is made when it is first used: it takes some memory.
var zstandard = sync.OnceValues(func() (*zstd.Encoder, *zstd.Decoder) {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithLowerEncoderMem(true), zstd.WithEncoderCRC(false)) // a record has its hash
	if err != nil {
		panic(err) // the options are constants
	}
	d, err := zstd.NewReader(nil, zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(maxPacked))
	if err != nil {
		panic(err)
	}
	return e, d
})

func compressed(mark byte, b []byte) []byte {
	e, _ := zstandard()
	return e.EncodeAll(b, append(make([]byte, 0, 1+len(b)/2), mark))
}

func decompressed(b []byte) ([]byte, error) {
	_, d := zstandard()
	out, err := d.DecodeAll(b, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errPacked, err)
	}
	return out, nil
}

// packArchive compresses an archive.
func packArchive(b []byte) []byte { return compressed(packedArchive, b) }

// unpackArchive reads what packArchive wrote, and what stands there plain.
func unpackArchive(id lifecycle.ID, b []byte) (*lifecycle.Request, error) {
	if len(b) > 0 && b[0] == packedArchive {
		var err error
		if b, err = decompressed(b[1:]); err != nil {
			return nil, fmt.Errorf("archive of request %s: %w", id.RequestID, err)
		}
	}
	return rowset.DecodeArchive(id, b)
}

// payloadOf finds the payload of a DSSE envelope as `pkg/completion` writes it.
var payloadOf = []byte(`{"payload":"`)

// packEnvelope compresses an envelope with its payload decoded: base64 hides what repeats itself. One that would not come back as the same
// bytes stays as it is.
func packEnvelope(b []byte) []byte {
	text, tail := b, []byte(nil)
	if bytes.HasPrefix(b, payloadOf) {
		text, tail, _ = bytes.Cut(b[len(payloadOf):], []byte(`"`))
	}
	payload := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	n, err := base64.StdEncoding.Strict().Decode(payload, text)
	if err != nil || tail == nil || bytes.ContainsAny(text, "\r\n") { // which decoding passes over
		return b
	}
	whole := binary.AppendUvarint(make([]byte, 0, n+len(tail)+binary.MaxVarintLen64), uint64(n))
	whole = append(append(whole, payload[:n]...), tail...)
	return compressed(packedEnvelope, whole)
}

// unpackEnvelope reads what packEnvelope wrote, and what stands there plain.
func unpackEnvelope(b []byte) ([]byte, error) {
	if len(b) == 0 || b[0] != packedEnvelope {
		return b, nil
	}
	whole, err := decompressed(b[1:])
	if err != nil {
		return nil, err
	}
	n, size := binary.Uvarint(whole)
	if size <= 0 || n > uint64(len(whole)-size) {
		return nil, errPacked
	}
	payload, tail := whole[size:size+int(n)], whole[size+int(n):]
	out := make([]byte, 0, len(payloadOf)+base64.StdEncoding.EncodedLen(len(payload))+1+len(tail))
	out = append(out, payloadOf...)
	out = base64.StdEncoding.AppendEncode(out, payload)
	out = append(out, '"')
	return append(out, tail...), nil
}
