package schemas

import _ "embed" // for CompletionRecord

// CompletionRecord is the JSON Schema (draft 2020-12) of a completion record's payload; package completion seals and verifies
// them.
//
//go:embed completion_record.schema.json
var CompletionRecord []byte
