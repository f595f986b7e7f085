package dsr_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

func TestParseRequestID(t *testing.T) {
	const id = "7f3c1e52-9a4b-4c8d-8e2f-0123456789a1"
	for _, tc := range []struct {
		name, in string
		want     dsr.RequestID // empty: refused
	}{
		{"lower_case", id, id},
		{"upper_case_is_lowered", "7F3C1E52-9A4B-4C8D-8E2F-0123456789A1", id},
		{"any_version", "7f3c1e52-9a4b-7c8d-8e2f-0123456789a1", "7f3c1e52-9a4b-7c8d-8e2f-0123456789a1"},
		{"empty", "", ""},
		{"nil_uuid", "00000000-0000-0000-0000-000000000000", ""},
		{"braces", "{7f3c1e52-9a4b-4c8d-8e2f-0123456789a}", ""},
		{"without_dashes", "7f3c1e529a4b4c8d8e2f0123456789a1", ""},
		{"dash_in_a_wrong_place", "7f3c1e529-a4b-4c8d-8e2f-0123456789a1", ""},
		{"not_hexadecimal", "7f3c1e52-9a4b-4c8d-8e2f-0123456789g1", ""},
		{"white_space", " f3c1e52-9a4b-4c8d-8e2f-0123456789a1", ""},
		{"wide_letters", "7f3c1e52-9a4b-4c8d-8e2f-012345678\uff11a", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := dsr.ParseRequestID(tc.in)
			if got != tc.want || (err == nil) != (tc.want != "") {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

func TestKinds(t *testing.T) {
	for _, tc := range []struct {
		kind           dsr.Kind
		valid, exports bool
	}{
		{dsr.Erasure, true, false},
		{dsr.Portability, true, true},
		{dsr.Access, true, true},
		{"", false, false},
		{"rectification", false, false},
	} {
		if tc.kind.Valid() != tc.valid || tc.kind.Exports() != tc.exports {
			t.Errorf("%q: valid %v, exports %v", tc.kind, tc.kind.Valid(), tc.kind.Exports())
		}
	}
}

func TestScopeEmpty(t *testing.T) {
	var none *dsr.Scope
	if !none.Empty() || !(&dsr.Scope{}).Empty() {
		t.Error("a scope without names narrows something")
	}
	if (&dsr.Scope{Systems: []string{"shop"}}).Empty() || (&dsr.Scope{Categories: []string{"user"}}).Empty() {
		t.Error("a scope with names narrows nothing")
	}
}

func TestDispatchTopic(t *testing.T) {
	got := map[string]string{}
	for _, k := range []dsr.Kind{dsr.Erasure, dsr.Portability, dsr.Access} {
		for _, p := range []dsr.Phase{dsr.Resolve, dsr.Act, dsr.Verify, dsr.Package} {
			got[string(k)+" "+string(p)] = dsr.DispatchTopic(k, p)
		}
	}
	want := map[string]string{
		"erasure resolve": "subject-requests.resolution", "portability resolve": "subject-requests.resolution", "access resolve": "subject-requests.resolution",
		"erasure act": "subject-requests.erasure", "portability act": "subject-requests.portability", "access act": "subject-requests.access",
		"erasure verify": "subject-requests.verification", "portability verify": "subject-requests.verification", "access verify": "subject-requests.verification",
		"erasure package": "subject-requests.packaging", "portability package": "subject-requests.packaging", "access package": "subject-requests.packaging",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
