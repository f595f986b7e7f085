package health

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lethe-dsr/lethe/pkg/kafka"
)

// thing is something that a process needs.
type thing struct{ err atomic.Pointer[error] }

func (c *thing) becomes(err error) { c.err.Store(&err) }

func (c *thing) check(ctx context.Context) error {
	err := c.err.Load()
	switch {
	case err == nil:
		return nil
	case !errors.Is(*err, context.DeadlineExceeded):
		return *err
	}
	<-ctx.Done() // one that never answers
	return ctx.Err()
}

// asks is what somebody gets who asks at this moment.
func asks(t *testing.T, h *Health, path string) (code int, text string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
	body, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Code, string(body)
}

func TestReadyOnlyWhileEverythingAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		h := New(slog.New(slog.NewTextHandler(&log, nil)))
		broker, db := &thing{}, &thing{}
		ctx, stop := context.WithCancel(t.Context())
		defer synctest.Wait()
		defer stop()
		go h.Run(ctx)
		is := func(code int, says string) {
			t.Helper()
			time.Sleep(every + within) // of the bubble's clock
			synctest.Wait()
			if got, text := asks(t, h, "/readyz"); got != code || !strings.Contains(text, says) {
				t.Errorf("ready: %d %q, want %d and %q", got, text, code, says)
			}
			if got, text := asks(t, h, "/livez"); got != http.StatusOK {
				t.Errorf("alive: %d %q", got, text)
			}
		}
		is(503, "has not come up yet")
		h.Set("kafka", broker.check)
		is(503, "has not come up yet") // no role has said anything yet
		h.Expect("database")
		is(503, "database: has not come up yet")
		h.Set("database", db.check)
		is(200, "ready\n")
		db.becomes(errors.New("connection refused"))
		is(503, "database: connection refused\n")
		db.becomes(context.DeadlineExceeded)
		is(503, "database: context deadline exceeded\n")
		broker.becomes(errors.New("no broker"))
		is(503, "kafka: no broker")
		db.becomes(nil)
		broker.becomes(nil)
		is(200, "ready\n")
		h.Expect("another")
		if code, _ := asks(t, h, "/readyz"); code != 503 {
			t.Error("ready before a part that was announced has been asked")
		}
		synctest.Wait() // it is looked at once
		if got := strings.Count(log.String(), "process is ready") + 10*strings.Count(log.String(), "process is not ready"); got != 22 {
			t.Errorf("the log says:\n%s", log.String())
		}
	})
}

func TestNobodyAsks(t *testing.T) {
	var h *Health
	h.Expect("x")
	h.Set("x", func(context.Context) error { return nil })
}

func TestOtherPathsAndMethods(t *testing.T) {
	h := New(slog.New(slog.DiscardHandler))
	for path, want := range map[string]int{"/": 404, "/metrics": 404, "/livez": 200, "/readyz": 503} {
		if code, _ := asks(t, h, path); code != want {
			t.Errorf("%s: %d", path, code)
		}
	}
	w := httptest.NewRecorder()
	h.handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/livez", strings.NewReader("x")))
	if w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", w.Code)
	}
}

