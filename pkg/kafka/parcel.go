package kafka

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/produce"
)

// parcel is what one request takes to one broker: a batch of each of some lanes. A request costs what it costs, for broker and client,
// and a Send of twenty messages has as many partitions: they go together. A lane is in one parcel at a time.
type parcel []shipment

type shipment struct {
	lane  *lane
	batch []entry
}

// parcelBytes is from which size on a batch goes alone, so that large ones are compressed side by side.
const parcelBytes = 256 << 10

// pack takes what waits in lanes that have nothing under way; those where nothing waits are idle afterwards. The lock is held.
func (p *Producer) pack(lanes []*lane) []parcel {
	slices.SortFunc(lanes, func(a, b *lane) int {
		return cmp.Or(cmp.Compare(a.leader, b.leader), cmp.Compare(a.topic, b.topic), cmp.Compare(a.partition, b.partition))
	})
	var parcels []parcel
	var size int
	for _, l := range lanes {
		batch, bytes := l.take()
		if l.busy = len(batch) > 0; !l.busy {
			continue
		}
		last := len(parcels) - 1
		if last < 0 || l.leader < 0 || parcels[last][0].lane.leader != l.leader || size+bytes > parcelBytes {
			parcels, size = append(parcels, nil), 0
			last++
		}
		parcels[last] = append(parcels[last], shipment{l, batch})
		size += bytes
	}
	return parcels
}

// ship sends each parcel, and then what has gathered in its lanes meanwhile, until nothing is left.
func (p *Producer) ship(parcels []parcel) {
	for len(parcels) > 0 {
		for _, other := range parcels[1:] {
			p.lanes.Go(func() { p.ship([]parcel{other}) })
		}
		idle := p.deliver(parcels[0])
		p.mu.Lock()
		parcels = p.pack(idle)
		p.mu.Unlock()
	}
}

// deliver makes one request and returns the lanes that have nothing under way after it. A lane whose batch was not taken tries again
// on its own: what is wrong with it is not the others' business.
func (p *Producer) deliver(all parcel) (idle []*lane) {
	live := all[:0:0]
	for _, s := range all {
		if s.batch = alive(s.batch); len(s.batch) > 0 {
			live = append(live, s)
		} else {
			idle = append(idle, s.lane)
		}
	}
	if len(live) == 0 {
		return idle
	}
	answers, err := p.produce(live)
	for _, s := range live {
		a, ok := answers[partitionKey{s.lane.topic, s.lane.partition}]
		if err != nil || !ok || a.ErrorCode != 0 {
			p.lanes.Go(func() {
				s.lane.insist(s.batch)
				p.mu.Lock()
				more := p.pack([]*lane{s.lane})
				p.mu.Unlock()
				p.ship(more)
			})
			continue
		}
		p.client.reach.ok()
		settle(s.batch, nil)
		idle = append(idle, s.lane)
	}
	return idle
}

// produce makes one request to the broker that leads all of the partitions and returns its answer for each.
func (p *Producer) produce(all parcel) (map[partitionKey]*produce.ResponsePartition, error) {
	ctx, cancel := context.WithTimeout(p.ctx, requestTimeout)
	defer cancel()
	request := &produce.Request{
		Acks:    int16(kafkago.RequireAll),
		Timeout: int32((requestTimeout / 2).Milliseconds()), // half is the broker's, to gather acknowledgements
	}
	for i, s := range all {
		if i == 0 || all[i-1].lane.topic != s.lane.topic {
			request.Topics = append(request.Topics, produce.RequestTopic{Topic: s.lane.topic})
		}
		t := &request.Topics[len(request.Topics)-1]
		t.Partitions = append(t.Partitions, produce.RequestPartition{
			Partition: int32(s.lane.partition),
			RecordSet: protocol.RecordSet{Attributes: protocol.Attributes(kafkago.Lz4), Records: &batchReader{batch: s.batch}},
		})
	}
	response, err := p.client.transport.RoundTrip(ctx, p.client.addr, request)
	if err != nil {
		return nil, err
	}
	answer, ok := response.(*produce.Response)
	if !ok {
		return nil, fmt.Errorf("the broker answered %T", response)
	}
	out := make(map[partitionKey]*produce.ResponsePartition, len(all))
	for i := range answer.Topics {
		t := &answer.Topics[i]
		for j := range t.Partitions {
			out[partitionKey{t.Topic, int(t.Partitions[j].Partition)}] = &t.Partitions[j]
		}
	}
	return out, nil
}
