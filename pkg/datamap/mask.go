package datamap

import "slices"

// The masking strategies of a field. Fideslang leaves them open; these are the ones that Lethe carries out.
const (
	NullRewrite         = "null_rewrite"          // becomes null
	StringRewrite       = "string_rewrite"        // becomes Mask.Value
	RandomStringRewrite = "random_string_rewrite" // becomes Mask.Length random characters
	HMAC                = "hmac"                  // becomes a keyed hash: still linkable, hence pseudonymised at best
	Preserve            = "preserve"              // stays, on purpose
)

var strategies = []string{NullRewrite, StringRewrite, RandomStringRewrite, HMAC, Preserve}

// defaultRandomLength is the length of a random_string_rewrite that states none, as in Fides, where the field is not shorter.
const defaultRandomLength = 30

// Mask says what a field's value becomes where its row is anonymised.
type Mask struct {
	Pos      Pos
	Strategy string
	Value    string // StringRewrite
	Length   int    // RandomStringRewrite, in characters
}

func (r *reader) mask(n *node, what string) *Mask {
	o, ok := r.mapping(n, what)
	if !ok {
		return nil
	}
	o.native()
	m := &Mask{Pos: n.pos}
	s := o.need("strategy")
	if s == nil {
		return nil
	}
	m.Pos, m.Strategy = s.pos, r.text(s, o.name("strategy"))
	conf, has := r.mapping(o.opt("configuration"), o.name("configuration"))
	known := []string{}
	switch {
	case m.Strategy == "hash":
		r.errs.add(s.pos, "%s: hash is refused: without a key it can be guessed by trying values; use hmac", what)
		return nil
	case !slices.Contains(strategies, m.Strategy):
		r.errs.add(s.pos, "%s: strategy is %s, not %q", what, names(strategies...), m.Strategy)
		return nil
	case m.Strategy == StringRewrite:
		known = []string{"rewrite_value"}
		if !has || conf.opt("rewrite_value") == nil {
			r.errs.add(s.pos, "%s: string_rewrite needs configuration: {rewrite_value: …}", what)
			return nil
		}
		m.Value = r.text(conf.opt("rewrite_value"), conf.name("rewrite_value"))
	case m.Strategy == RandomStringRewrite:
		known = []string{"length"}
		if has {
			m.Length = r.positive(conf.opt("length"), conf.name("length"))
		}
	}
	if has { // a setting that nobody follows would be a mask other than the one asked for
		conf.onlyOf(m.Strategy, known)
	}
	return m
}

func (o object) onlyOf(strategy string, known []string) {
	for _, p := range o.n.pairs {
		if !slices.Contains(known, p.key) {
			o.r.errs.add(p.pos, "%s: %s has no setting %q", o.what, strategy, p.key)
		}
	}
}
