package portability

import (
	"time"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// SchemaV1 is what the field schema of a manifest says.
const SchemaV1 = "lethe.package.v1"

// Names of the files that every package has.
const (
	ManifestName = "manifest.json"
	IndexName    = "index.html"
)

// Manifest lists what is in a package. It is the file manifest.json.
type Manifest struct {
	Schema     string         `json:"schema"`
	RequestID  dsr.RequestID  `json:"request_id"`
	Kind       dsr.Kind       `json:"kind"`
	Article    string         `json:"article"`
	Controller string         `json:"controller,omitempty"`
	ReceivedAt time.Time      `json:"received_at,omitzero"`
	MadeAt     time.Time      `json:"made_at"`
	PageSHA256 string         `json:"page_sha256"` // of index.html, hexadecimal
	Files      []File         `json:"files"`
	Systems    []SystemResult `json:"systems"`
}

// File is one file of data.
type File struct {
	Name       string `json:"name"` // in the zip
	System     string `json:"system"`
	Collection string `json:"collection"`
	MediaType  string `json:"media_type"`
	SHA256     string `json:"sha256"` // hexadecimal, of the file's content
	SizeBytes  int64  `json:"size_bytes"`
	Records    int64  `json:"records"`
}

// SystemResult says what became of a system that gave no file.
type SystemResult struct {
	System  string      `json:"system"`
	Outcome dsr.Outcome `json:"outcome"`
}

// Package is what goes into a package.
type Package struct {
	RequestID  dsr.RequestID
	Kind       dsr.Kind
	Controller string    // who answers for the processing; may be empty
	ReceivedAt time.Time // when the request was received
	MadeAt     time.Time // also the time of every file in the zip, so that the same parts give the same bytes
	Parts      []dsr.Part
	Lines      []dsr.Line // systems that gave no part, and why
	Facts      []Facts    // what the data map declares, for the page; may be empty
}

// Facts are what GDPR Art. 15(1) wants a person to know about the processing in one system, in words for a person. An empty list
// means not declared: where it is declared that there is none, say so in a word ("nobody").
type Facts struct {
	System     string
	Title      string
	Purposes   []string // Art. 15(1)(a)
	Categories []string // (b)
	Recipients []string // (c)
	Retention  []string // (d)
	Sources    []string // (g)
}

// Article is the article on which a kind of request rests.
func Article(k dsr.Kind) string {
	if k == dsr.Portability {
		return "GDPR Art. 20"
	}
	return "GDPR Art. 15"
}
