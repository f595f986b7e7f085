package coordinator

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lethe-dsr/lethe/pkg/kafka"
)

// TestRequestsGiveWayToAcknowledgements, and are not kept waiting for ever.
func TestRequestsGiveWayToAcknowledgements(t *testing.T) {
	const most = 100
	lie := func(u *unread, partition int, n int64) {
		u.note([]kafka.Batch{{Partition: partition, Next: 1000, End: 1000 + n}})
	}
	took := func(t *testing.T, u *unread, want time.Duration) {
		t.Helper()
		began := time.Now()
		if err := u.wait(t.Context(), most, nil); err != nil {
			t.Error(err)
		}
		if got := time.Since(began); got != want {
			t.Errorf("it waited for %s, want %s", got, want)
		}
	}
	for name, test := range map[string]func(*testing.T, *unread){
		"few_lie_unread": func(t *testing.T, u *unread) {
			lie(u, 0, 60)
			lie(u, 1, 40)
			took(t, u, 0)
		},
		"until_they_are_worked": func(t *testing.T, u *unread) {
			lie(u, 0, 60)
			lie(u, 1, 60)
			go func() {
				time.Sleep(time.Second - turnLook/2)
				lie(u, 1, 10)
			}()
			took(t, u, time.Second)
		},
		"not_for_a_partition_that_nobody_works": func(t *testing.T, u *unread) {
			lie(u, 0, 1_000_000)
			took(t, u, unreadOld)
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
			took(t, u, turnLimit)
			<-worked
		},
		"one_at_a_time": func(t *testing.T, u *unread) {
			lie(u, 0, 1_000_000)
			done := make(chan struct{}, 3)
			for range 3 {
				go func() {
					_ = u.wait(t.Context(), most, nil)
					done <- struct{}{}
				}()
			}
			synctest.Wait()
			lie(u, 0, 0)
			for range 3 {
				<-done
			}
		},
		"not_beyond_the_assignment": func(t *testing.T, u *unread) {
			lie(u, 0, 1_000_000)
			ended := make(chan struct{})
			for range 2 { // the one that waits, and one that waits for its turn
				go func() {
					if err := u.wait(t.Context(), most, ended); !errors.Is(err, context.Canceled) {
						t.Errorf("it went on: %v", err)
					}
				}()
			}
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
