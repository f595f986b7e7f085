package demo

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/lethe-dsr/lethe/pkg/completion"
	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/services/lethe/roles"
)

// screen is what a newcomer sees: plain text, nothing that needs a colour to be understood.
type screen struct {
	w     io.Writer
	began time.Time
}

func (s *screen) title(c *Company, p *roles.Process) {
	fmt.Fprintf(s.w, "lethe demo: %s, %d customers, three systems (a shop database, support conversations, embeddings made from them),\n", p.Config.Controller.Name, len(c.People))
	fmt.Fprintf(s.w, "an embedded broker and the real services. Everything is invented, and every record says `dev`.\n")
}

func (s *screen) scene(title, format string, args ...any) {
	fmt.Fprintf(s.w, "\n%s\n%s\n", title, strings.Repeat("-", len(title)))
	s.say(format, args...)
}

func (s *screen) say(format string, args ...any) {
	fmt.Fprintf(s.w, "  %4.1f s  %s\n", time.Since(s.began).Seconds(), fmt.Sprintf(format, args...))
}

// requests tells what became of each request, and of the crowd as a whole.
func (s *screen) requests(st *stage, rs []*request) {
	crowd := map[dsr.Result]int{}
	for _, r := range rs {
		if r.crowd {
			crowd[r.want]++
			continue
		}
		s.say("%-13s %-12s %s", strings.ToUpper(words(r.want)), r.kind, r.what)
	}
	if len(crowd) > 0 {
		s.say("and of %d other erasures %d are complete and %d partial (invoices)", crowd[dsr.Complete]+crowd[dsr.Partial], crowd[dsr.Complete], crowd[dsr.Partial])
	}
}

func words(r dsr.Result) string { return strings.ReplaceAll(string(r), "_", " ") }

// last is the screen at the end: what each record says, then what was searched and what was not.
func (s *screen) last(lines []string, owed *dsr.Rejection, f finding, flipped, pipeline string, zone *time.Location) {
	const title = "What each record says"
	fmt.Fprintf(s.w, "\n%s\n%s\n", title, strings.Repeat("-", len(title)))
	for _, l := range lines {
		fmt.Fprintf(s.w, "  %s\n", l)
	}
	fmt.Fprintf(s.w, "  %-13s  %-11s  %.8s  due %s  still owed an answer (%s)\n", "REJECTED", owed.Kind, owed.RequestID, owed.DueAt.In(zone).Format("Mon 2 Jan 2006"), owed.Reason)
	others := "other people's rows unchanged"
	if !f.others {
		others = "OTHER PEOPLE'S ROWS CHANGED"
	}
	fmt.Fprintf(s.w, "\nSearched the stores ourselves: %d of %d values left; %s; %s.\n", f.left, f.values, others, flipped)
	fmt.Fprintf(s.w, "Searched what the pipeline wrote (topics, database, ledgers, log, records, reports): %s.\n", pipeline)
	fmt.Fprintf(s.w, "Not checked here: backups and disk pages (the records say until when), what was printed, and whether anybody was told.\n")
}

// kept says what the play has made, and where it is if it was to be left.
func (s *screen) kept(dir string, left bool, records, packages int) {
	fmt.Fprintf(s.w, "\n%d records, a report for each and %d packages ", records, packages)
	if !left {
		fmt.Fprintf(s.w, "were made and are gone again; to look at them: lethe demo --dir DIR\n")
		return
	}
	fmt.Fprintf(s.w, "are in %s\n", dir)
	fmt.Fprintf(s.w, "  lethe record verify %s/records/*.json --key %s/keys/%s\n", dir, dir, completion.PublicKeyFile)
	fmt.Fprintf(s.w, "  lethe serve --dev --dir %s --config %s/lethe.yml      # go on with this company\n", dir, dir)
}
