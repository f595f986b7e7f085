package coordinator

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/kafka"
)

// TestRequestsGiveWayToAcknowledgements, and are not kept waiting for ever.
func TestRequestsGiveWayToAcknowledgements(t *testing.T) {
	const most = 100
	lie := func(u *unread, partition int, n int64) {
		u.note([]kafka.Batch{{Partition: partition, Next: 1000, End: 1000 + n}})
	}
	took := func(t *testing.T, u *unread, want time.Duration, relieved bool) {
		t.Helper()
		began := time.Now()
		if got, err := u.wait(t.Context(), most, nil); got != relieved || err != nil {
			t.Errorf("relieved: %t (%v), want %t", got, err, relieved)
		}
		if got := time.Since(began); got != want {
			t.Errorf("it waited for %s, want %s", got, want)
		}
	}
	for name, test := range map[string]func(*testing.T, *unread){
		"few_lie_unread": func(t *testing.T, u *unread) {
			lie(u, 0, 60)
			lie(u, 1, 40)
			took(t, u, 0, true)
		},
		"until_they_are_worked": func(t *testing.T, u *unread) {
			lie(u, 0, 60)
			lie(u, 1, 60)
			go func() {
				time.Sleep(time.Second - turnLook/2)
				lie(u, 1, 10)
			}()
			took(t, u, time.Second, true)
		},
		"not_for_a_partition_that_nobody_works": func(t *testing.T, u *unread) {
			lie(u, 0, 1_000_000)
			took(t, u, unreadOld, true)
		},
		"not_longer_than_the_limit": func(t *testing.T, u *unread) {
			lie(u, 0, 1_000_000)
			worked := make(chan struct{})
			go func() {
				defer close(worked)
				for range 10 {
					time.Sleep(time.Second)
					lie(u, 0, 1_000_000)
				}
			}()
			took(t, u, turnLimit, false)
			<-worked
		},
		"not_beyond_the_assignment": func(t *testing.T, u *unread) {
			lie(u, 0, 1_000_000)
			ended := make(chan struct{})
			go func() {
				if _, err := u.wait(t.Context(), most, ended); !errors.Is(err, context.Canceled) {
					t.Errorf("it went on: %v", err)
				}
			}()
			synctest.Wait()
			close(ended)
			synctest.Wait()
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test(t, newUnread()) })
		})
	}
}

// TestAFewRequestsAreAdmittedInAnyCase: the rest of the batch comes again.
func TestAFewRequestsAreAdmittedInAnyCase(t *testing.T) {
	r := newRig(t, openSQLite(t), func(c *Config) { c.Batch = 20 })
	b := kafka.Batch{Topic: "lethe." + dsr.TopicRequests, Next: 5}
	for n := range 5 {
		_, value := request(t, dsr.Erasure, dsr.Identifier{Kind: "customer_id", Value: fmt.Sprint(n)})
		b.Messages = append(b.Messages, kafka.Message{Topic: b.Topic, Offset: int64(n), Value: value})
	}
	next := func() int64 {
		from, _, err := r.store.Offset(testContext(t), b.Topic, 0)
		must(t, err)
		return from.Next
	}
	if out := r.takeRequests(testContext(t), []kafka.Batch{b}); out[0] != (kafka.Outcome{Settled: 5}) || next() != 5 {
		t.Errorf("nothing lies unread: %+v, next %d", out[0], next())
	}
	b.Messages, b.Next = b.Messages[:0], 10
	for n := range 5 {
		_, value := request(t, dsr.Erasure, dsr.Identifier{Kind: "customer_id", Value: fmt.Sprint(10 + n)})
		b.Messages = append(b.Messages, kafka.Message{Topic: b.Topic, Offset: int64(5 + n), Value: value})
	}
	r.unread.limit = time.Millisecond
	answers := "lethe." + dsr.TopicAcknowledgement
	r.takeAnswers(testContext(t), []kafka.Batch{{Topic: answers, Next: 1, End: 1_000_000, Messages: []kafka.Message{{Topic: answers, Value: []byte("none")}}}})
	if out := r.takeRequests(testContext(t), []kafka.Batch{b}); out[0] != (kafka.Outcome{Settled: 2}) || next() != 7 {
		t.Errorf("very many lie unread: %+v, next %d, want 2 settled and 7", out[0], next())
	}
}
