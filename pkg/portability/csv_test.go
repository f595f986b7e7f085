package portability_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/lethe-dsr/lethe/pkg/portability"
)

// table is what pkg/responder calls its parts of CSV.
const table = "text/csv; charset=utf-8; header=present"

// A table in CSV stands beside others under its own ending, and the page shows its first records.
func TestTablesOfCSV(t *testing.T) {
	p, s := example()
	var wide []string
	for i := range 20 {
		wide = append(wide, fmt.Sprintf("%q", fmt.Sprintf("field %d", i)))
	}
	p.Parts = append(p.Parts[:0:0],
		s.add("shop", "orders", "orders.csv", table, "\"id\",\"note\"\r\n1,\"a \"\"quoted\"\"\nnote\"\r\n2,\r\n3,\"\"\r\n4,x\r\n5,x\r\n6,\"the sixth\"\r\n"),
		s.add("shop", "orders2", "orders2.csv", table, "\"id\"\r\n"),
		s.add("shop", "wide", "wide.csv", table, strings.Join(wide, ",")+"\r\n"+strings.Repeat("7,", 19)+"7\r\n"),
		s.add("shop", "broken", "broken.csv", table, "\"id\"\r\n\"a\"b\"\r\n"),
		s.add("shop", "long", "long.csv", table, "\"id\"\r\n1\r\n\""+strings.Repeat("x", 100_000)+"\"\r\n"),
		s.add("shop", "files", "files/list.csv", "text/csv", "a,b\r\n"), // somebody's own file
	)
	p.Parts[0].Records, p.Parts[1].Records, p.Parts[2].Records = 6, 0, 1
	b, m := write(t, p, s)
	if _, err := verify(b); err != nil {
		t.Error(err)
	}
	var files []string
	for _, f := range m.Files {
		files = append(files, f.Name)
	}
	for i, want := range []string{"data/shop/orders.csv", "data/shop/orders2.csv", "data/shop/wide.csv", "data/shop/broken.csv", "data/shop/long.csv", "data/shop/files/list.csv"} {
		if files[i] != want {
			t.Errorf("file %d is %s, want %s", i, files[i], want)
		}
	}
	page := unzip(t, b)[portability.IndexName]
	for _, want := range []string{"a &#34;quoted&#34; note", `href="data/shop/orders.csv"`, "field 11"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not show %q", want)
		}
	}
	for _, not := range []string{"the sixth", "field 12", "xxxxxxxxxx"} {
		if strings.Contains(page, not) {
			t.Errorf("the page shows %q", not)
		}
	}
}
