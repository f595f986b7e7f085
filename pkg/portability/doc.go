// Package portability is the format of what a person receives on an access or portability request: one zip file that they can
// read in a browser and that a program can read as well (GDPR Art. 12(1), 15(3), 20(1): concise, intelligible, structured,
// commonly used and machine-readable).
//
//	index.html                               a page that says what is here; needs nothing from outside
//	manifest.json                            every file with its SHA-256, size and number of records, and the page's SHA-256
//	data/<system>/<collection>.jsonl         JSON Lines: one record a line, UTF-8
//	data/<system>/<collection>.csv           CSV (RFC 4180): names, then one record a line; where a system exports that
//	data/<system>/<collection>/<name>        whole objects, as they were
//
// [Write] streams: memory does not grow with the data. It checks each part against the hash with which its system
// acknowledged it and refuses the whole package when one differs. [Verify] checks a package again, with the file alone.
//
// It refuses to interpret the data: what is in a part goes into the package as it came. Names that come from a system are made
// harmless before they become names of files, and whatever is shown on the page is escaped.
package portability
