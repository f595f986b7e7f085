package coordinator

import (
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/lethe-dsr/lethe/pkg/completion"
	"github.com/lethe-dsr/lethe/pkg/datamap"
	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/event"
	"github.com/lethe-dsr/lethe/pkg/sealing"
	"github.com/lethe-dsr/lethe/services/coordinator/lifecycle"
)

// decoded counts how often each body is decoded; the acknowledgement of a body is named after it.
type decoded struct {
	mu    sync.Mutex
	times map[string]int
}

func (d *decoded) decode(body []byte) (dsr.Acknowledgement, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.times == nil {
		d.times = map[string]int{}
	}
	d.times[string(body)]++
	if strings.HasPrefix(string(body), "bad") {
		return dsr.Acknowledgement{}, errors.New("no acknowledgement")
	}
	return dsr.Acknowledgement{AckID: string(body)}, nil
}

func recalled(t *testing.T, m *memo, body string) {
	t.Helper()
	if a, err := m.decode([]byte(body)); err != nil || a.AckID != body {
		t.Fatalf("%s became %s, %v", body, a.AckID, err)
	}
}

func TestMemo(t *testing.T) {
	const large = 1 << 30
	t.Run("decodes_once", func(t *testing.T) {
		var d decoded
		m := newMemo(d.decode, 10, large)
		for range 3 {
			recalled(t, m, "a")
			recalled(t, m, "b")
		}
		if diff := cmp.Diff(map[string]int{"a": 1, "b": 1}, d.times); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("does_not_remember_what_cannot_be_decoded", func(t *testing.T) {
		var d decoded
		m := newMemo(d.decode, 10, large)
		for range 2 {
			if _, err := m.decode([]byte("bad")); err == nil {
				t.Fatal("decoded")
			}
		}
		if d.times["bad"] != 2 {
			t.Errorf("asked %d times", d.times["bad"])
		}
	})
	t.Run("does_not_keep_the_message_s_memory", func(t *testing.T) {
		var d decoded
		m := newMemo(d.decode, 10, large)
		body := []byte("a")
		if _, err := m.decode(body); err != nil {
			t.Fatal(err)
		}
		body[0] = 'b' // the consumer's buffer is used again
		recalled(t, m, "b")
		recalled(t, m, "a")
		if diff := cmp.Diff(map[string]int{"a": 1, "b": 1}, d.times); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("forgets_the_oldest_beyond_its_entries", func(t *testing.T) {
		var d decoded
		m := newMemo(d.decode, 10, large)
		for n := range 100 {
			recalled(t, m, fmt.Sprint(n))
			if held := len(m.recent.byBody) + len(m.older.byBody); held > 10 {
				t.Fatalf("%d are held", held)
			}
		}
		recalled(t, m, "95") // one of the last five at the least
		recalled(t, m, "0")
		if d.times["95"] != 1 || d.times["0"] != 2 {
			t.Errorf("the last was decoded %d times, the first %d", d.times["95"], d.times["0"])
		}
	})
	t.Run("keeps_what_is_asked_for", func(t *testing.T) {
		var d decoded
		m := newMemo(d.decode, 10, large)
		for n := range 100 {
			recalled(t, m, fmt.Sprint(n))
			recalled(t, m, "wanted")
		}
		if d.times["wanted"] != 1 {
			t.Errorf("decoded %d times", d.times["wanted"])
		}
	})
	t.Run("holds_no_more_than_its_bytes", func(t *testing.T) {
		var d decoded
		const limit = 20 * (weightAcknowledgement + 2*100)
		m := newMemo(d.decode, 1<<20, limit)
		for n := range 200 {
			recalled(t, m, fmt.Sprintf("%0100d", n))
			if held := m.recent.bytes + m.older.bytes; held > limit {
				t.Fatalf("%d bytes are held", held)
			}
		}
		if held := len(m.recent.byBody) + len(m.older.byBody); held < 10 {
			t.Errorf("only %d are held", held)
		}
	})
	t.Run("does_not_give_up_all_others_for_a_huge_one", func(t *testing.T) {
		var d decoded
		m := newMemo(d.decode, 10, 10_000)
		recalled(t, m, "a")
		recalled(t, m, strings.Repeat("x", 5_000))
		recalled(t, m, "a")
		if d.times["a"] != 1 || len(m.recent.byBody) != 1 {
			t.Errorf("decoded %d times, %d are held", d.times["a"], len(m.recent.byBody))
		}
	})
	t.Run("serves_many_at_once", func(t *testing.T) {
		var d decoded
		m := newMemo(d.decode, 20, large)
		var g errgroup.Group
		for worker := range 8 {
			g.Go(func() error {
				for n := range 500 {
					body := fmt.Sprint((n * (worker + 1)) % 50)
					if a, err := m.decode([]byte(body)); err != nil || a.AckID != body {
						return fmt.Errorf("%s became %s: %w", body, a.AckID, err)
					}
				}
				return nil
			})
		}
		if err := g.Wait(); err != nil {
			t.Fatal(err)
		}
	})
}

// TestWeightIsNoLessThanTheMemory holds the weights against what a decoded acknowledgement takes, above all one of very many
// very short texts.
func TestWeightIsNoLessThanTheMemory(t *testing.T) {
	codec := newCodec(t)
	short := dsr.Acknowledgement{Key: dsr.Key{RequestID: "7f3c2b1a-0d9e-4c8f-8a7b-6c5d4e3f2aa1", System: "s", Phase: "p", Round: 1}, Kind: "k", State: "s", AckID: "a"}
	at := time.Date(2026, 11, 24, 8, 55, 0, 0, time.UTC)
	collections, texts, full := short, short, short
	for range 2000 {
		collections.Collections = append(collections.Collections, dsr.Collection{Name: "n", Outcome: "o"})
		texts.IdentifierKinds = append(texts.IdentifierKinds, "k")
		full.Collections = append(full.Collections, dsr.Collection{
			Name: "n", Outcome: "o", Ground: &dsr.Ground{Article: "a"}, Until: &at, PhysicalBy: &at, Categories: []string{"c", "d"},
		})
	}
	for name, a := range map[string]dsr.Acknowledgement{"short": short, "collections": collections, "texts": texts, "full_collections": full} {
		t.Run(name, func(t *testing.T) {
			body, err := codec.EncodeAcknowledgement(a)
			if err != nil {
				t.Fatal(err)
			}
			const runs = 20
			kept := make([]remembered, runs)
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			for i := range kept {
				a, err := codec.DecodeAcknowledgement(body)
				if err != nil {
					t.Fatal(err)
				}
				kept[i] = remembered{string(body), &a}
			}
			runtime.GC()
			runtime.ReadMemStats(&after)
			got, said := (int(after.HeapAlloc)-int(before.HeapAlloc))/runs, kept[0].weight()
			runtime.KeepAlive(kept)
			if got > said {
				t.Errorf("%d bytes are held, %d were said", got, said)
			}
		})
	}
	if size := int(reflect.TypeFor[dsr.Acknowledgement]().Size()); size+128 > weightAcknowledgement { // an entry of the map, with room to grow
		t.Errorf("an acknowledgement takes %d bytes", size)
	}
}

// TestASealLeavesWhatItReadsAsItWas: decoded acknowledgements are shared among the requests, turns and goroutines of a process.
func TestASealLeavesWhatItReadsAsItWas(t *testing.T) {
	codec := newCodec(t)
	subjects, err := sealing.GeneratePRF()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if _, err := completion.CreateKey(dir); err != nil {
		t.Fatal(err)
	}
	signer, err := completion.LoadSigner(filepath.Join(dir, completion.PrivateKeyFile))
	if err != nil {
		t.Fatal(err)
	}
	m := newMemo(codec.DecodeAcknowledgement, memoEntries, memoBytes)
	w := newRecorder(Config{
		Map: &datamap.Map{}, Keys: Keys{Subjects: subjects}, Signer: signer, Policy: lifecycle.Policy{Environment: "dev"},
		Responsible: Responsible{Controller: "Meridian", ActingAs: "controller"}, Software: completion.Software{Version: "1", Commit: "c"},
	}, m.decode)
	now := time.Date(2026, 11, 27, 8, 0, 0, 0, time.UTC)
	request := func(kind dsr.Kind) *lifecycle.Request {
		return &lifecycle.Request{
			ID: lifecycle.ID{RequestID: "7f3c2b1a-0d9e-4c8f-8a7b-6c5d4e3f2aa1"}, Kind: kind, State: dsr.Verifying,
			Frozen: lifecycle.Frozen{
				Request: dsr.SubjectRequest{RequestID: "7f3c2b1a-0d9e-4c8f-8a7b-6c5d4e3f2aa1", Kind: kind, Regulation: dsr.GDPR, Establishment: "berlin", ReceivedAt: now.Add(-time.Hour)},
				Systems: []string{"shop"}, MapSHA256: make([]byte, 32), SubjectRef: strings.Repeat("ab", 32), DueAt: now.Add(time.Hour), Zone: "UTC", RuleID: "gdpr-12-3", CalendarID: "de-be",
			},
			Progress: lifecycle.Progress{ActRound: 2, LookRound: 2, PackageRound: 1},
		}
	}
	step := func(r *lifecycle.Request, phase dsr.Phase, round int32, system string) {
		at := now.Add(-time.Minute)
		a := dsr.Acknowledgement{
			Key: dsr.Key{RequestID: r.RequestID, System: system, Phase: phase, Round: round}, Kind: r.Kind, Attempt: 1, State: dsr.AckAnswered, AckID: "a",
			Collections: []dsr.Collection{
				{Name: "orders", Outcome: dsr.Retained, Categories: []string{"z", "", "a"}, Ground: &dsr.Ground{Article: "GDPR 17(3)(b)", Law: "tax"}, Until: &now, Restricted: "locked", Counts: dsr.Counts{Found: 2, Retained: 2}},
				{Name: "cards", Outcome: dsr.Withheld, Counts: dsr.Counts{Found: 1, Withheld: 1}},
			},
			IdentifierKinds: []string{"phone", "email", "phone"}, EvidenceSHA256: make([]byte, 32), MapHash: []byte(strings.Repeat("m", 32)),
			Parts: []dsr.Part{{System: system, Path: "p", SHA256: make([]byte, 32)}}, PhysicalBy: &now, FirstAt: at, DoneAt: at,
		}
		body, err := codec.EncodeAcknowledgement(a)
		if err != nil {
			t.Fatal(err)
		}
		r.Steps = append(r.Steps, &lifecycle.Step{System: system, Phase: phase, Round: round, Attempt: 1, State: dsr.AckAnswered, Body: body})
	}
	for _, kind := range []dsr.Kind{dsr.Erasure, dsr.Access} {
		r := request(kind)
		step(r, dsr.Act, 1, "shop")
		step(r, dsr.Act, 2, "shop")
		if kind.Exports() {
			step(r, dsr.Package, 1, dsr.Packager)
		}
		step(r, dsr.Verify, 1, "shop")
		step(r, dsr.Verify, 2, "shop")
		first, err := w.Seal(now, r)
		if err != nil {
			t.Fatal(err)
		}
		for _, st := range r.Steps {
			if m.recall(st.Body) == nil {
				t.Fatalf("%s round %d is not remembered", st.Phase, st.Round)
			}
			shared, err := m.decode(st.Body)
			if err != nil {
				t.Fatal(err)
			}
			fresh, err := codec.DecodeAcknowledgement(st.Body)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(&fresh, shared); d != "" {
				t.Errorf("%s round %d was changed by a seal: %s", st.Phase, st.Round, d)
			}
			*st = lifecycle.Step{System: st.System, Phase: st.Phase, Round: st.Round, Attempt: st.Attempt, State: st.State, Body: st.Body}
		}
		second, err := w.Seal(now, r)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(first, second); d != "" {
			t.Errorf("sealed from memory, the record is another: %s", d)
		}
	}
}

func newCodec(t testing.TB) *event.Codec {
	t.Helper()
	c, err := event.NewCodec()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func BenchmarkMemo(b *testing.B) {
	codec := newCodec(b)
	body, err := codec.EncodeAcknowledgement(dsr.Acknowledgement{
		Key:  dsr.Key{RequestID: "7f3c2b1a-0d9e-4c8f-8a7b-6c5d4e3f2aa1", System: "shop", Phase: dsr.Act, Round: 1},
		Kind: dsr.Erasure, Attempt: 1, State: dsr.AckAnswered, AckID: "0b2d4f60-1a3c-4e5f-9a8b-7c6d5e4f3a2b",
		Collections:    []dsr.Collection{{Name: "customer", Outcome: dsr.Erased, Counts: dsr.Counts{Found: 1, Erased: 1}, Method: "delete"}},
		EvidenceSHA256: make([]byte, 32), MapHash: make([]byte, 32), DoneAt: time.Unix(1, 0),
	})
	if err != nil {
		b.Fatal(err)
	}
	m := newMemo(codec.DecodeAcknowledgement, memoEntries, memoBytes)
	remembered := func(body []byte) (dsr.Acknowledgement, error) {
		a, err := m.decode(body)
		if err != nil {
			return dsr.Acknowledgement{}, err
		}
		return *a, nil
	}
	for name, decode := range map[string]func([]byte) (dsr.Acknowledgement, error){"decoded": codec.DecodeAcknowledgement, "remembered": remembered} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := decode(body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
