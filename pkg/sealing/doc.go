// Package sealing holds everything that keeps identifiers unreadable on their way through Lethe, and the keys for it.
//
//   - [PublicKey] and [PrivateKeys]: an upstream system seals identifiers to the coordinator (HPKE, RFC 9180).
//   - [Keyset]: identifiers and row keys inside, from the coordinator to the responders and back (AEAD, keys that rotate).
//   - [Envelope]: identifiers at rest in the coordinator's store, each under a data key of its own.
//   - [PRF]: the pseudonym of an identifier, the pseudonym of a request's subject, and values derived from both.
//   - [Dir]: the key files of all of them. The Ed25519 keys that sign completion records belong to package completion.
//
// Every type is immutable once made and safe for concurrent use; a change of keys gives a new value, which the caller saves.
// A rotation takes two steps, so that no reader meets a key that it does not hold: add the new key everywhere while the old
// one still seals, then promote it. What an old key sealed opens until that key is removed; once every copy of it is gone,
// what topics and backups still hold is shredded.
//
// The package refuses key files that others can read, opens nothing under a wrong associated data, and never puts a
// plaintext, a key or an identifier into an error.
//
// Where to read next: schemas/README.md has the byte format of sealed identifiers for clients in other languages.
package sealing
