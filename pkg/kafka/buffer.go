package kafka

import (
	"context"
	"slices"
	"sync"
	"time"
)

// buffer holds what was read of one partition and not worked yet. One goroutine fills it and one takes from it.
type buffer struct {
	limit   int           // bytes from which on there is no room
	filled  chan struct{} // something was put
	drained chan struct{} // something was taken

	mu       sync.Mutex
	messages []Message
	bytes    int
	next     int64 // the offset after everything that was put
	taken    int64 // the offset after everything that was taken
	end      int64 // the offset after everything that the partition was seen to hold
}

func newBuffer(limit int, start int64) *buffer {
	return &buffer{limit: limit, filled: make(chan struct{}, 1), drained: make(chan struct{}, 1), next: start, taken: start}
}

// room waits until there is room for another page.
func (b *buffer) room(ctx context.Context) error {
	for {
		b.mu.Lock()
		room := b.bytes < b.limit
		b.mu.Unlock()
		if room {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-b.drained:
		}
	}
}

func (b *buffer) put(p page) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.end = p.end
	if p.next == b.next {
		return
	}
	b.messages = append(b.messages, p.messages...)
	for i := range p.messages {
		b.bytes += p.messages[i].memory()
	}
	b.next = p.next
	signal(b.filled)
}

// take waits for messages and returns up to maxCount of them and about maxBytes, at least one, and the offset after them. It
// may return none and a higher offset: there was nothing to work in between. Not ok: ctx has ended.
func (b *buffer) take(ctx context.Context, maxCount, maxBytes int, linger time.Duration) (messages []Message, next int64, ok bool) {
	var timer <-chan time.Time
	for ctx.Err() == nil {
		b.mu.Lock()
		some := b.next > b.taken
		enough := len(b.messages) == 0 || len(b.messages) >= maxCount || b.bytes >= maxBytes || linger <= 0
		b.mu.Unlock()
		if some && enough {
			messages, next = b.pop(maxCount, maxBytes)
			return messages, next, true
		}
		if some && timer == nil {
			timer = time.After(linger)
		}
		select {
		case <-ctx.Done():
		case <-b.filled:
		case <-timer:
			linger = 0
		}
	}
	return nil, 0, false
}

// seen is the offset after everything that the partition was seen to hold.
func (b *buffer) seen() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.end
}

func (b *buffer) pop(maxCount, maxBytes int) (messages []Message, next int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n, bytes := 0, 0
	for n < len(b.messages) && n < maxCount {
		size := b.messages[n].memory()
		if n > 0 && bytes+size > maxBytes {
			break
		}
		n, bytes = n+1, bytes+size
	}
	messages = slices.Clone(b.messages[:n])
	clear(b.messages[:n]) // so that the worked ones can go
	b.messages = b.messages[n:]
	b.bytes -= bytes
	b.taken = b.next
	if len(b.messages) > 0 {
		b.taken = b.messages[0].Offset
	}
	signal(b.drained)
	return messages, b.taken
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
