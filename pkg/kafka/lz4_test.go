package kafka

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"strings"
	"testing"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/compress"
)

// Earlier builds, and others who use kafka-go, write blocks of 4 MiB.
func TestLz4_reads_what_kafka_go_writes(t *testing.T) {
	want := []byte(strings.Repeat("a message ", 500_000))
	var b bytes.Buffer
	w := compress.Lz4Codec.NewWriter(&b)
	if _, err := w.Write(want); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if frame := b.Bytes(); frame[5]>>4&7 != 7 {
		t.Errorf("kafka-go's frame begins with % x: is lz4.go still needed?", frame[:7])
	}
	r := kafkago.Lz4.Codec().NewReader(&b)
	got, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil || !bytes.Equal(got, want) {
		t.Errorf("read %d bytes of %d, %v", len(got), len(want), err)
	}
}

func TestLz4_writes_small_blocks_that_kafka_go_reads(t *testing.T) {
	codec := kafkago.Lz4.Codec()
	noise := make([]byte, 300<<10) // of several blocks, and incompressible
	if _, err := rand.Read(noise); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]byte{"one small message": []byte("a message"), "nothing": nil, "compressible": []byte(strings.Repeat("a message ", 50_000)), "noise": noise} {
		for range 2 { // the second time with the same writer
			var b bytes.Buffer
			w := codec.NewWriter(&b)
			if _, err := w.Write(want); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			// Magic number, flags, and the largest size of a block: 4 stands for 64 KiB.
			if frame := b.Bytes(); len(frame) < 6 || frame[5]>>4&7 != 4 {
				t.Errorf("%s: the frame begins with % x", name, frame[:min(7, len(frame))])
			}
			r := codec.NewReader(&b)
			got, err := io.ReadAll(r)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s: read %d bytes of %d, %v", name, len(got), len(want), err)
			}
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}
