package event

import "github.com/lethe-dsr/lethe/pkg/dsr"

// countNames are the words for counts on the wire, in the order in which they are written.
var countNames = [...]string{"found", "erased", "anonymised", "pseudonymised", "detached", "retained", "exported", "withheld", "cascaded", "remaining"}

// countFields are the fields of c in the order of countNames.
func countFields(c *dsr.Counts) [len(countNames)]*int64 {
	return [...]*int64{
		&c.Found, &c.Erased, &c.Anonymised, &c.Pseudonymised, &c.Detached, &c.Retained, &c.Exported, &c.Withheld, &c.Cascaded, &c.Remaining,
	}
}

func writeCollections(w *writer, collections []dsr.Collection) {
	if !w.array("collections", len(collections)) {
		return
	}
	for i := range collections {
		c := &collections[i]
		w.item()
		w.must("name", c.Name)
		w.must("outcome", string(c.Outcome))
		w.texts("categories", c.Categories)
		writeCounts(w, &c.Counts, c.CountQuality == dsr.CountsLowerBound)
		w.text("count_quality", c.CountQuality)
		w.text("method", c.Method)
		w.text("method_version", c.MethodVersion)
		writeGround(w, c.Ground)
		w.instantPtr("until", c.Until)
		w.text("restricted", c.Restricted)
		w.text("assessment_ref", c.AssessmentRef)
		w.instantPtr("physical_by", c.PhysicalBy)
		w.text("note", c.Note)
	}
	w.end()
}

func readCollections(r *reader) []dsr.Collection {
	n := r.array("collections")
	if n == 0 {
		return nil
	}
	collections := make([]dsr.Collection, 0, n)
	for r.more() {
		c := dsr.Collection{Name: r.must("name"), Outcome: dsr.Outcome(r.must("outcome")), Categories: r.texts("categories")}
		lowerBound := readCounts(r, &c.Counts)
		c.CountQuality = r.text("count_quality")
		if lowerBound && (c.CountQuality == "" || c.CountQuality == dsr.CountsExact) { // one doubtful count makes the line doubtful
			c.CountQuality = dsr.CountsLowerBound
		}
		c.Method = r.text("method")
		c.MethodVersion = r.text("method_version")
		c.Ground = readGround(r)
		c.Until = r.instantPtr("until")
		c.Restricted = r.text("restricted")
		c.AssessmentRef = r.text("assessment_ref")
		c.PhysicalBy = r.instantPtr("physical_by")
		c.Note = r.text("note")
		collections = append(collections, c)
	}
	return collections
}

// writeCounts leaves out what is 0.
func writeCounts(w *writer, c *dsr.Counts, lowerBound bool) {
	fields := countFields(c)
	n := 0
	for _, v := range fields {
		if *v != 0 {
			n++
		}
	}
	if !w.array("counts", n) {
		return
	}
	for i, v := range fields {
		if *v != 0 {
			w.item()
			w.must("name", countNames[i])
			w.mustSize("value", *v)
			w.mustBool("lower_bound", lowerBound)
		}
	}
	w.end()
}

// readCounts passes over a count that it has no word for: a newer writer's, which an older reader need not know.
func readCounts(r *reader, c *dsr.Counts) (lowerBound bool) {
	if r.array("counts") == 0 {
		return false
	}
	fields := countFields(c)
	var seen [len(countNames)]bool
	for r.more() {
		k := countIndex(r.word("name"))
		value := r.mustSize("value")
		if r.mustBool("lower_bound") {
			lowerBound = true
		}
		switch {
		case k < 0:
		case seen[k]:
			r.fail("name", "a count that stands there twice")
		default:
			seen[k] = true
			*fields[k] = value
		}
	}
	return lowerBound
}

func countIndex(name []byte) int {
	for i, n := range countNames {
		if n == string(name) {
			return i
		}
	}
	return -1
}
