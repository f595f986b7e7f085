package completion

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// Report is one record as a person reads it, on one page. Everything in it follows from the record, save what Report itself says
// about the moment of printing.
type Report struct {
	*Verified

	At      time.Time // of printing: days left are counted from here; zero means the record's as_of
	Addenda int32     // the highest number among the addenda known at printing; 0: none
	File    string    // the record's file, for the command that checks it; default RECORD.json
	KeyFile string    // the public keys' file; default record.pub
}

// Text writes the report as plain text, at most 100 columns wide where words allow it.
func Text(w io.Writer, r Report) error { return writeText(w, r.page()) }

// HTML writes the report as one self-contained page: no scripts, nothing from elsewhere, fit for printing.
func HTML(w io.Writer, r Report) error { return writeHTML(w, r.page()) }

// page is what both forms of a report show.
type page struct {
	Title    string
	Facts    []string // the line under the title
	Banners  []string // what must not be overlooked
	Result   string
	Tone     string // of the result: open, remainder, closed or plain; colour repeats it, never says it alone
	Sections []section
}

// section is a heading with paragraphs, a table and a list, each of which may be missing.
type section struct {
	Heading string
	Paras   []para
	Table   *table
	Notes   []para // to read the table by
	Items   []para
	Numbers bool // the items are counted
}

// para is a run of words, some of them stressed.
type para []span

type span struct {
	Text   string
	Strong bool
	Code   bool
}

type table struct {
	Columns []column
	Rows    [][]string
}

type column struct {
	Name   string
	Number bool
	Wordy  bool // holds more than a word or two
}

// Class is how the page styles the column.
func (c column) Class() string {
	switch {
	case c.Number:
		return "number"
	case c.Wordy:
		return "wordy"
	}
	return ""
}

func plain(format string, args ...any) para { return para{{Text: fmt.Sprintf(format, args...)}} }

func (p para) and(format string, args ...any) para {
	return append(p, span{Text: fmt.Sprintf(format, args...)})
}

func (p para) strong(format string, args ...any) para {
	return append(p, span{Text: fmt.Sprintf(format, args...), Strong: true})
}

func (r Report) page() *page {
	rec := r.Record
	if r.At.IsZero() {
		r.At = rec.AsOf
	}
	b := pageBuilder{r: rec, report: r, printer: newPrinter(&rec.Clock)}
	name := title(string(rec.Request.Kind))
	pg := &page{
		Title:  name + " " + short(string(rec.Request.ID)),
		Result: resultNames[rec.Result],
		Tone:   tone(rec),
		Facts: []string{
			recordName(rec),
			"position at " + b.stamp(rec.AsOf),
			declared(rec.Responsible.Controller) + ", " + declared(rec.Clock.Establishment) + ", " + actingAs(rec.Responsible.ActingAs),
			"personal data, keep until " + rec.RetainUntil.text(),
		},
		Banners: b.banners(),
	}
	if rec.Tenant != "" {
		pg.Facts = append(pg.Facts, "tenant "+string(rec.Tenant))
	}
	pg.Sections = append(pg.Sections,
		section{Heading: "In one sentence", Paras: []para{plain("%s", Sentence(rec))}},
		section{Heading: "Who asked", Paras: b.whoAsked()},
		section{Heading: "Clock", Paras: []para{b.clock()}},
		section{Heading: "What was searched", Paras: b.searched()},
		b.happened(),
	)
	worked := len(rec.Systems) > 0
	if worked {
		pg.Sections = append(pg.Sections, b.kept())
	}
	if worked && rec.Request.Kind == dsr.Erasure {
		pg.Sections = append(pg.Sections, b.backups(), b.told())
	}
	if rec.Delivery != nil {
		pg.Sections = append(pg.Sections, section{Heading: "Package", Paras: []para{b.delivery(rec.Delivery)}})
	}
	if worked && rec.Request.Kind == dsr.Erasure || len(rec.Models) > 0 {
		pg.Sections = append(pg.Sections, b.models())
	}
	if s := rec.Suppression; s != nil {
		pg.Sections = append(pg.Sections, section{Heading: "Suppression list", Paras: []para{plain("entered %s on the ground of %s, until %s", b.date(s.Entered), groundText(&s.Ground), s.Until.text())}})
	}
	pg.Sections = append(pg.Sections, b.openPoints(), section{Heading: "Not said here", Paras: b.unsaid()}, b.checkIt())
	pg.clean()
	return pg
}

