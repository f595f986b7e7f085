package dsr_test

import (
	"testing"
	"unicode"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// TestEveryLetterFoldsOnce goes through all of Unicode: one letter that folding twice changes is a person who is not found.
func TestEveryLetterFoldsOnce(t *testing.T) {
	for r := rune('!'); r <= unicode.MaxRune; r++ {
		if !unicode.IsLetter(r) && !unicode.IsMark(r) {
			continue
		}
		once, err := dsr.Identifier{Kind: dsr.Email, Value: string(r) + "a@example.org"}.Normalise()
		if err != nil {
			continue
		}
		if twice, err := once.Normalise(); err != nil || twice != once {
			t.Fatalf("%U becomes %+q, then %+q (%v)", r, once.Value, twice.Value, err)
		}
	}
}

func TestCherokeeFoldsToItsCapitals(t *testing.T) {
	for _, in := range []string{"\u13a0", "\uab70", "\u13f0", "\u13f8"} {
		got, err := dsr.Identifier{Kind: dsr.Email, Value: in + "@example.org"}.Normalise()
		want := map[string]string{"\u13a0": "\u13a0", "\uab70": "\u13a0", "\u13f0": "\u13f0", "\u13f8": "\u13f0"}[in]
		if err != nil || got.Value != want+"@example.org" {
			t.Errorf("%+q becomes %+q (%v)", in, got.Value, err)
		}
	}
}
