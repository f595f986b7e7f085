// Package completion makes, signs, checks and explains completion records: the sealed proof of what became of one subject
// request, built from every expected acknowledgement.
//
// A record proves, tamper-evidently, what each system reported and what the looks measured, in these live systems, at this
// instant, in this version of the data map, minus what it lists as not covered; no more. The package refuses to say more than
// the lines of a record support: [Seal] computes the result itself with [ResultOf], and [Verify] computes it again.
//
// A record is a DSSE envelope (https://github.com/secure-systems-lab/dsse) over canonical JSON (RFC 8785), signed with Ed25519
// (RFC 8032). The envelope is canonical JSON too, and verification demands that re-encoding gives the same bytes, so that no
// byte of a record can change unnoticed, not even one that carries no meaning. Everything in a record is derived from its
// inputs: the same inputs and key give the same bytes.
//
// A record is itself personal data: it names its data subject by a reference that is different for each request, carries a
// nonce, and a date until which it is kept.
//
// Where to read next: [Record] for the fields, result.go for the rules, seal.go and verify.go for the two ends of a record's
// life, report.go for what a person reads. The JSON Schema is schemas/completion_record.schema.json.
package completion
