package dsr

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Identifier is one typed value that finds a data subject. The kind is an open word from the data map; the kinds below have a
// normalisation of their own.
type Identifier struct {
	Kind  string
	Value string
}

// Kinds of identifier with a normalisation of their own. Every other kind is a trimmed, NFC-normalised string.
const (
	Email = "email"
	Phone = "phone"
)

// MaxIdentifierBytes bounds one value; a longer one is a mistake or an attack.
const MaxIdentifierBytes = 1024

// Normalise returns the identifier in the one form under which it is compared and pseudonymised:
//
//   - every kind: valid UTF-8 without NUL, Unicode NFC, white space trimmed;
//   - email: case folded whole. RFC 5321 lets a local part be case-sensitive; no provider of note does, and an address typed
//     with a capital must find the person. White space, control or invisible characters and angle brackets inside are
//     refused: `Anna <anna@example.org>` would find nobody, and the person would be told that nothing is held;
//   - phone: digits with an optional leading plus. Separators are dropped, an international "00" becomes "+", and the "(0)"
//     that is written for callers at home is dropped from an international number. A national number keeps its form, since its
//     country is not known here. Every other character is refused: dropping it would make another person's number.
//
// Normalising twice changes nothing. The error never contains the value.
func (i Identifier) Normalise() (Identifier, error) {
	if err := i.check(); err != nil {
		return Identifier{}, err
	}
	v := strings.TrimSpace(norm.NFC.String(i.Value))
	var err error
	switch i.Kind {
	case Email:
		v, err = normaliseEmail(v)
	case Phone:
		v, err = normalisePhone(v)
	}
	if err != nil {
		return Identifier{}, err
	}
	if v == "" {
		return Identifier{}, fmt.Errorf("identifier of kind %s is empty", i.Kind)
	}
	return Identifier{Kind: i.Kind, Value: v}, nil
}

func (i Identifier) check() error {
	switch {
	case !ValidName(i.Kind):
		return errors.New("identifier kind is not a word of lower-case letters, digits, underscores, dots and dashes")
	case len(i.Value) > MaxIdentifierBytes:
		return fmt.Errorf("identifier of kind %s is %d bytes long, at most %d are accepted", i.Kind, len(i.Value), MaxIdentifierBytes)
	case !utf8.ValidString(i.Value):
		return fmt.Errorf("identifier of kind %s is not valid UTF-8", i.Kind)
	case strings.IndexByte(i.Value, 0) >= 0:
		return fmt.Errorf("identifier of kind %s holds a NUL byte", i.Kind)
	}
	return nil
}

// foldCase is the full case folding of Unicode. For Cherokee, whose small letters fold to the capital ones, the library swaps
// the two instead, so that folding twice would give another value than folding once.
func foldCase(v string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 0xAB70 && r <= 0xABBF:
			return r - 0xAB70 + 0x13A0
		case r >= 0x13F8 && r <= 0x13FD:
			return r - 8
		}
		return r
	}, cases.Fold().String(v))
}

func normaliseEmail(v string) (string, error) {
	v = norm.NFC.String(foldCase(v))
	for _, r := range v {
		if unicode.IsSpace(r) || unicode.In(r, unicode.Cc, unicode.Cf) || r == '<' || r == '>' {
			return "", errors.New("identifier of kind email holds white space, an invisible character or an angle bracket")
		}
	}
	if at := strings.LastIndexByte(v, '@'); at <= 0 || at == len(v)-1 {
		return "", errors.New("identifier of kind email has no local part and domain")
	}
	return v, nil
}

func normalisePhone(v string) (string, error) {
	if strings.HasPrefix(v, "+") || strings.HasPrefix(v, "00") {
		v = strings.Replace(v, "(0)", "", 1)
	}
	var b strings.Builder
	for i, r := range v {
		switch {
		case r >= '0' && r <= '9':
			b.WriteRune(r)
		case r == '+' && i == 0:
			b.WriteByte('+')
		case unicode.IsSpace(r) || unicode.Is(unicode.Pd, r) || strings.ContainsRune("./()", r):
		default:
			return "", errors.New("identifier of kind phone holds a character that no phone number has")
		}
	}
	v = b.String()
	if s, ok := strings.CutPrefix(v, "00"); ok {
		v = "+" + s
	}
	if strings.TrimPrefix(v, "+") == "" {
		return "", errors.New("identifier of kind phone has no digits")
	}
	return v, nil
}

// PRFInput is what a SubjectRef is computed over: kind, a zero byte, the normalised value.
// The receiver must be normalised.
func (i Identifier) PRFInput() []byte {
	b := make([]byte, 0, len(i.Kind)+1+len(i.Value))
	b = append(b, i.Kind...)
	b = append(b, 0)
	return append(b, i.Value...)
}

// ValidName reports whether s can be a kind of identifier, a capacity, a phase or an error code: a lower-case letter, then at
// most 63 lower-case letters, digits, underscores, dots or dashes.
func ValidName(s string) bool {
	if s == "" || len(s) > 64 || s[0] < 'a' || s[0] > 'z' {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' && c != '.' && c != '-' {
			return false
		}
	}
	return true
}
