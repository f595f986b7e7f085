package coordinator

import (
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/lethe-dsr/lethe/pkg/datamap"
	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/services/coordinator/lifecycle"
)

// mapView answers the state machine's questions to the data map. The map does not change while the process runs and the
// questions of most requests are the same, so each is computed once.
type mapView struct {
	m       *datamap.Map
	kinds   map[string]bool // of identifier, that find anybody anywhere
	asks    sync.Map        // capacity, kinds → []lifecycle.Question
	accepts sync.Map        // system, capacity → []string
	sources sync.Map        // kind, capacity → []string
	frozen  sync.Map        // capacity → []string
	marks   sync.Map        // kind of request, kinds → []lifecycle.Ref
	all     []string        // kinds, sorted
}

func newMapView(m *datamap.Map) *mapView {
	v := &mapView{m: m, kinds: map[string]bool{}}
	for _, s := range m.Systems {
		for _, k := range m.Accepts(s.Name, "") {
			v.kinds[k] = true
		}
	}
	v.all = slices.Sorted(maps.Keys(v.kinds))
	return v
}

// Kinds implements lifecycle.Map.
func (v *mapView) Kinds() []string { return v.all }

// unknown lists the marks of requests in resolution that cannot be compared with one of these kinds of identifier.
func (v *mapView) unknown(kind dsr.Kind, have []string) []lifecycle.Ref {
	have = slices.Sorted(func(yield func(string) bool) {
		for _, k := range have {
			if v.kinds[k] && !yield(k) {
				return
			}
		}
	})
	return remember(&v.marks, string(kind)+"\x00"+strings.Join(have, "\x00"), func() []lifecycle.Ref { return lifecycle.Unknown(kind, have, v.all) })
}

func (v *mapView) Accepts(system, capacity string) []string {
	return remember(&v.accepts, system+"\x00"+capacity, func() []string { return v.m.Accepts(system, capacity) })
}

func (v *mapView) Sources(capacity, kind string) []string {
	return remember(&v.sources, kind+"\x00"+capacity, func() []string { return v.m.SourcesOf(kind, capacity) })
}

func (v *mapView) Ask(capacity string, systems, have []string) []lifecycle.Question {
	have = slices.DeleteFunc(slices.Clone(have), func(k string) bool { return !v.kinds[k] }) // words that a sender invented are not kept
	ask := func() []lifecycle.Question {
		plan, err := v.m.Plan(capacity, systems, have, nil)
		if err != nil { // systems were frozen from this very map, or a system left it since: then nobody can be asked
			return nil
		}
		out := make([]lifecycle.Question, 0, len(plan.Asks))
		for _, a := range plan.Asks {
			out = append(out, lifecycle.Question{System: a.System, Want: a.To})
		}
		return out
	}
	if all, err := v.freeze(capacity, nil); err != nil || len(all) != len(systems) { // narrowed by a scope: too many to keep
		return ask()
	}
	return remember(&v.asks, capacity+"\x00"+strings.Join(have, "\x00"), ask)
}

// freeze lists the systems that must answer. Only the answer without a scope is kept: scopes come from outside.
func (v *mapView) freeze(capacity string, scope []string) ([]string, error) {
	if len(scope) > 0 {
		return v.m.Frozen(capacity, scope)
	}
	if s, ok := v.frozen.Load(capacity); ok {
		return s.([]string), nil
	}
	s, err := v.m.Frozen(capacity, nil)
	if err == nil {
		v.frozen.Store(capacity, s)
	}
	return s, err
}

// remember computes once for a key. Keys are words of the map, so that nobody outside can make it grow.
func remember[T any](m *sync.Map, key string, compute func() T) T {
	if v, ok := m.Load(key); ok {
		return v.(T)
	}
	v := compute()
	m.Store(key, v)
	return v
}