func TestServeAnswersUntilItIsToldToStop(t *testing.T) {
	l, err := Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := l.Addr().String()
	if _, err := Listen(t.Context(), at); err == nil || !strings.Contains(err.Error(), "health.address") {
		t.Errorf("an address that is taken: %v", err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- New(slog.New(slog.DiscardHandler)).Serve(ctx, l) }()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+at+"/livez", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Errorf("alive: %d", answer.StatusCode)
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// broker says what a test wants.
type broker struct {
	has []kafka.Assignment
	not atomic.Pointer[[]kafka.Halt]
	lag map[kafka.Assignment]kafka.PartitionLag
	err error
}

func (b *broker) Assigned() []kafka.Assignment { return b.has }

func (b *broker) Halted() []kafka.Halt {
	if not := b.not.Load(); not != nil {
		return *not
	}
	return nil
}

func (b *broker) Lag(_ context.Context, group string, _ []string) ([]kafka.PartitionLag, error) {
	var out []kafka.PartitionLag
	for a, l := range b.lag {
		if a.Group == group {
			l.Topic, l.Partition = a.Topic, a.Partition
			out = append(out, l)
		}
	}
	return out, b.err
}

func TestProgress(t *testing.T) {
	mine, others := kafka.Assignment{Group: "g", Topic: "t", Partition: 1}, kafka.Assignment{Group: "g", Topic: "t", Partition: 2}
	const minute = time.Minute
	type step struct { // what every look sees for so long, and what the last of them finds
		after     time.Duration
		committed int64
		records   int64
		what      string
		still     time.Duration
	}
	for name, steps := range map[string][]step{
		"lies_still_for_longer_than_the_limit":      {{0, 7, 3, "", 0}, {10 * minute, 7, 3, "", 0}, {minute, 7, 5, "", 11 * minute}},
		"moves":                                     {{0, 7, 3, "", 0}, {9 * minute, 8, 3, "", 0}, {9 * minute, 9, 3, "", 0}},
		"has_nothing_to_do":                         {{0, 7, 0, "", 0}, {99 * minute, 7, 0, "", 0}},
		"gets_something_after_a_long_rest":          {{0, 7, 0, "", 0}, {99 * minute, 7, 0, "", 0}, {10 * minute, 7, 1, "", 0}, {minute, 7, 1, "", 11 * minute}},
		"what_is_needed_is_away":                    {{0, 7, 3, "", 0}, {99 * minute, 7, 3, "away", 0}, {10 * minute, 7, 3, "", 0}, {minute, 7, 3, "", 11 * minute}},
		"brokers_do_not_answer":                     {{0, 7, 3, "", 0}, {99 * minute, 7, 3, "no answer", 0}, {minute, 7, 3, "", 0}},
		"is_taken_away_and_comes_back":              {{0, 7, 3, "", 0}, {5 * minute, 7, 3, "taken", 0}, {minute, 7, 3, "", 0}, {9 * minute, 7, 3, "", 0}},
		"of_a_group_that_has_committed_nothing_yet": {{0, -1, 3, "", 0}, {11 * minute, -1, 3, "", 11 * minute}},
		"gets_on_after_it_was_said_to_lie_still":    {{0, 7, 3, "", 0}, {11 * minute, 7, 3, "", 11 * minute}, {minute, 9, 1, "", 0}},
		"the_process_was_suspended":                 {{0, 7, 3, "", 0}, {99 * minute, 7, 3, "suspended", 0}, {10 * minute, 7, 3, "", 0}, {minute, 7, 3, "", 11 * minute}},
	} {
		t.Run(name, func(t *testing.T) {
			b := &broker{}
			p := NewProgress(b, 10*minute)
			now := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
			for i, s := range steps {
				b.err, b.has = nil, []kafka.Assignment{mine}
				if s.what == "no answer" {
					b.err = errors.New("no broker answers")
				}
				if s.what == "taken" {
					b.has = nil
				}
				b.lag = map[kafka.Assignment]kafka.PartitionLag{
					mine:   {Committed: s.committed, Records: s.records},
					others: {Committed: 1, Records: 99}, // lies still, in another process
				}
				var want, got []time.Duration
				if s.still > 0 {
					want = append(want, s.still)
				}
				often := max(1, int(s.after/(minute/2)))
				if s.what == "suspended" {
					often = 1
				}
				for range often {
					now, got = now.Add(s.after/time.Duration(often)), nil
					for _, f := range p.look(t.Context(), now, s.what == "away") {
						got = append(got, f.For)
						if f.Assignment != mine || f.Offset != s.committed || f.Records != s.records {
							t.Errorf("it names %+v", f)
						}
					}
				}
				if d := cmp.Diff(want, got); d != "" {
					t.Errorf("look %d (-want +got):\n%s", i, d)
				}
			}
		})
	}
}

func TestAliveNamesThePartitionThatLiesStill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		h := New(slog.New(slog.NewTextHandler(&log, nil)))
		ok := &thing{}
		h.Set("kafka", ok.check)
		h.Set("database", ok.check)
		a := kafka.Assignment{Group: "lethe.shop", Topic: "lethe.subject-requests.erasure", Partition: 3}
		b := &broker{has: []kafka.Assignment{a}, lag: map[kafka.Assignment]kafka.PartitionLag{a: {Committed: 117, Records: 9}}}
		h.Watch(NewProgress(b, time.Minute))
		ctx, stop := context.WithCancel(t.Context())
		defer synctest.Wait()
		defer stop()
		go h.Run(ctx)
		time.Sleep(time.Minute) // of the bubble's clock
		synctest.Wait()
		if code, text := asks(t, h, "/livez"); code != 200 {
			t.Errorf("too soon: %s", text)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		code, text := asks(t, h, "/livez")
		if code != 503 || !strings.Contains(text, "lethe.subject-requests.erasure/3 of group lethe.shop") || !strings.Contains(text, "offset 117") {
			t.Errorf("%d %s", code, text)
		}
		if n := strings.Count(log.String(), "level=ERROR"); n != 1 {
			t.Errorf("%d errors are logged:\n%s", n, log.String())
		}
	})
}

// TestReadyAtOnce: whoever starts a process and waits for it does not wait for the next regular look.
func TestReadyAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := New(slog.New(slog.DiscardHandler))
		ctx, stop := context.WithCancel(t.Context())
		defer synctest.Wait()
		defer stop()
		h.Set("kafka", (&thing{}).check)
		h.Expect("system shop")
		go h.Run(ctx)
		synctest.Wait()
		if code, _ := asks(t, h, "/readyz"); code != http.StatusServiceUnavailable {
			t.Errorf("ready before the system is: %d", code)
		}
		h.Set("system shop", (&thing{}).check)
		synctest.Wait() // no time passes in the bubble
		if code, text := asks(t, h, "/readyz"); code != http.StatusOK {
			t.Errorf("not ready although everything is: %d %q", code, text)
		}
	})
}

func TestReadyNamesThePartitionThatIsHalted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := New(slog.New(slog.DiscardHandler))
		ok := &thing{}
		h.Set("kafka", ok.check)
		h.Set("database", ok.check)
		b := &broker{}
		b.not.Store(&[]kafka.Halt{{Group: "lethe.shop", Cause: kafka.OffsetError{Topic: "lethe.subject-requests.erasure", Partition: 3, Wanted: 5, First: 9, End: 12}}})
		h.Watch(NewProgress(b, time.Minute))
		ctx, stop := context.WithCancel(t.Context())
		defer synctest.Wait()
		defer stop()
		go h.Run(ctx)
		synctest.Wait()
		code, text := asks(t, h, "/readyz")
		if code != 503 || !strings.Contains(text, "lethe.subject-requests.erasure/3 is not read by group lethe.shop") || !strings.Contains(text, "retention") {
			t.Errorf("%d %s", code, text)
		}
		b.not.Store(nil)
		time.Sleep(every + within) // of the bubble's clock
		synctest.Wait()
		if code, text := asks(t, h, "/readyz"); code != 200 {
			t.Errorf("%d %s", code, text)
		}
	})
}
