// Package schemas holds what travels between the parts of Lethe and the world: an Avro schema for each message, every
// released version of each, and the JSON Schema of the completion record. It holds files and their names, no behaviour;
// package event reads and writes the messages. README.md says which topic carries what, and how a schema may change.
package schemas

import (
	"embed"
	"fmt"
	"path"
	"strconv"
	"strings"
)

// FS holds the schema files: NAME.avsc is the newest version, history/NAME/vN.avsc every released one.
//
//go:embed *.avsc history
var FS embed.FS

// Names of the schemas, which are also the names of their files.
const (
	Identifiers       = "identifiers"
	SubjectRequest    = "subject_request"
	DispatchedRequest = "dispatched_request"
	Acknowledgement   = "acknowledgement"
	RequestStatus     = "request_status"
	RejectedRequest   = "rejected_request"
	Completion        = "completion"
)

// Messages lists the schemas that messages are framed with, in the order of a request's life. Identifiers is none of them:
// it is the plaintext of what is sealed, has no frame and so can never change.
func Messages() []string {
	return []string{SubjectRequest, DispatchedRequest, Acknowledgement, RequestStatus, RejectedRequest, Completion}
}

// Current returns the newest version of a schema.
func Current(name string) ([]byte, error) {
	text, err := FS.ReadFile(name + ".avsc")
	if err != nil {
		return nil, fmt.Errorf("read schema %s: %w", name, err)
	}
	return text, nil
}

// History returns the released versions of a schema, version 1 first. The last one says the same as [Current].
func History(name string) ([][]byte, error) {
	dir := path.Join("history", name)
	entries, err := FS.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("list versions of schema %s: %w", name, err)
	}
	versions := make([][]byte, len(entries))
	for _, e := range entries {
		n, err := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(e.Name(), "v"), ".avsc"))
		if err != nil || n < 1 || n > len(entries) || versions[n-1] != nil {
			return nil, fmt.Errorf("list versions of schema %s: %s is not one of v1.avsc to v%d.avsc", name, e.Name(), len(entries))
		}
		if versions[n-1], err = FS.ReadFile(path.Join(dir, e.Name())); err != nil {
			return nil, fmt.Errorf("read version %d of schema %s: %w", n, name, err)
		}
	}
	return versions, nil
}
