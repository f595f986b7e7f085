package portability

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

//go:embed index.html.tmpl
var indexTemplate string

// pageView is what the page shows.
type pageView struct {
	Title, Controller, Article, Received, Made, RequestID string
	Access                                                bool
	Systems                                               []systemView
	Lines                                                 []lineView
	Files                                                 int
	Records                                               int64
}

type systemView struct {
	Name, Title string
	Facts       []factView
	Collections []collectionView
}

// factView is one line of what the controller declares of a system.
type factView struct {
	Term   string
	Values []string // none: not declared
}

type collectionView struct {
	Name, File, Size string
	Records          int64
	Objects          []objectView
	MoreObjects      int // that are not listed
	table
}

type objectView struct {
	File

	Size string
	Open bool // a browser only shows it: it gets a link
}

type lineView struct {
	System, Words string
	Missing       bool // it may hold data that is not in the package
}

// listedObjects is how many whole objects of a collection the page lists; the manifest lists all.
const listedObjects = 200

// index writes the page. html/template escapes everything that comes from a system.
func index(w io.Writer, p Package, m Manifest, views previews) error {
	t, err := template.New("index").Parse(indexTemplate)
	if err != nil {
		return err
	}
	v := pageView{
		Title: "Your data", Controller: shown(p.Controller, previewCell), Article: m.Article, Access: p.Kind == dsr.Access, RequestID: string(p.RequestID),
		Received: day(p.ReceivedAt), Made: day(p.MadeAt), Files: len(m.Files),
	}
	facts := map[string]*Facts{}
	for i := range p.Facts {
		facts[p.Facts[i].System] = &p.Facts[i]
	}
	for _, view := range views.views {
		f := view.file
		v.Records += f.Records
		if n := len(v.Systems); n == 0 || v.Systems[n-1].Name != shown(f.System, previewName) {
			v.Systems = append(v.Systems, systemOf(f.System, facts[f.System], v.Access))
		}
		s := &v.Systems[len(v.Systems)-1]
		if !records(f.MediaType) {
			if n := len(s.Collections); n > 0 && s.Collections[n-1].Name == shown(f.Collection, previewName) && s.Collections[n-1].File == "" {
				c := &s.Collections[n-1]
				c.Records += f.Records
				if len(c.Objects) < listedObjects {
					c.Objects = append(c.Objects, objectOf(f))
				} else {
					c.MoreObjects++
				}
				continue
			}
			s.Collections = append(s.Collections, collectionView{Name: shown(f.Collection, previewName), Records: f.Records, Objects: []objectView{objectOf(f)}})
			continue
		}
		s.Collections = append(s.Collections, collectionView{Name: shown(f.Collection, previewName), File: f.Name, Size: size(f.SizeBytes), Records: f.Records, table: view.table()})
	}
	for _, l := range p.Lines {
		v.Lines = append(v.Lines, lineView{shown(l.System, previewName), words(l.Outcome), l.Outcome.Group() == dsr.GroupOpen})
	}
	return t.Execute(w, v)
}

// systemOf is the head of a system on the page. An access has to say what the data is used for and more (Art. 15(1)), so that what
// is not declared is said to be so; a portability does not.
func systemOf(name string, f *Facts, access bool) systemView {
	v := systemView{Name: shown(name, previewName)}
	if f == nil {
		f = &Facts{}
	}
	v.Title = shown(f.Title, previewCell)
	if access && len(f.Purposes)+len(f.Categories)+len(f.Recipients)+len(f.Retention)+len(f.Sources) == 0 {
		v.Facts = []factView{{Term: "Purpose, recipients, retention, source"}}
		return v
	}
	for _, t := range []factView{
		{"Used for", f.Purposes}, {"Kinds of data", f.Categories}, {"Given to", f.Recipients}, {"Kept for", periods(f.Retention)}, {"Came from", f.Sources},
	} {
		if access || len(t.Values) > 0 {
			values := make([]string, len(t.Values))
			for i, s := range t.Values {
				values[i] = shown(s, previewCell)
			}
			v.Facts = append(v.Facts, factView{t.Term, values})
		}
	}
	return v
}

// periods says ISO 8601 durations of one unit, as data maps have them, in words: "P10Y" is "10 years". Others stay.
func periods(in []string) []string {
	units := map[byte]string{'Y': "year", 'M': "month", 'W': "week", 'D': "day"}
	out := make([]string, len(in))
	for i, s := range in {
		out[i] = s
		if len(s) < 3 || s[0] != 'P' || units[s[len(s)-1]] == "" {
			continue
		}
		n, err := strconv.ParseUint(s[1:len(s)-1], 10, 16)
		if err != nil {
			continue
		}
		out[i] = fmt.Sprintf("%d %s", n, units[s[len(s)-1]])
		if n != 1 {
			out[i] += "s"
		}
	}
	return out
}

// objectOf gets a link only where a browser shows the file and does not run what is in it: somebody may have sent it.
func objectOf(f File) objectView {
	v := objectView{File: f, Size: size(f.SizeBytes)}
	v.MediaType = shown(v.MediaType, previewName)
	switch strings.ToLower(path.Ext(f.Name)) {
	case ".txt", ".csv", ".json", ".jsonl", ".log", ".md", ".png", ".jpg", ".jpeg", ".gif", ".webp", ".avif", ".bmp", ".mp3", ".wav", ".ogg", ".flac", ".mp4", ".webm", ".pdf":
		v.Open = true
	}
	return v
}

// words says what became of a system that gave no file.
func words(o dsr.Outcome) string {
	switch o {
	case dsr.NotFound:
		return "holds nothing that the identifiers at hand lead to"
	case dsr.NoAnswer:
		return "has not answered: what it holds about you is missing here"
	case dsr.NotSearched:
		return "could not be searched: what it holds about you is missing here"
	case dsr.Failed, dsr.Unsupported:
		return "could not hand over its data: what it holds about you is missing here"
	case dsr.Withheld:
		return "holds data that is not handed over, for a reason in law"
	case dsr.OutOfScope:
		return "holds nothing that this kind of request covers"
	}
	return "gave no file (" + shown(strings.ReplaceAll(string(o), "_", " "), previewName) + ")"
}

func day(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2 January 2006")
}

func size(n int64) string {
	switch {
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.1f kB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%d bytes", n)
}
