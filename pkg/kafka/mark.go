package kafka

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Mark recognises a message by where it stood and a sum over what it was. A topic that was deleted, made anew and has grown past an
// old offset holds another message there; nothing else tells. The zero Mark recognises nothing.
type Mark struct {
	Offset int64
	Sum    uint64
}

// MarkOf returns the mark of a message that was read.
func MarkOf(m Message) Mark {
	h := sha256.New()
	var n [8]byte
	for _, part := range [][]byte{m.Key, m.Value} {
		binary.BigEndian.PutUint64(n[:], uint64(len(part)))
		h.Write(n[:])
		h.Write(part)
	}
	binary.BigEndian.PutUint64(n[:], uint64(m.Time.UnixMilli()))
	h.Write(n[:])
	return Mark{Offset: m.Offset, Sum: max(1, binary.BigEndian.Uint64(h.Sum(nil)))}
}

// String is how a mark is kept beside an offset: empty for the zero Mark.
func (m Mark) String() string {
	if m == (Mark{}) {
		return ""
	}
	return fmt.Sprintf("%s%d/%016x", markForm, m.Offset, m.Sum)
}

const markForm = "lethe:1:"

// ParseMark reads what [Mark.String] wrote. Anything else is the zero Mark: what other programs keep beside an offset is theirs.
func ParseMark(s string) Mark {
	var m Mark
	text, ours := strings.CutPrefix(s, markForm)
	if n, err := fmt.Sscanf(text, "%d/%016x", &m.Offset, &m.Sum); !ours || err != nil || n != 2 || m.String() != s {
		return Mark{}
	}
	return m
}

// Resume is where a consumer goes on in a partition.
type Resume struct {
	Offset int64 // read next; a negative one is the first message that there is
	Last   Mark  // of the last message that was settled; the zero Mark where that is not known
}

// recognise returns an [OffsetError] when the partition holds another message in the place of the last one that was settled. What
// retention has removed, and what cannot be seen any more, it takes on trust.
func (c *Client) recognise(ctx context.Context, topic string, partition int, from Resume) error {
	if from.Last == (Mark{}) {
		return nil
	}
	first, end, err := c.extent(ctx, topic, partition)
	if err != nil {
		return err
	}
	if from.Last.Offset < first || from.Last.Offset >= end {
		return nil // what comes next is gone as well, and that is found by reading it
	}
	reader := c.reader(topic, partition, from.Last.Offset, recogniseWait)
	page, err := reader.read(ctx)
	var gone *OffsetError
	if errors.As(err, &gone) { // trimmed in between
		return nil
	}
	if err != nil {
		return err
	}
	if len(page.messages) == 0 && page.next <= from.Last.Offset {
		return fmt.Errorf("read %s/%d@%d: the broker gave no message", topic, partition, from.Last.Offset)
	}
	if len(page.messages) == 0 || page.messages[0].Offset != from.Last.Offset { // compaction removed it, or a transaction hides it
		return nil
	}
	if MarkOf(page.messages[0]) != from.Last {
		return &OffsetError{Topic: topic, Partition: partition, Wanted: from.Offset, First: first, End: end, Replaced: true}
	}
	return nil
}

const recogniseWait = 500 * time.Millisecond