// clean takes out of every text what could deceive its reader.
func (pg *page) clean() {
	each := func(ss []string) {
		for i := range ss {
			ss[i] = clean(ss[i])
		}
	}
	pg.Title = clean(pg.Title)
	each(pg.Facts)
	each(pg.Banners)
	for i := range pg.Sections {
		s := &pg.Sections[i]
		for _, p := range slices.Concat(s.Paras, s.Notes, s.Items) {
			for k := range p {
				p[k].Text = clean(p[k].Text)
			}
		}
		if s.Table != nil {
			for _, row := range s.Table.Rows {
				each(row)
			}
		}
	}
}

func recordName(r *Record) string {
	if r.Type == TypeAddendum {
		return fmt.Sprintf("addendum %d, record %s", r.Number, short(r.RecordID))
	}
	return "record " + short(r.RecordID)
}

func actingAs(s string) string {
	switch s {
	case ActingController:
		return "as controller"
	case ActingProcessor:
		return "as processor"
	case ActingJoint:
		return "as joint controller"
	}
	return "role " + notDeclared
}

// tone is closed only where nothing at all is open, the answer to the person included.
func tone(r *Record) string {
	switch r.Result {
	case dsr.Incomplete:
		return "open"
	case dsr.Partial:
		return "remainder"
	case dsr.Complete, dsr.NothingFound:
		if r.Clock.OnTime == OnTime {
			return "closed"
		}
	}
	return "plain"
}

// pageBuilder writes the sections of a report.
type pageBuilder struct {
	printer

	r      *Record
	report Report
}

func (b *pageBuilder) banners() []string {
	var out []string
	if b.r.Environment != Production {
		out = append(out, "Sealed in a development environment: it proves nothing to anybody.")
	}
	if b.report.Addenda > b.r.Number {
		out = append(out, fmt.Sprintf("No longer the position: addendum %d is known, and the highest number holds.", b.report.Addenda))
	}
	if b.lost != "" {
		out = append(out, "The time zone "+b.lost+" is not known on this machine: all times are in UTC.")
	}
	return out
}

func (b *pageBuilder) unsaid() []para {
	var out []string
	for _, n := range b.r.Coverage.NotCovered {
		out = append(out, n.Name)
	}
	out = append(out, "systems that the data map does not name")
	if b.r.Request.Kind == dsr.Erasure {
		out = append(out, "what recipients did")
	}
	out = append(out, "what happened after this instant", "later addenda")
	paras := []para{plain("%s", strings.Join(out, "; "))}
	if missing := b.unrecorded(); len(missing) > 0 {
		paras = append(paras, para{}.strong("Not recorded: ").and("%s", strings.Join(missing, "; ")))
	}
	return paras
}

// unrecorded lists what a record may leave out and an authority will ask for. It bars no result: where the controller demands it,
// the coordinator keeps the request back and states it as a reason, which stands among the open points.
func (b *pageBuilder) unrecorded() []string {
	r := b.r
	var out []string
	if r.Identity.VerifiedAt == nil && !b.stated(ReasonIdentity) {
		out = append(out, "that anybody verified who asked")
	}
	if r.Responsible.Decision == nil && !b.stated(ReasonDecision) {
		out = append(out, "that anybody decided on the request")
	}
	if r.Request.Ground == nil && r.Request.Kind == dsr.Erasure {
		out = append(out, "on which ground the person relies (Art. 17(1))")
	}
	return out
}

func (b *pageBuilder) stated(code string) bool {
	return slices.ContainsFunc(b.r.Reasons, func(x Reason) bool { return x.Code == code })
}

func (b *pageBuilder) checkIt() section {
	file, key := b.report.File, b.report.KeyFile
	if file == "" {
		file = "RECORD.json"
	}
	if key == "" {
		key = PublicKeyFile
	}
	r := b.r
	return section{Heading: "Check it", Paras: []para{
		{{Text: "lethe record verify " + file + " --key " + key, Code: true}},
		plain("key id %s · SHA-256 of the envelope %x · record %s, number %d · request %s · software %s (%s) · addenda known at printing: %d",
			b.report.KeyID, b.report.SHA256, r.RecordID, r.Number, r.Request.ID, r.Software.Version, r.Software.Commit, b.report.Addenda),
	}}
}
