package completion

// The members of every object stand in the order of their names, as canonical JSON wants them. A test compares the bytes with
// those of encoding/json after an independent canonicalisation.

// canonical returns the record as canonical JSON.
func canonical(r *Record) ([]byte, error) {
	w := writer{b: make([]byte, 0, 4096+1536*len(r.Systems))}
	w.begin('{')
	writeRecord(&w, r)
	w.end('}')
	return w.b, w.err
}

func writeRecord(w *writer, v *Record) {
	w.time("as_of", v.AsOf)
	list(w, "backups", v.Backups, writeBackup)
	object(w, "clock", &v.Clock, writeClock)
	object(w, "coverage", &v.Coverage, writeCoverage)
	maybe(w, "delivery", v.Delivery, writeDelivery)
	w.text("environment", v.Environment)
	object(w, "identity", &v.Identity, writeIdentity)
	list(w, "models", v.Models, writeModel)
	w.hex("nonce", v.Nonce)
	w.int("number", v.Number)
	maybe(w, "previous", v.Previous, writePrevious)
	list(w, "reasons", v.Reasons, writeReason)
	list(w, "recipients", v.Recipients, writeRecipient)
	w.text("record_id", v.RecordID)
	object(w, "request", &v.Request, writeRequest)
	object(w, "requester", &v.Requester, writeRequester)
	object(w, "responsibility", &v.Responsible, writeResponsible)
	w.text("result", string(v.Result))
	w.optional("retain_until", Optional(v.RetainUntil))
	w.text("schema", v.Schema)
	object(w, "software", &v.Software, writeSoftware)
	object(w, "subject", &v.Subject, writeSubject)
	maybe(w, "suppression", v.Suppression, writeSuppression)
	list(w, "systems", v.Systems, writeSystem)
	w.optional("tenant", v.Tenant)
	w.text("type", v.Type)
}

func writePrevious(w *writer, v *Previous) {
	w.text("record_id", v.RecordID)
	w.hex("sha256", v.SHA256)
}

func writeSoftware(w *writer, v *Software) {
	w.text("commit", v.Commit)
	w.text("version", v.Version)
}

func writeRequest(w *writer, v *Request) {
	w.text("channel", v.Channel)
	w.optional("corrects", v.Corrects)
	maybe(w, "ground", v.Ground, writeGround)
	w.text("id", string(v.ID))
	w.text("kind", string(v.Kind))
	w.optional("parent", v.Parent)
	w.time("received_at", v.ReceivedAt)
	w.text("regulation", v.Regulation)
	maybe(w, "scope", v.Scope, writeScope)
	w.text("source", v.Source)
}

func writeGround(w *writer, v *Ground) {
	w.text("article", v.Article)
	w.optional("law", v.Law)
	w.optional("note", v.Note)
}

func writeScope(w *writer, v *Scope) {
	w.texts("categories", v.Categories)
	w.texts("systems", v.Systems)
}

func writeSubject(w *writer, v *Subject) {
	w.optional("capacity", v.Capacity)
	w.text("ref", v.Ref)
	w.text("ref_key_id", v.RefKeyID)
}

func writeRequester(w *writer, v *Requester) {
	w.optional("authority_ref", v.AuthorityRef)
	w.optional("checked_by", v.CheckedBy)
	w.text("role", v.Role)
}

func writeIdentity(w *writer, v *Identity) {
	w.instant("doubts_raised_at", v.DoubtsRaisedAt)
	w.text("method", v.Method)
	w.instant("resolved_at", v.ResolvedAt)
	w.instant("verified_at", v.VerifiedAt)
}

func writeResponsible(w *writer, v *Responsible) {
	w.text("acting_as", v.ActingAs)
	w.text("controller", v.Controller)
	maybe(w, "decision", v.Decision, writeDecision)
	w.optional("instruction_ref", v.InstructionRef)
}

func writeDecision(w *writer, v *Decision) {
	w.instant("at", v.At)
	w.text("by_role", v.ByRole)
	w.text("decision", v.Decision)
	list(w, "grounds", v.Grounds, writeGround)
}

func writeClock(w *writer, v *Clock) {
	maybe(w, "answer", v.Answer, writeAnswer)
	w.text("calendar_id", v.CalendarID)
	w.time("due_at", v.DueAt)
	w.text("establishment", v.Establishment)
	maybe(w, "extension", v.Extension, writeExtension)
	w.text("on_time", v.OnTime)
	list(w, "pauses", v.Pauses, writePause)
	w.text("rule_id", v.RuleID)
	w.text("time_zone", v.TimeZone)
}

func writePause(w *writer, v *Pause) {
	w.time("from", v.From)
	w.text("reason", v.Reason)
	w.instant("to", v.To)
}

func writeExtension(w *writer, v *Extension) {
	w.instant("notified_at", v.NotifiedAt)
	w.text("reason", v.Reason)
	w.time("until", v.Until)
}

func writeAnswer(w *writer, v *Answer) {
	w.text("channel", v.Channel)
	w.time("informed_at", v.InformedAt)
	w.hex("text_sha256", v.TextSHA256)
}

func writeCoverage(w *writer, v *Coverage) {
	w.texts("expected", v.Expected)
	w.hex("map_sha256", v.MapSHA256)
	w.optional("map_version", v.MapVersion)
	list(w, "not_covered", v.NotCovered, writeNotCovered)
}

func writeNotCovered(w *writer, v *NotCovered) {
	w.text("name", v.Name)
	w.text("reason", v.Reason)
}
