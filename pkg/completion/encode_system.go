package completion

func writeSystem(w *writer, v *System) {
	w.int("attempts", v.Attempts)
	maybe(w, "attested", v.Attested, writeAttested)
	list(w, "collections", v.Collections, writeCollection)
	w.instant("done_at", v.DoneAt)
	w.optional("error_code", v.ErrorCode)
	w.hex("evidence_sha256", v.EvidenceSHA256)
	w.instant("first_at", v.FirstAt)
	w.texts("identifier_kinds", v.IdentifierKinds)
	list(w, "looks", v.Looks, writeLook)
	w.hex("map_sha256", v.MapSHA256)
	w.text("name", v.Name)
	object(w, "physical", &v.Physical, writePhysical)
	w.text("relation", v.Relation)
	w.optional("trace_id", v.TraceID)
}

func writeAttested(w *writer, v *Attested) {
	w.instant("at", v.At)
	w.text("by_role", v.ByRole)
	w.text("reference", v.Reference)
}

func writeCollection(w *writer, v *Collection) {
	w.optional("assessment_ref", v.AssessmentRef)
	w.texts("categories", v.Categories)
	w.text("count_quality", v.CountQuality)
	object(w, "counts", &v.Counts, writeCounts)
	maybe(w, "ground", v.Ground, writeGround)
	w.optional("method", v.Method)
	w.optional("method_version", v.MethodVersion)
	w.text("name", v.Name)
	w.optional("note", v.Note)
	w.text("outcome", string(v.Outcome))
	maybe(w, "restricted", v.Restricted, writeRestricted)
	w.optional("until", Optional(v.Until))
}

func writeCounts(w *writer, v *Counts) {
	w.count("anonymised", v.Anonymised)
	w.count("cascaded", v.Cascaded)
	w.count("detached", v.Detached)
	w.count("erased", v.Erased)
	w.count("exported", v.Exported)
	w.count("found", v.Found)
	w.count("pseudonymised", v.Pseudonymised)
	w.count("remaining", v.Remaining)
	w.count("retained", v.Retained)
	w.count("withheld", v.Withheld)
}

func writeRestricted(w *writer, v *Restricted) {
	w.optional("how", v.How)
	w.bool("yes", v.Yes)
}

func writeLook(w *writer, v *Look) {
	w.text("action", v.Action)
	w.time("at", v.At)
	w.count("found", v.Found)
	w.optional("method_version", v.MethodVersion)
}

func writePhysical(w *writer, v *Physical) {
	w.instant("gone_by", v.GoneBy)
	w.text("state", v.State)
}

func writeRecipient(w *writer, v *Recipient) {
	w.instant("at", v.At)
	w.optional("name", v.Name)
	w.optional("reason", v.Reason)
	w.text("status", v.Status)
	w.text("system", v.System)
	w.optional("type", v.Type)
}

func writeBackup(w *writer, v *Backup) {
	w.instant("gone_by", v.GoneBy)
	w.text("state", v.State)
	w.text("system", v.System)
}

func writeModel(w *writer, v *Model) {
	w.optional("assessment_ref", v.AssessmentRef)
	w.text("name", v.Name)
	w.text("saw_subject", v.SawSubject)
	w.text("status", v.Status)
}

func writeDelivery(w *writer, v *Delivery) {
	w.text("article", v.Article)
	w.instant("delivered_at", v.DeliveredAt)
	w.instant("destroyed_at", v.DestroyedAt)
	w.instant("expires_at", v.ExpiresAt)
	w.text("free_text_examined", v.FreeTextExamined)
	w.hex("package_sha256", v.PackageSHA256)
	list(w, "withheld", v.Withheld, writeWithheld)
}

func writeWithheld(w *writer, v *Withheld) {
	w.text("collection", v.Collection)
	maybe(w, "ground", v.Ground, writeGround)
	w.text("system", v.System)
}

func writeSuppression(w *writer, v *Suppression) {
	w.time("entered", v.Entered)
	object(w, "ground", &v.Ground, writeGround)
	w.optional("until", Optional(v.Until))
}

func writeReason(w *writer, v *Reason) {
	w.text("code", v.Code)
	w.optional("collection", v.Collection)
	w.optional("name", v.Name)
	w.text("next_step", v.NextStep)
	w.bool("stated", v.Stated)
	w.optional("system", v.System)
	w.text("weight", v.Weight)
}
