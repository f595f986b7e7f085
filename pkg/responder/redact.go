package responder

import "strings"

// shortest is the length of value from which redact looks for it: a shorter one is part of every other word.
const shortest = 3

// redact returns the text of a system's error for the log, without the values that the dispatches brought. A database likes
// to quote what it refuses.
func redact(err error, ds ...Dispatch) string {
	text := err.Error()
	for _, d := range ds {
		for _, i := range d.Identifiers {
			text = cut(text, i.Value)
		}
		for _, k := range d.Keys {
			text = cut(text, k.Value)
		}
	}
	return text
}

// cut replaces every occurrence of value, in whatever case.
func cut(text, value string) string {
	if len(value) < shortest {
		return text
	}
	lower, low := strings.ToLower(text), strings.ToLower(value)
	if len(lower) != len(text) || !strings.Contains(lower, low) { // some letters change their length with their case
		return strings.ReplaceAll(text, value, "[redacted]")
	}
	var b strings.Builder
	for {
		i := strings.Index(lower, low)
		if i < 0 {
			b.WriteString(text)
			return b.String()
		}
		b.WriteString(text[:i])
		b.WriteString("[redacted]")
		text, lower = text[i+len(low):], lower[i+len(low):]
	}
}
