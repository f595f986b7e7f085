package datamap

import (
	"slices"
	"strings"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// prefix of every key of ours. They stand in the meta of a dataset or of a system, where Fideslang keeps what it does not know.
const prefix = "lethe."

const (
	keyVersion       = "lethe.version"
	keyMapVersion    = "lethe.map_version"
	keySubjects      = "lethe.subjects"
	keyErase         = "lethe.erase"
	keyGround        = "lethe.ground"
	keyShared        = "lethe.shared"
	keySharedKinds   = "lethe.shared_identities"
	keyRetention     = "lethe.retention"
	keyExport        = "lethe.export"
	keyExportExclude = "lethe.export_exclude"
	keyFreeText      = "lethe.free_text"
	keyNotFollowed   = "lethe.not_followed"
	keyAssessment    = "lethe.assessment"
	keyObjects       = "lethe.objects"
	keyBackups       = "lethe.backups"
	keyPhysical      = "lethe.physical"
	keyRecipients    = "lethe.recipients"
	keyRelation      = "lethe.relation"
	keyNotCovered    = "lethe.not_covered"
)

var (
	systemKeys  = append([]string{keyVersion, keyMapVersion, keySharedKinds}, factKeys...)
	datasetKeys = append([]string{
		keySubjects, keyErase, keyGround, keyShared, keyRetention, keyExport, keyExportExclude, keyFreeText, keyNotFollowed, keyAssessment, keyObjects,
	}, systemKeys...)
)

// meta is what a dataset's lethe keys say, names resolved within the dataset.
type meta struct {
	roots       []Root
	erase       map[string]map[*Collection]policyAt
	detach      map[string]map[*Field]Pos
	ground      map[string]map[*Collection]*Ground
	assessment  map[string]map[*Collection]string
	export      map[string]map[*Collection]bool
	exclude     map[string]map[*Field]bool
	freeText    map[string]map[*Field]bool
	shared      map[*Collection]policyAt
	notFollowed []followAt
	kinds       []kindAt // where kinds of subject are named, to be checked once the system is known
	facts       facts
	sharedKinds []string
	mapVersion  textAt
	touched     bool // any lethe key is there
}

type policyAt struct {
	policy Policy
	pos    Pos
}

type followAt struct {
	name  string
	field *Field // nil: there is none of this name
	pos   Pos
}

type kindAt struct {
	kind, key string
	pos       Pos
}

func (r *reader) datasetMeta(o object, d *Dataset) meta {
	m := r.commonMeta(o, datasetKeys)
	r.subjects(o.at(keySubjects), d, &m)
	r.erase(o.at(keyErase), d, &m)
	m.ground = byKind(r, o.at(keyGround), keyGround, &m, func(k object) map[*Collection]*Ground {
		return byCollection(k, d, func(n *node, what string) *Ground { return r.ground(n, what) })
	})
	r.fromFields(m.ground)
	m.assessment = byKind(r, o.at(keyAssessment), keyAssessment, &m, func(k object) map[*Collection]string {
		return byCollection(k, d, r.text)
	})
	m.export = byKind(r, o.at(keyExport), keyExport, &m, func(k object) map[*Collection]bool {
		return byCollection(k, d, r.boolean)
	})
	m.exclude = r.fieldsByKind(o.at(keyExportExclude), keyExportExclude, d, &m, nil)
	m.freeText = r.fieldsByKind(o.at(keyFreeText), keyFreeText, d, &m, func(p Pos, f *Field) {
		if f.Path != f.Name || f.DataType != "" && f.DataType != "string" {
			r.errs.add(p, "%s: %s is no text: a column of text is searched, not a number nor a path inside a document", keyFreeText, name(f))
		}
	})
	if n, ok := r.mapping(o.at(keyShared), keyShared); ok {
		m.shared = byCollection(n, d, func(n *node, what string) policyAt {
			return policyAt{r.policy(n, what, Keep, Anonymise), n.pos}
		})
	}
	if n, ok := r.mapping(o.at(keyRetention), keyRetention); ok {
		for c, p := range byCollection(n, d, r.period) {
			c.Retention = p
		}
	}
	for _, item := range r.list(o.at(keyNotFollowed), keyNotFollowed) {
		name := r.text(item, keyNotFollowed)
		f, _ := d.Field(name)
		m.notFollowed = append(m.notFollowed, followAt{name, f, item.pos})
	}
	r.sources(o.at(keyObjects), d)
	return m
}

// commonMeta reads what the meta of a dataset and of a system have in common and reports keys that are neither's.
func (r *reader) commonMeta(o object, known []string) meta {
	m := meta{}
	for _, p := range o.n.pairs {
		if !strings.HasPrefix(strings.ToLower(p.key), "lethe") {
			continue // somebody else's
		}
		m.touched = true
		if !slices.Contains(known, p.key) {
			r.errs.add(p.pos, "%s: unknown key %q (known: %s)", o.what, p.key, strings.Join(known, ", "))
		}
	}
	if n := o.at(keyVersion); n != nil && n.text != "1" {
		r.errs.add(n.pos, "%s: this build reads version 1", keyVersion)
	} else if n == nil && m.touched {
		r.errs.add(o.n.pos, "%s: %s: 1 is missing", o.what, keyVersion)
	}
	if n := o.at(keyMapVersion); n != nil {
		m.mapVersion = textAt{r.text(n, keyMapVersion), n.pos}
	}
	for _, item := range r.list(o.at(keySharedKinds), keySharedKinds) {
		if s := r.identityKind(item, keySharedKinds); s != "" {
			m.sharedKinds = append(m.sharedKinds, s)
		}
	}
	m.facts = r.facts(o)
	return m
}

// byKind reads a mapping whose keys are kinds of subject.
func byKind[V any](r *reader, n *node, what string, m *meta, read func(object) V) map[string]V {
	o, ok := r.mapping(n, what)
	if !ok {
		return nil
	}
	out := map[string]V{}
	for _, p := range o.n.pairs {
		m.kinds = append(m.kinds, kindAt{p.key, what, p.pos})
		if k, ok := r.mapping(p.value, what+": "+p.key); ok {
			out[p.key] = read(k)
		}
	}
	return out
}

// byCollection reads a mapping whose keys are collections of the dataset.
func byCollection[V any](o object, d *Dataset, read func(n *node, what string) V) map[*Collection]V {
	out := map[*Collection]V{}
	for _, p := range o.n.pairs {
		c, ok := d.Collection(p.key)
		if !ok {
			o.r.unknownCollection(p.pos, o.what, p.key, d)
			continue
		}
		out[c] = read(p.value, o.what+": "+p.key)
	}
	return out
}

func (r *reader) unknownCollection(p Pos, what, name string, d *Dataset) {
	r.errs.add(p, "%s: dataset %q has no collection %q", what, d.Key, name)
}

// fieldsByKind reads a mapping from kinds of subject to lists of fields, written as collection.field.
func (r *reader) fieldsByKind(n *node, key string, d *Dataset, m *meta, check func(Pos, *Field)) map[string]map[*Field]bool {
	o, ok := r.mapping(n, key)
	if !ok {
		return nil
	}
	out := map[string]map[*Field]bool{}
	for _, p := range o.n.pairs {
		m.kinds = append(m.kinds, kindAt{p.key, key, p.pos})
		what := key + ": " + p.key
		fields := map[*Field]bool{}
		for _, item := range r.list(p.value, what) {
			name := r.text(item, what)
			f, ok := d.Field(name)
			switch {
			case ok:
				fields[f] = true
				if check != nil {
					check(item.pos, f)
				}
			case name != "":
				r.errs.add(item.pos, "%s: dataset %q has no field %q, written as collection.field", what, d.Key, name)
			}
		}
		out[p.key] = fields
	}
	return out
}

// name is how a field is written where its dataset is known.
func name(f *Field) string { return f.Collection.Name + "." + f.Path }

// identityKind reads a word that an identifier can have as its kind.
func (r *reader) identityKind(n *node, what string) string {
	s := r.text(n, what)
	if s != "" && !dsr.ValidName(s) {
		r.errs.add(n.pos, "%s: %q is no kind of identifier: a lower-case letter, then letters, digits, _ . or -", what, s)
		return ""
	}
	return s
}
