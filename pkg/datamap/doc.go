// Package datamap reads a company's data map: what personal data each of its systems holds, why, how a person is found there,
// and what an erasure or an export does to it.
//
// The format is Fideslang (https://ethyca.github.io/fideslang), as the Python package fideslang 3.1.4 reads it: top-level lists
// dataset and system; the other resources are accepted, of which data_category and data_use extend the taxonomy. What this
// package reads it reads strictly; every other key of Fideslang, or of anybody else, is ignored, as Fideslang does. Native words
// come first: references, identity, primary_key, masking_strategy_override, skip_processing, erase_after, privacy_declarations.
// What Fideslang has no word for stands in the meta of a dataset, under keys that begin with "lethe.":
//
//	lethe.version: 1            # of these keys; required beside any other of them
//	lethe.map_version: "12"     # the company's own name for this edition; one in all files
//	lethe.subjects:             # whom one can ask about: where their row is, its key (one field or a list), what finds it
//	  customer: {collection: customers, key: id, identities: {email: email, customer_id: id}}
//	lethe.erase:                # by kind of subject: what becomes of rows that are the person's, and of references to them
//	  customer: {customers: anonymise, orders: delete, invoices: keep, notes.about_id: detach}
//	lethe.ground:               # why rows stay, by kind and collection; from is erasure (the default) or end_of_year
//	                            # (of the erasure, or of each row's own day with from_field: a field of the collection)
//	  customer:
//	    invoices: {article: "GDPR 17(3)(b)", law: "tax law", from: end_of_year, period: P10Y, restriction: "finance only", note: "…"}
//	lethe.shared: {addresses: keep}             # rows that the person's refer to, where another person's do too: keep or anonymise
//	lethe.shared_identities: [device_id]        # kinds of identifier that several people have: they never find a person's own row
//	lethe.retention: {invoices: P10Y}           # ISO 8601
//	lethe.export: {customer: {notes: false}}    # what an access or portability request leaves out, by kind and collection
//	lethe.export_exclude: {customer: [orders.margin]} # … and by field
//	lethe.free_text: {customer: [notes.body]}         # columns of text, in everybody's rows, where the person may be named: what is found is said
//	lethe.not_followed: [orders.product_id]     # references left out on purpose; rows that hold one may keep the database from deleting a person's
//	lethe.assessment: {customer: {visits: "DPIA 2026/7"}} # an examined anonymisation; without one masked rows are pseudonymised
//	lethe.objects:                              # where rows are that are no tables; if there, it names every collection
//	  conversations: {format: jsonl, path: "conversations/*.jsonl"}
//	  embeddings: {format: object, prefix: "embeddings/{customer_id}/"}
//
// A reference with direction from, or none, finds the rows that refer to a person's. One with direction to finds the rows that the person's refer to, which
// others may share. For both, list it twice.
//
// and, in the meta of a dataset or of the system that holds it (the dataset's own comes first):
//
//	lethe.backups: {within: P35D}   # or none: when backups have forgotten
//	lethe.physical: {within: P7D}   # when an erasure becomes physical
//	lethe.recipients: []            # [{name, type}] to be told (GDPR Art. 19)
//	lethe.relation: own             # own, processor or joint
//	lethe.not_covered: []           # [{name, reason}]
//
// What these do not declare is unknown, and a record says so.
//
// A [System] is one place that holds personal data. [Load] reads files into a [Map] or returns [Errors], all at once and with
// their places; [Map.Check] finds what is well written and does not fit together. The coordinator asks [Map.Frozen],
// [Map.Plan] and [Map.SourcesOf]; a responder reads the [Subject] of its system: how rows are found, what becomes of them, in
// which order. [Map.Explain] says the same in words.
//
// The package never looks at a system: it knows tables by what the map says of them alone.
package datamap
