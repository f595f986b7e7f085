package datamap

import "slices"

// Declaration is a purpose for which a system processes personal data (a Fideslang privacy declaration).
type Declaration struct {
	Pos             Pos
	Name            string
	DataUse         string
	DataCategories  []string
	DataSubjects    []string
	LegalBasis      string  // in Fideslang's words (GDPR Art. 6); may be empty
	RetentionPeriod string  // as written, free text in Fideslang; may be empty
	Retention       *Period // RetentionPeriod where it is an ISO 8601 duration

	datasets []textAt
}

var legalBases = []string{"Consent", "Contract", "Legal obligations", "Vital interests", "Public interest", "Legitimate interests"}

// systemEntry is a system as the files have it, before datasets are joined to it.
type systemEntry struct {
	pos          Pos
	key          string
	name, kind   string
	personal     bool
	datasets     []textAt
	declarations []Declaration
	meta         meta
}

func (r *reader) system(n *node) *systemEntry {
	o, ok := r.mapping(n, "system")
	if !ok {
		return nil
	}
	s := &systemEntry{pos: n.pos, key: r.fidesKey(o.need("fides_key"), o.name("fides_key")), personal: true}
	o.what = "system " + quote(s.key)
	o.native()
	s.name = r.text(o.opt("name"), o.name("name"))
	s.kind = r.text(o.need("system_type"), o.name("system_type"))
	if p := o.opt("processes_personal_data"); p != nil {
		s.personal = r.boolean(p, o.name("processes_personal_data"))
	}
	s.datasets = r.references(o)
	for _, item := range r.list(o.need("privacy_declarations"), o.name("privacy_declarations")) {
		if d, ok := r.declaration(item, o.name("privacy_declarations")); ok {
			s.declarations = append(s.declarations, d)
			for _, ref := range d.datasets {
				if !slices.ContainsFunc(s.datasets, func(t textAt) bool { return t.text == ref.text }) {
					s.datasets = append(s.datasets, ref)
				}
			}
		}
	}
	if m, ok := r.mapping(o.opt("meta"), o.name("meta")); ok {
		s.meta = r.commonMeta(m, systemKeys)
	}
	return s
}

func (r *reader) references(o object) []textAt {
	var out []textAt
	for _, item := range r.list(o.opt("dataset_references"), o.name("dataset_references")) {
		if s := r.fidesKey(item, o.name("dataset_references")); s != "" {
			out = append(out, textAt{s, item.pos})
		}
	}
	return out
}

func (r *reader) declaration(n *node, what string) (Declaration, bool) {
	o, ok := r.mapping(n, what)
	if !ok {
		return Declaration{}, false
	}
	o.native()
	d := Declaration{
		Pos:             n.pos,
		Name:            r.text(o.opt("name"), o.name("name")),
		DataUse:         r.fidesKey(o.need("data_use"), o.name("data_use")),
		DataCategories:  r.fidesKeys(o.need("data_categories"), o.name("data_categories")),
		DataSubjects:    r.fidesKeys(o.opt("data_subjects"), o.name("data_subjects")),
		LegalBasis:      r.text(o.opt("legal_basis_for_processing"), o.name("legal_basis_for_processing")),
		RetentionPeriod: r.text(o.opt("retention_period"), o.name("retention_period")),
		datasets:        r.references(o),
	}
	if d.LegalBasis != "" && !slices.Contains(legalBases, d.LegalBasis) {
		r.errs.add(o.opt("legal_basis_for_processing").pos, "%s: legal_basis_for_processing is %s, not %q", what, names(legalBases...), d.LegalBasis)
	}
	if p, err := ParsePeriod(d.RetentionPeriod); err == nil {
		d.Retention = &p
	}
	return d, true
}
