package sql

import (
	"context"
	"strings"
	"testing"

	"github.com/lethe-dsr/lethe/pkg/responder"
)

// server answers what a dialect asks of one when it is attached.
type server struct {
	version  string
	database *string
}

func (s server) read(_ context.Context, scan func(scanner) error, _ string, _ ...any) error {
	return scan(s)
}

func (s server) Scan(dest ...any) error {
	*dest[0].(*string), *dest[1].(**string), *dest[2].(*bool) = s.version, s.database, true
	return nil
}

func TestServersThatAreServed(t *testing.T) {
	shop := "shop"
	for _, c := range []struct {
		version  string
		database *string
		served   bool
	}{
		{"10.11.6-MariaDB-0+deb12u1", &shop, true},
		{"11.4.2-MariaDB-log", &shop, true},
		{"12.0.1-MariaDB", &shop, true},
		{"10.6.18-MariaDB", &shop, false},
		{"8.4.2", &shop, false},
		{"5.5.5-10.11.6-MariaDB", &shop, false},
		{"10.11.6-MariaDB", nil, false},
	} {
		d, err := mysql{}.attach(t.Context(), server{c.version, c.database})
		switch {
		case c.served && (err != nil || d.(mysql) != mysql{database: shop, lower: true}):
			t.Errorf("%s: %v, %v", c.version, d, err)
		case !c.served && responder.Classify(err) != responder.ClassPermanent:
			t.Errorf("%s: %v, want a permanent error", c.version, err)
		}
	}
}

func TestGrantsNameDatabasesByPatterns(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"shop", "shop", true},
		{"shop", "shops", false},
		{"shop%", "shops", true},
		{"sh_p", "shop", true},
		{`sh\_p`, "shop", false},
		{`sh\_p`, "sh_p", true},
		{"%", "any", true},
		{"a.b", "axb", false},
		{"shöp", "shöp", true},
	} {
		if got := likeMatches(c.pattern, c.name); got != c.want {
			t.Errorf("%q and %q: %v", c.pattern, c.name, got)
		}
	}
}

func TestConstantsThatColumnsTake(t *testing.T) {
	for _, c := range []struct {
		definition, value string
		want              bool
	}{
		{"tinyint(3) unsigned", "255", true},
		{"tinyint(3) unsigned", "256", false},
		{"tinyint(4)", "-129", false},
		{"int(11)", "1x", false},
		{"decimal(5,2)", "999.99", true},
		{"decimal(5,2)", "1000", false},
		{"decimal(5,2) unsigned", "-1", false},
		{"double", "1e3", true},
		{"double unsigned", "-1", false},
		{"date", "1900-01-01", true},
		{"date", "0000-00-00", true},
		{"date", "2026-02-30", false},
		{"date", "long ago", false},
		{"datetime(3)", "1900-01-01 00:00:00", true},
		{"timestamp", "1900-01-01 00:00:00", false},
		{"timestamp", "2000-01-01 00:00:00.5", true},
		{"time", "12:34:56", true},
		{"time", "noon", false},
		{"year(4)", "1900", false},
		{"year(4)", "2000", true},
		{"bit(3)", "7", true},
		{"bit(3)", "8", false},
		{"enum('a','it''s')", "it's", true},
		{"enum('a','b')", "c", false},
		{"set('a','b')", "a,b", true},
		{"set('a','b')", "a,c", false},
		{"uuid", "00000000-0000-0000-0000-000000000000", true},
		{"uuid", "erased", false},
		{"inet4", "0.0.0.0", true},
		{"inet4", "::", false},
		{"inet6", "::", true},
		{"varbinary(3)", "abc", true},
		{"varbinary(3)", "abcd", false},
		{"point", "POINT(0 0)", false},
	} {
		typ, _, _ := strings.Cut(c.definition, "(")
		typ, _, _ = strings.Cut(typ, " ")
		col := &column{typ: typ, definition: c.definition}
		if typ == "varbinary" {
			col.length = 3
		}
		myClass(col)
		if got := myTakes(col, c.value); got != c.want {
			t.Errorf("%s takes %q: %v", c.definition, c.value, got)
		}
	}
	if col := (&column{class: jsonClass, typ: "longtext"}); !myTakes(col, `{"a":1}`) || myTakes(col, "erased") {
		t.Error("json takes what is none")
	}
}
