// Package intake is the upstream side of Lethe in Go: it publishes subject requests and follows what becomes of them.
//
// [Publisher.Publish] seals the identifiers to the coordinator's public key before anything leaves the process, so that neither
// the broker nor a backup of it ever holds them in clear. [Follow] reads the compacted status topic. A client in another
// language needs Kafka, Avro and HPKE alone: schemas/README.md describes the bytes.
//
// It refuses to send what the coordinator is bound to reject: an id that is no UUID, an unknown kind, no identifier.
package intake
