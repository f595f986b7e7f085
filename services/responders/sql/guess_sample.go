package sql

import (
	"context"
	"fmt"
	"net/netip"
	"regexp"
	"strings"
)

// sampled is what was seen of one column: how many values, and how many of them had each form. The values are gone.
type sampled struct {
	seen  int
	forms map[string]int // by category
	words int            // with several words in them
}

// forms of values that are told without doubt. What a person would have to read is no form.
var forms = []struct {
	category, name string
	is             func(string) bool
}{
	{"user.contact.email", "e-mail addresses", regexp.MustCompile(`^[^@\s]+@[^@\s]+\.[^@\s]+$`).MatchString},
	{"user.device.ip_address", "IP addresses", func(s string) bool { _, err := netip.ParseAddr(s); return err == nil }},
	{"user.financial.bank_account", "IBANs", isIBAN},
	{"user.financial.credit_card", "card numbers", isCard},
	{"user.contact.phone_number", "telephone numbers", isPhone},
}

const (
	sampleRows  = 200
	sampleChars = 200
	fewSamples  = 3
)

// sample reads some rows of a table, counts the forms of what its text columns hold, and forgets the values.
func sample(ctx context.Context, q reader, d dialect, t *table) (map[*column]*sampled, error) {
	out := map[*column]*sampled{}
	var cols []*column
	var exprs []string
	for _, c := range t.columns {
		if c.class == text {
			cols = append(cols, c)
			exprs = append(exprs, fmt.Sprintf("substr(%s, 1, %d)", d.text(d.quote(c.name)), sampleChars))
			out[c] = &sampled{forms: map[string]int{}}
		}
	}
	if len(cols) == 0 {
		return nil, nil
	}
	values := make([]*string, len(cols))
	dest := make([]any, len(cols))
	for i := range values {
		dest[i] = &values[i]
	}
	err := q.read(ctx, func(row scanner) error {
		if err := row.Scan(dest...); err != nil {
			return err
		}
		for i, c := range cols {
			if values[i] != nil {
				out[c].see(strings.TrimSpace(*values[i]))
			}
		}
		return nil
	}, fmt.Sprintf("SELECT %s FROM %s LIMIT %d", strings.Join(exprs, ", "), d.qualified(t.schema, t.name), sampleRows))
	return out, failed("look at some rows of "+t.name, err)
}

func (s *sampled) see(v string) {
	if v == "" {
		return
	}
	s.seen++
	if len(strings.Fields(v)) > 5 {
		s.words++
	}
	for _, f := range forms {
		if f.is(v) {
			s.forms[f.category]++
			return
		}
	}
}

// says returns the form that nearly all values have.
func (s *sampled) says() (guess, bool) {
	if s == nil || s.seen < fewSamples {
		return guess{}, false
	}
	for _, f := range forms {
		if n := s.forms[f.category]; 10*n >= 8*s.seen {
			return guess{f.category, fmt.Sprintf("%d of %d samples look like %s", n, s.seen, f.name)}, true
		}
	}
	return guess{}, false
}

// prose reports whether most values are sentences.
func (s *sampled) prose() bool { return s != nil && s.seen >= fewSamples && 2*s.words > s.seen }

// denies reports whether enough was seen to say that the column does not hold what its name promises.
func (s *sampled) denies(category string) bool {
	return s != nil && s.seen >= 10 && s.forms[category] == 0 && (category == "user.contact.email" || category == "user.device.ip_address")
}

var phone = regexp.MustCompile(`^(\+|00|\(|0)[0-9 ()./-]{6,24}$`)

// isPhone wants a sign that it is no other number: a plus, a bracket, or a zero in front and something between the digits.
func isPhone(s string) bool {
	digits := 0
	for _, r := range s {
		if r >= '0' && r <= '9' {
			digits++
		}
	}
	return digits >= 7 && phone.MatchString(s) && (strings.ContainsAny(s, "+(") || digits < len(s))
}

var iban = regexp.MustCompile(`^[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}$`)

func isIBAN(s string) bool {
	s = strings.ReplaceAll(s, " ", "")
	if !iban.MatchString(s) {
		return false
	}
	rest := 0
	for _, r := range s[4:] + s[:4] {
		if r >= 'A' {
			rest = (rest*100 + int(r-'A') + 10) % 97
		} else {
			rest = (rest*10 + int(r-'0')) % 97
		}
	}
	return rest == 1
}

func isCard(s string) bool {
	s = strings.NewReplacer(" ", "", "-", "").Replace(s)
	if len(s) < 13 || len(s) > 19 || strings.Trim(s, "0123456789") != "" {
		return false
	}
	sum := 0
	for i := range len(s) {
		n := int(s[len(s)-1-i] - '0')
		if i%2 == 1 {
			if n *= 2; n > 9 {
				n -= 9
			}
		}
		sum += n
	}
	return sum%10 == 0
}
