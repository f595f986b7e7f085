package kafka

import (
	"math/bits"
	"time"
)

// Message is one record. Its slices must not be changed while it is being sent, nor for a while after a Send that was cut
// short by its context.
type Message struct {
	Topic string
	// Key chooses the partition (murmur2, as the Java client does). Nil: any partition.
	Key []byte
	// Value is nil for a tombstone.
	Value   []byte
	Headers []Header
	// Time is the moment of creation; the zero time stands for the moment of sending.
	Time time.Time

	// Partition and Offset are set on messages that were read, and ignored on those to be sent.
	Partition int
	Offset    int64
}

// Header is one header of a message. The same key may occur more than once.
type Header struct {
	Key   string
	Value []byte
}

// HeaderCarrier carries a trace context in a message's headers; it is a TextMapCarrier of go.opentelemetry.io/otel/propagation.
type HeaderCarrier struct{ Headers *[]Header }

// Get returns the value of the first header with the key, or "".
func (c HeaderCarrier) Get(key string) string {
	for _, header := range *c.Headers {
		if header.Key == key {
			return string(header.Value)
		}
	}
	return ""
}

// Set replaces every header with the key by one.
func (c HeaderCarrier) Set(key, value string) {
	kept := make([]Header, 0, len(*c.Headers)+1)
	for _, header := range *c.Headers {
		if header.Key != key {
			kept = append(kept, header)
		}
	}
	*c.Headers = append(kept, Header{Key: key, Value: []byte(value)})
}

// Keys lists the keys of all headers.
func (c HeaderCarrier) Keys() []string {
	keys := make([]string, 0, len(*c.Headers))
	for _, header := range *c.Headers {
		keys = append(keys, header.Key)
	}
	return keys
}

// batchOverhead is the size of an empty record batch, magic 2 (KIP-98).
const batchOverhead = 61

// recordSize is the size of the message as the first record of a batch, uncompressed.
func (m *Message) recordSize() int {
	n := 1 + 1 + 1 // attributes, timestamp delta, offset delta
	n += sizeOfBytes(m.Key) + sizeOfBytes(m.Value) + sizeOfVarint(len(m.Headers))
	for _, header := range m.Headers {
		n += sizeOfVarint(len(header.Key)) + len(header.Key) + sizeOfBytes(header.Value)
	}
	return sizeOfVarint(n) + n
}

// memory is about what the message occupies while it waits: its bytes and the structures around them.
func (m *Message) memory() int {
	n := 160 + len(m.Key) + len(m.Value)
	for _, header := range m.Headers {
		n += 40 + len(header.Key) + len(header.Value)
	}
	return n
}

func sizeOfBytes(b []byte) int {
	if b == nil {
		return 1
	}
	return sizeOfVarint(len(b)) + len(b)
}

// sizeOfVarint is the length of n as a zigzag varint; n is not negative.
func sizeOfVarint(n int) int { return (bits.Len64(uint64(n)<<1|1) + 6) / 7 }
