package portability

import (
	"crypto/sha256"
	"encoding/hex"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// jsonLines is the media type of a part with a JSON document a line.
const jsonLines = "application/x-ndjson"

// csvTable is the media type of a part of CSV that begins with the names of its fields.
const csvTable = "text/csv; charset=utf-8; header=present"

// records reports whether a part holds the records of a collection, and not a whole object.
func records(mediaType string) bool { return mediaType == jsonLines || mediaType == csvTable }

const (
	maxName = 100                                                 // bytes of one element of a name
	maxStem = maxName - len("-01234567-01234567") - len(".jsonl") // that are left of what a system called it
)

// names gives each part a name of its own in the zip.
type names map[string]bool

func (n names) of(p dsr.Part) string {
	dir := "data/" + harmless(p.System) + "/" + harmless(p.Collection)
	base, ext := dir, ".jsonl"
	if p.MediaType == csvTable {
		ext = ".csv"
	}
	if !records(p.MediaType) {
		for n[strings.ToLower(dir)] { // the records of another collection stand there
			sum := sha256.Sum256([]byte(dir + "\x00" + p.Collection))
			dir += "-" + hex.EncodeToString(sum[:4])
		}
		file := harmless(path.Base(p.Path))
		ext = path.Ext(file)
		base = dir + "/" + strings.TrimSuffix(file, ext)
	}
	// On a file system that takes capitals for small letters two names must differ in more than that; and a name must not be a
	// folder as well.
	for try := base + ext; ; {
		if key := strings.ToLower(try); !n[key] && !n[key+"/"] {
			n[key] = true
			for up := path.Dir(key); up != "."; up = path.Dir(up) {
				n[up+"/"] = true
			}
			return try
		}
		sum := sha256.Sum256([]byte(try + "\x00" + p.Path))
		try = base + "-" + hex.EncodeToString(sum[:4]) + ext
	}
}

// harmless makes one element of a path from a name that a system gave: letters, digits, underscores, dashes and dots inside, so
// nothing that a file system, a browser or a shell takes for more than a letter, and no name that Windows keeps for devices.
func harmless(s string) string {
	out := strings.TrimRight(strings.Map(func(r rune) rune {
		switch {
		case r == utf8.RuneError:
			return '_'
		case r == '_', r == '-', r == '.', unicode.In(r, unicode.L, unicode.M, unicode.Nd):
			return r
		}
		return '_'
	}, norm.NFC.String(strings.ToValidUTF8(s, "\uFFFD"))), ".") // Windows drops dots at the end
	if rest := strings.TrimLeft(out, "."); rest != out { // a dot in front hides a file, two climb up
		out = "_" + rest
	}
	ext := path.Ext(out)
	if len(ext) > 20 {
		ext = ""
	}
	stem := strings.TrimSuffix(out, ext)
	for len(stem)+len(ext) > maxStem && stem != "" {
		_, n := utf8.DecodeLastRuneInString(stem)
		stem = stem[:len(stem)-n]
	}
	if stem == "" {
		stem = "unnamed"
	}
	if first, _, _ := strings.Cut(stem, "."); device(first) {
		stem = "_" + stem
	}
	if stem+ext != s { // two names that became one stay two
		sum := sha256.Sum256([]byte(s))
		stem += "-" + hex.EncodeToString(sum[:4])
	}
	return stem + ext
}

// device reports whether Windows keeps a name for a device, whatever its extension.
func device(s string) bool {
	s = strings.ToLower(s)
	switch s {
	case "con", "prn", "aux", "nul":
		return true
	}
	return len(s) == 4 && (strings.HasPrefix(s, "com") || strings.HasPrefix(s, "lpt")) && s[3] >= '0' && s[3] <= '9'
}
