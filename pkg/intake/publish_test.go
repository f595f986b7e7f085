package intake

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/event"
	"github.com/lethe-dsr/lethe/pkg/sealing"
)

func newPublisher(t *testing.T) (*Publisher, *sealing.PrivateKeys, *event.Codec) {
	t.Helper()
	keys, err := sealing.GeneratePrivateKeys()
	if err != nil {
		t.Fatal(err)
	}
	codec, err := event.NewCodec()
	if err != nil {
		t.Fatal(err)
	}
	return New(nil, codec, keys.Public(), Config{Source: "web-shop"}), keys, codec
}

func good() dsr.SubjectRequest {
	return dsr.SubjectRequest{
		RequestID: "0A6F1C1E-7F4B-4C38-9B1E-3C8F4B1D2E3F", Kind: dsr.Erasure, ReceivedAt: time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC),
		Identifiers: []dsr.Identifier{{Kind: dsr.Email, Value: " Ada@Post.Example"}},
	}
}

func TestIdentifiersAreSealed(t *testing.T) {
	p, keys, codec := newPublisher(t)
	value, err := p.encode(good())
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(strings.ToLower(string(value)), "ada@") {
		t.Error("the address stands in the message")
	}
	r, err := codec.DecodeSubjectRequest(value)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Identifiers) > 0 || r.Source != "web-shop" || r.RequestID != "0a6f1c1e-7f4b-4c38-9b1e-3c8f4b1d2e3f" {
		t.Errorf("request %+v", r)
	}
	plain, err := keys.Open(r.RequestID, r.SealedIdentifiers)
	if err != nil {
		t.Fatal(err)
	}
	ids, err := codec.DecodeIdentifiers(plain)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]dsr.Identifier{{Kind: dsr.Email, Value: "ada@post.example"}}, ids); d != "" {
		t.Error(d)
	}
}

func TestWhatWouldBeRejectedIsNotSent(t *testing.T) {
	p, _, _ := newPublisher(t)
	for name, spoil := range map[string]func(*dsr.SubjectRequest){
		"an_id_that_is_no_uuid":        func(r *dsr.SubjectRequest) { r.RequestID = "42" },
		"an_unknown_kind":              func(r *dsr.SubjectRequest) { r.Kind = "forget" },
		"no_identifier":                func(r *dsr.SubjectRequest) { r.Identifiers = nil },
		"an_address_without_a_domain":  func(r *dsr.SubjectRequest) { r.Identifiers[0].Value = "Ada.Secret" },
		"no_instant_of_receipt":        func(r *dsr.SubjectRequest) { r.ReceivedAt = time.Time{} },
		"an_identifier_of_no_kind":     func(r *dsr.SubjectRequest) { r.Identifiers[0].Kind = "" },
		"an_identifier_with_a_nul":     func(r *dsr.SubjectRequest) { r.Identifiers[0].Value = "Ada.Secret\x00@x" },
		"an_identifier_far_too_long":   func(r *dsr.SubjectRequest) { r.Identifiers[0].Value = strings.Repeat("Ada.Secret", 500) },
		"an_identifier_of_other_bytes": func(r *dsr.SubjectRequest) { r.Identifiers[0].Value = "Ada.Secret\xff@x" },
	} {
		t.Run(name, func(t *testing.T) {
			r := good()
			spoil(&r)
			err := p.Publish(t.Context(), good(), r)
			if err == nil || !strings.Contains(err.Error(), "request 2 of 2") {
				t.Fatalf("error %v", err)
			}
			if strings.Contains(err.Error(), "Secret") {
				t.Error("the error holds the value")
			}
		})
	}
}
