package kafka

import (
	"io"
	"sync"

	"github.com/pierrec/lz4/v4"
	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/compress"
	kafkalz4 "github.com/segmentio/kafka-go/compress/lz4"
)

// lz4Codec writes blocks of 64 KiB, as Kafka's own clients do. The blocks of kafka-go's codec are of 4 MiB: whoever writes or reads a batch of
// one small message takes a buffer of that size, and a collection of garbage takes those that are kept.
type lz4Codec struct{ kafkalz4.Codec }

//nolint:gochecknoinits // the table is kafka-go's only place for codecs, and is read without a lock
func init() { compress.Codecs[kafkago.Lz4] = &lz4Codec{} }

var lz4Writers = sync.Pool{New: func() any {
	w := lz4.NewWriter(nil)
	if err := w.Apply(lz4.BlockSizeOption(lz4.Block64Kb)); err != nil {
		panic(err) // a programmer's error: the option is a constant
	}
	return w
}}

// NewWriter implements [compress.Codec].
func (*lz4Codec) NewWriter(w io.Writer) io.WriteCloser {
	z := lz4Writers.Get().(*lz4.Writer)
	z.Reset(w)
	return &lz4Writer{z}
}

type lz4Writer struct{ *lz4.Writer }

// Close ends the frame and gives the writer back.
func (w *lz4Writer) Close() error {
	z := w.Writer
	if z == nil {
		return nil
	}
	w.Writer = nil
	err := z.Close()
	z.Reset(nil)
	lz4Writers.Put(z)
	return err
}
