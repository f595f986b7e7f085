package completion

import (
	_ "embed" // for the page
	"fmt"
	"html/template"
	"io"
)

//go:embed report.html.tmpl
var reportPage string

func writeHTML(w io.Writer, pg *page) error {
	t, err := template.New("report").Parse(reportPage)
	if err != nil {
		return fmt.Errorf("read the page of the report: %w", err)
	}
	if err := t.Execute(w, pg); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}
