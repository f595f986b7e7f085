package dsr_test

import (
	"bytes"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// The vectors are a contract: a changed form is another person to every pseudonym computed before.
func TestNormaliseVectors(t *testing.T) {
	for _, tc := range []struct{ name, kind, value, want string }{
		{"email_is_folded_whole", "email", "Anna.Muster@Example.ORG", "anna.muster@example.org"},
		{"email_is_trimmed", "email", "\t anna@example.org \u00a0\n", "anna@example.org"},
		{"email_composed", "email", "Mu\u0308ller@example.org", "m\u00fcller@example.org"},
		{"email_sharp_s", "email", "STRASSE@example.org", "strasse@example.org"},
		{"email_sharp_s_folds_to_ss", "email", "stra\u00dfe@example.org", "strasse@example.org"},
		{"email_final_sigma", "email", "\u03a3\u03af\u03c3\u03c5\u03c6\u03bf\u03c2@example.org", "\u03c3\u03af\u03c3\u03c5\u03c6\u03bf\u03c3@example.org"},
		{"email_dotless_i_is_not_guessed", "email", "I@example.org", "i@example.org"},
		{"email_tag_is_kept", "email", "anna+shop@example.org", "anna+shop@example.org"},
		{"email_last_at_counts", "email", "\"a@b\"@example.org", "\"a@b\"@example.org"},
		{"phone_international", "phone", "+49 30 1234-567", "+49301234567"},
		{"phone_double_zero", "phone", "0049 (30) 123.45/67", "+49301234567"},
		{"phone_zero_for_callers_at_home", "phone", "+49 (0)30 1234567", "+49301234567"},
		{"phone_national_keeps_its_form", "phone", "(030) 1234567", "0301234567"},
		{"phone_en_dash", "phone", "+44 20 7946\u20130018", "+442079460018"},
		{"phone_no_break_space", "phone", "+33\u00a01\u00a099\u00a000\u00a000\u00a001", "+33199000001"},
		{"customer_id_is_trimmed_only", "customer_id", "  C-00042 ", "C-00042"},
		{"customer_id_keeps_its_case", "customer_id", "aBc", "aBc"},
		{"other_kinds_are_composed", "device_id", "e\u0301", "\u00e9"},
		{"inner_space_of_other_kinds_stays", "passport", "AB 12 34", "AB 12 34"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := dsr.Identifier{Kind: tc.kind, Value: tc.value}.Normalise()
			if err != nil {
				t.Fatal(err)
			}
			if want := (dsr.Identifier{Kind: tc.kind, Value: tc.want}); got != want {
				t.Errorf("got %+q, want %+q", got, want)
			}
		})
	}
}

func TestNormaliseRefuses(t *testing.T) {
	for _, tc := range []struct{ name, kind, value string }{
		{"an_empty_value", "customer_id", ""},
		{"white_space_alone", "customer_id", " \t\u2003"},
		{"an_empty_kind", "", "x"},
		{"a_kind_in_capitals", "Email", "anna@example.org"},
		{"a_kind_with_a_space", "customer id", "1"},
		{"a_value_too_long", "customer_id", strings.Repeat("x", dsr.MaxIdentifierBytes+1)},
		{"broken_utf8", "customer_id", "\xff\xfe"},
		{"nul", "customer_id", "a\x00b"},
		{"an_email_without_at", "email", "anna.example.org"},
		{"an_email_without_local_part", "email", "@example.org"},
		{"an_email_without_domain", "email", "anna@"},
		{"an_email_with_a_display_name", "email", "Anna <anna@example.org>"},
		{"two_emails", "email", "anna@example.org, eva@example.org"},
		{"an_email_with_a_zero_width_space", "email", "anna\u200b@example.org"},
		{"an_email_with_a_line_break", "email", "anna@example.org\r\nBcc:x@example.org"},
		{"a_phone_without_digits", "phone", "+-()"},
		{"a_phone_of_letters", "phone", "0800 FLOWERS"},
		{"a_phone_with_an_extension", "phone", "+49 30 1234 x5"},
		{"a_phone_with_foreign_digits", "phone", "+49 30 1\u0662"},
		{"a_phone_with_a_plus_inside", "phone", "30+49"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := dsr.Identifier{Kind: tc.kind, Value: tc.value}.Normalise()
			if err == nil {
				t.Fatalf("accepted as %+q", got)
			}
			if len(tc.value) > 3 && strings.Contains(err.Error(), tc.value) {
				t.Errorf("the error holds the value: %v", err)
			}
		})
	}
}

func TestNormaliseTwiceIsOnce(t *testing.T) {
	kind := rapid.SampledFrom([]string{dsr.Email, dsr.Phone, "customer_id"})
	value := rapid.OneOf(
		rapid.String(),
		rapid.StringMatching(`[ \t]?[\p{L}0-9.+]{1,12}@[\p{L}a-z.]{1,12}[ ]?`),
		rapid.StringMatching(`[+0-9() ./-]{1,20}`),
	)
	rapid.Check(t, func(t *rapid.T) {
		once, err := dsr.Identifier{Kind: kind.Draw(t, "kind"), Value: value.Draw(t, "value")}.Normalise()
		if err != nil {
			return
		}
		twice, err := once.Normalise()
		if err != nil || twice != once {
			t.Fatalf("%+q became %+q (%v)", once, twice, err)
		}
	})
}

func FuzzNormalise(f *testing.F) {
	for _, v := range []string{"Anna@Example.org", "+49 (0)30 1", "\u0345\u03b1@x", "\xff", "0000", "+"} {
		f.Add("email", v)
		f.Add("phone", v)
	}
	f.Fuzz(func(t *testing.T, kind, value string) {
		once, err := dsr.Identifier{Kind: kind, Value: value}.Normalise()
		if err != nil {
			return
		}
		if twice, err := once.Normalise(); err != nil || twice != once {
			t.Fatalf("%+q became %+q (%v)", once, twice, err)
		}
	})
}

func TestPRFInputSeparatesKindAndValue(t *testing.T) {
	a := dsr.Identifier{Kind: "a", Value: "bc"}.PRFInput()
	b := dsr.Identifier{Kind: "ab", Value: "c"}.PRFInput()
	if !bytes.Equal(a, []byte("a\x00bc")) || bytes.Equal(a, b) {
		t.Errorf("got %q and %q", a, b)
	}
}

func TestValidName(t *testing.T) {
	for s, want := range map[string]bool{
		"email": true, "customer_id": true, "a": true, "lethe.packager": true, "x-1": true, strings.Repeat("a", 64): true,
		"": false, "1a": false, "_a": false, "E": false, "a b": false, "é": false, "a\x00": false, strings.Repeat("a", 65): false,
	} {
		if got := dsr.ValidName(s); got != want {
			t.Errorf("ValidName(%q) = %v", s, got)
		}
	}
}
