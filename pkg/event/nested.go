package event

import "github.com/lethe-dsr/lethe/pkg/dsr"

// The records that stand in more than one schema, with the same definition in each.

func writeGround(w *writer, v *dsr.Ground) {
	if w.begin("ground", v != nil) {
		writeGroundFields(w, *v)
		w.end()
	}
}

func writeGroundFields(w *writer, v dsr.Ground) {
	w.text("article", v.Article)
	w.text("law", v.Law)
	w.text("note", v.Note)
}

func readGround(r *reader) *dsr.Ground {
	if !r.begin("ground") {
		return nil
	}
	v := readGroundFields(r)
	r.end()
	return &v
}

func readGroundFields(r *reader) dsr.Ground {
	return dsr.Ground{Article: r.text("article"), Law: r.text("law"), Note: r.text("note")}
}

func writeScope(w *writer, v *dsr.Scope) {
	if w.begin("scope", v != nil) {
		w.texts("systems", v.Systems)
		w.texts("categories", v.Categories)
		w.end()
	}
}

func readScope(r *reader) *dsr.Scope {
	if !r.begin("scope") {
		return nil
	}
	v := &dsr.Scope{Systems: r.texts("systems"), Categories: r.texts("categories")}
	r.end()
	return v
}

func writeDelivery(w *writer, v *dsr.Delivery) {
	if w.begin("delivery", v != nil) {
		w.text("channel", v.Channel)
		w.text("format", v.Format)
		w.end()
	}
}

func readDelivery(r *reader) *dsr.Delivery {
	if !r.begin("delivery") {
		return nil
	}
	v := &dsr.Delivery{Channel: r.text("channel"), Format: r.text("format")}
	r.end()
	return v
}

func writeParts(w *writer, parts []dsr.Part) {
	if !w.array("parts", len(parts)) {
		return
	}
	for _, p := range parts {
		w.item()
		w.must("system", p.System)
		w.text("collection", p.Collection)
		w.must("path", p.Path)
		w.text("media_type", p.MediaType)
		w.mustHash("sha256", p.SHA256)
		w.mustSize("size_bytes", p.SizeBytes)
		w.size("records", p.Records)
	}
	w.end()
}

func readParts(r *reader) []dsr.Part {
	n := r.array("parts")
	if n == 0 {
		return nil
	}
	parts := make([]dsr.Part, 0, n)
	for r.more() {
		parts = append(parts, dsr.Part{
			System: r.must("system"), Collection: r.text("collection"), Path: r.must("path"), MediaType: r.text("media_type"),
			SHA256: r.mustHash("sha256"), SizeBytes: r.mustSize("size_bytes"), Records: r.size("records"),
		})
	}
	return parts
}
