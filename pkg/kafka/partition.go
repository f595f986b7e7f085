package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// partition is one assigned partition, for one generation.
type partition struct {
	*generation
	topic string
	id    int
	log   *slog.Logger
	last  Mark // of the last message that was settled
}

// work reads the partition and has it worked until ctx, the time of the assignment, ends; it returns when the batch in hand
// is settled or given up.
func (p *partition) work(ctx context.Context, committed int64) {
	start, fromFirst, ok := p.position(ctx, committed)
	if !ok {
		return
	}
	p.last = start.Last
	if start.Offset != committed {
		// The group's offset is for people to see the lag; the handler's own is the one that counts.
		p.commits.settle(p.topic, p.id, start)
	}
	buffer := newBuffer(p.config.BufferBytes, start.Offset)
	var filler sync.WaitGroup
	filler.Go(func() { p.fill(ctx, buffer, start, fromFirst) })
	defer filler.Wait()
	for {
		messages, next, ok := buffer.take(ctx, p.config.MaxBatch, p.config.MaxBatchBytes, p.config.Linger)
		if !ok {
			return
		}
		if len(messages) == 0 {
			p.commits.settle(p.topic, p.id, Resume{next, p.last})
			continue
		}
		if !p.settle(ctx, Batch{Topic: p.topic, Partition: p.id, Messages: messages, Next: next, End: max(next, buffer.seen()), Ended: ctx.Done()}) {
			return
		}
	}
}

// position finds out where to begin. It asks until it knows, or the assignment ends, which a partition that must be halted waits for.
func (p *partition) position(ctx context.Context, committed int64) (start Resume, fromFirst, ok bool) {
	pause := newPause(p.config.RetryMin, p.config.RetryMax)
	for attempt := 1; ; attempt++ {
		start, fromFirst, err := p.positionOnce(ctx, committed)
		if err == nil {
			err = p.client.recognise(ctx, p.topic, p.id, start)
		}
		var gone *OffsetError
		switch {
		case err == nil:
			return start, fromFirst, true
		case errors.As(err, &gone):
			defer p.halt(ctx, gone)()
			<-ctx.Done()
			return start, false, false
		}
		err = p.client.diagnose(ctx, err)
		if ctx.Err() == nil && attempt == 1 {
			p.log.WarnContext(ctx, "where to begin is not known yet", "error", err.Error())
		}
		if pause.wait(ctx) != nil {
			return start, false, false
		}
	}
}

func (p *partition) positionOnce(ctx context.Context, committed int64) (start Resume, fromFirst bool, err error) {
	from, own := Resume{Offset: committed}, false
	if starter, ok := p.handler.(Starter); ok {
		at, ok, err := starter.Start(ctx, p.topic, p.id)
		if err != nil {
			return from, false, fmt.Errorf("ask the handler for the offset of %s/%d: %w", p.topic, p.id, err)
		}
		if ok {
			from, own = at, true
		}
	}
	if from.Offset >= 0 {
		if !own {
			from.Last, err = p.marks.of(ctx, p.topic, p.id, from.Offset)
		}
		return from, false, err
	}
	first, _, err := p.client.extent(ctx, p.topic, p.id)
	return Resume{Offset: first}, true, err
}

// halt says that nothing is read from the partition any more, until the function that it returns is called.
func (p *partition) halt(ctx context.Context, gone *OffsetError) (release func()) {
	then := "stop the group's members, set its offset by kafka-consumer-groups --reset-offsets, start them"
	if _, ok := p.handler.(Starter); ok {
		then = "set the offset in the store that the consumer starts from, restart it"
	}
	release = p.client.halted.add(Halt{Group: p.config.Group, Cause: *gone}) // first: who is told of it may look
	p.log.ErrorContext(ctx, "partition halted", "then", then, "offset", gone.Wanted, "first", gone.First, "end", gone.End, "error", gone.Error())
	if p.config.OnHalt != nil {
		p.config.OnHalt(gone)
	}
	return release
}

// fill reads ahead until the assignment ends or the partition is halted.
func (p *partition) fill(ctx context.Context, buffer *buffer, start Resume, fromFirst bool) {
	reader := p.client.reader(p.topic, p.id, start.Offset, p.config.MaxWait)
	pause := newPause(50*time.Millisecond, 2*time.Second)
	read := start.Last
	doubt := false // the topic was gone for a moment, or has another leader
	var last string
	for buffer.room(ctx) == nil {
		var page page
		var err error
		if doubt {
			err = p.client.recognise(ctx, p.topic, p.id, Resume{reader.offset, read})
			doubt = err != nil
		}
		if err == nil {
			page, err = reader.read(ctx)
		}
		var gone *OffsetError
		switch {
		case err == nil:
			p.client.reach.ok()
			if last != "" {
				last = ""
				p.log.InfoContext(ctx, "partition is read again")
			}
			pause.reset()
			fromFirst = false
			if n := len(page.messages); n > 0 {
				read = MarkOf(page.messages[n-1])
			}
			buffer.put(page)
			continue
		case ctx.Err() != nil:
			return
		case errors.As(err, &gone) && fromFirst && errors.Is(gone, ErrTrimmed):
			// Nothing was promised before the first message, and that has just moved.
			reader.offset = gone.First
			continue
		case errors.As(err, &gone):
			// What was read before is still worked; the assignment stays, so that no other member runs into the same.
			defer p.halt(ctx, gone)()
			<-ctx.Done()
			return
		}
		doubt = doubt || stale(err)
		err = p.client.diagnose(ctx, err)
		if text := err.Error(); judge(err) != away && text != last {
			last = text
			p.log.WarnContext(ctx, "partition cannot be read, trying again", "error", text)
		}
		if pause.wait(ctx) != nil {
			return
		}
	}
}

// settle has the batch worked until all of it is settled. It returns false when the assignment has ended before that, or the
// handler is stuck.
func (p *partition) settle(ctx context.Context, batch Batch) bool {
	pause := newPause(p.config.RetryMin, p.config.RetryMax)
	var last string
	for attempt := 1; ; attempt++ {
		begun := time.Now()
		settled, err := p.call(ctx, batch)
		var stuck *StuckError
		if errors.As(err, &stuck) {
			p.log.ErrorContext(ctx, "handler is stuck, leaving the group", "offset", stuck.Offset)
			p.stop(stuck)
			return false
		}
		settled = min(max(settled, 0), len(batch.Messages))
		p.client.meters.consumed(ctx, p.config.Group, batch, settled, time.Since(begun), err)
		if settled > 0 {
			p.last = MarkOf(batch.Messages[settled-1])
		}
		if settled == len(batch.Messages) {
			p.commits.settle(p.topic, p.id, Resume{batch.Next, p.last})
			if last != "" {
				p.log.InfoContext(ctx, "batch settled", "attempts", attempt)
			}
			return true
		}
		if settled > 0 {
			batch.Messages = batch.Messages[settled:]
			p.commits.settle(p.topic, p.id, Resume{batch.Messages[0].Offset, p.last})
			pause.reset()
		}
		if ctx.Err() != nil {
			return false
		}
		if err == nil && settled > 0 {
			continue
		}
		if err == nil {
			err = errors.New("the handler settled nothing and gave no error")
		}
		if text := err.Error(); text != last {
			last = text
			p.log.WarnContext(ctx, "batch not settled, trying again", "offset", batch.Messages[0].Offset, "messages", len(batch.Messages), "attempt", attempt, "error", text)
		}
		if pause.wait(ctx) != nil {
			return false
		}
	}
}
