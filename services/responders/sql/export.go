package sql

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"github.com/lethe-dsr/lethe/pkg/datamap"
	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/responder"
	"github.com/lethe-dsr/lethe/pkg/responder/ledger"
)

// Export implements [responder.Exporter]: one part of JSON Lines, or of CSV, for each collection with rows of the person, all read from one
// state of the database, a row at a time, in the order of the primary key.
//
// Types are kept. Numbers are JSON numbers with every digit that the database has, whatever a reader can hold; instants are ISO
// 8601 in UTC, and without an offset where the column has none; bytes are base64; documents and arrays stand as such; what has
// no JSON of its own (intervals, ranges, infinite numbers) is the database's text. Columns that the map does not name are not
// exported, nor those that lethe.export_exclude lists.
//
// In CSV a value is what it is in JSON Lines: text in quotes, numbers, true and false without, documents and arrays as JSON in quotes. Null is
// an empty field, and the empty text two quotes. Nothing is put before a text that a spreadsheet would take for a formula: the data is handed
// over as it is.
func (s *System) Export(ctx context.Context, d responder.Dispatch, sink *responder.Sink) (responder.Answer, error) {
	tx := ledger.Tx(ctx)
	if _, one := s.d.(lite); tx == nil || !one {
		// PostgreSQL's claim has begun at another level of isolation; SQLite's transaction is as good as another, and the pool
		// may have a single connection.
		var done func()
		var err error
		if tx, done, err = s.exporting(ctx); err != nil {
			return responder.Answer{}, err
		}
		defer done()
	}
	present := s.lately
	if s.cfg.Replica != nil { // it may be behind
		present = s.present
	}
	s, err := present(ctx, live{tx})
	if err != nil {
		return responder.Answer{}, err
	}
	unbounded := s.cfg
	unbounded.StatementTimeout = 0
	if err := s.d.prepare(ctx, tx, unbounded); err != nil {
		return responder.Answer{}, failed("prepare an export", err)
	}
	ds := []responder.Dispatch{d}
	a := newAnswers(s, ds)
	if a.errs[0] != nil {
		return responder.Answer{}, a.errs[0]
	}
	out := responder.Answer{IdentifierKinds: a.kinds(0)}
	for _, p := range a.plans[0] {
		start, err := firstSearch(ctx, live{tx}, p, ds, []int{0}, true)
		if err != nil {
			return responder.Answer{}, err
		}
		c, err := closed(ctx, live{tx}, p, start)
		if err != nil {
			return responder.Answer{}, err
		}
		e := &export{d: d, tx: tx, p: p, c: c, sink: sink, format: s.cfg.ExportFormat, reachable: a.reachable(p, 0)}
		lines, err := e.run(ctx)
		if err != nil {
			return responder.Answer{}, err
		}
		if err := c.unstage(ctx, live{tx}); err != nil {
			return responder.Answer{}, err
		}
		for _, l := range lines {
			out.Collections = merge(out.Collections, l)
		}
	}
	return out, nil
}

// export hands over what one kind of subject has.
type export struct {
	d         responder.Dispatch
	tx        *sql.Tx
	p         *plan
	c         *chain
	sink      *responder.Sink
	format    string
	reachable map[*rowset]bool
}

func (e *export) run(ctx context.Context) ([]dsr.Collection, error) {
	held, err := e.withheldRows(ctx)
	if err != nil {
		return nil, err
	}
	behind, err := e.behind(ctx)
	if err != nil {
		return nil, err
	}
	var out []dsr.Collection
	for n, r := range e.p.sets {
		fields := e.fields(r)
		c := dsr.Collection{
			Name: r.label(), Categories: r.categories, CountQuality: dsr.CountsExact, Method: "export", MethodVersion: methodVersion,
			Outcome: dsr.NotFound,
		}
		switch {
		case !e.reachable[r]:
			c.Outcome, c.Note = dsr.NotSearched, "no identifier at hand leads to this collection"
		case len(fields) == 0:
			c.Note = "nothing in it is in the scope of the request"
			if e.d.Kind == dsr.Portability {
				c.Outcome = dsr.OutOfScope
			}
		case !r.rows.Export:
			if held[n] > 0 {
				e.withheld(&c, held[n])
			}
		default:
			rows, err := e.stream(ctx, n, r, fields)
			if err != nil {
				return nil, err
			}
			behind[r].say(&c)
			if rows > 0 {
				c.Outcome, c.Counts = dsr.Exported, dsr.Counts{Found: rows, Exported: rows}
			}
			if rows > 0 && len(r.rows.Exclude) > 0 {
				note(&c, "left out by the data map: "+paths(r.rows.Exclude))
			}
			sayUnsought(&c, r.unsought(e.d.Kinds(), e.reachable))
		}
		out = append(out, c)
	}
	return out, nil
}

// behind is what [plan.behind] says of the rows that there are.
func (e *export) behind(ctx context.Context) (map[*rowset]*rowset, error) {
	var parts []string
	for n, r := range e.p.sets {
		if r.up && len(r.fromHere(e.p)) > 0 {
			parts = append(parts, fmt.Sprintf("SELECT %d AS what, count(*) AS n FROM c%d WHERE s = 1", n, n))
		}
	}
	if len(parts) == 0 {
		return nil, nil
	}
	shared := map[*rowset]bool{}
	err := live{e.tx}.read(ctx, func(row scanner) error {
		var what int
		var n int64
		if err := row.Scan(&what, &n); err != nil {
			return err
		}
		shared[e.p.sets[what]] = n > 0
		return nil
	}, e.c.with()+strings.Join(parts, "\nUNION ALL "), e.c.args...)
	return e.p.behind(func(r *rowset) bool { return shared[r] }), failed("count what others share", err)
}

// withheld says that the map leaves a collection out: what a portability request may leave out is no defect, for an access
// request the record demands a ground.
func (e *export) withheld(c *dsr.Collection, n int64) {
	c.Note = "left out by the data map"
	c.Counts.Found = n
	if e.d.Kind == dsr.Portability {
		c.Outcome = dsr.OutOfScope
		return
	}
	c.Outcome, c.Counts.Withheld = dsr.Withheld, n
}

func paths(fs []*datamap.Field) string {
	out := make([]string, len(fs))
	for i, f := range fs {
		out[i] = f.Path
	}
	return strings.Join(out, ", ")
}

// countQuery counts the rows of each set that the map leaves out, by its number; what is exported counts itself. It is empty where
// the map leaves nothing out.
func (e *export) countQuery() string {
	var parts []string
	for n, r := range e.p.sets {
		if !r.rows.Export {
			parts = append(parts, fmt.Sprintf("SELECT %d AS what, count(*) AS n FROM (SELECT DISTINCT %s FROM c%d) AS o", n, r.keys(""), n))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return e.c.with() + strings.Join(parts, "\nUNION ALL ")
}

func (e *export) withheldRows(ctx context.Context) ([]int64, error) {
	out := make([]int64, len(e.p.sets))
	query := e.countQuery()
	if query == "" {
		return out, nil
	}
	err := live{e.tx}.read(ctx, func(row scanner) error {
		var what int
		var n int64
		if err := row.Scan(&what, &n); err != nil {
			return err
		}
		out[what] = n
		return nil
	}, query, e.c.args...)
	return out, failed("count what is left out", err)
}

// fields lists what is exported of a collection: what the map names, unless it is excluded or out of scope. The key stays, so
// that records can be told apart.
func (e *export) fields(r *rowset) []*datamap.Field {
	var out []*datamap.Field
	any := false
	for _, f := range r.rows.Collection.Fields {
		if slices.Contains(r.rows.Exclude, f) {
			continue
		}
		in := inScope(e.d.Scope, f)
		any = any || in
		if in || f.PrimaryKey {
			out = append(out, f)
		}
	}
	if !any {
		return nil
	}
	return out
}

// inScope reports whether one of the field's categories, or of a field inside it, is one that the request names, or below it.
func inScope(s *dsr.Scope, f *datamap.Field) bool {
	if s == nil || len(s.Categories) == 0 {
		return true
	}
	if slices.ContainsFunc(f.Fields, func(g *datamap.Field) bool { return inScope(s, g) }) {
		return true
	}
	return slices.ContainsFunc(f.Categories(), func(c string) bool {
		return slices.ContainsFunc(s.Categories, func(wide string) bool { return c == wide || strings.HasPrefix(c, wide+".") })
	})
}

// streamQuery reads fields of one set's rows.
func (e *export) streamQuery(n int, r *rowset, fields []*datamap.Field) (string, []*column, error) {
	d := e.p.d
	cols := make([]*column, len(fields))
	exprs := make([]string, len(fields))
	for i, f := range fields {
		c, ok := r.table.column(f.Name)
		if !ok {
			return "", nil, failed("export "+r.label(), ownErrorf("column %s is gone", f.Name))
		}
		if c.class != jsonClass && len(f.Fields) > 0 && d.documents(c) == "" { // SQLite: text
			doc := *c
			doc.class, c = jsonClass, &doc
		}
		cols[i], exprs[i] = c, d.exported("t."+d.quote(c.name), c)
	}
	order := r.table.primaryKey
	if len(order) == 0 {
		order = r.key
	}
	from := fmt.Sprintf("%s AS t WHERE (%s) IN (SELECT %s FROM c%d)", e.p.tableName(r.table), e.p.list("t", r.key), r.keys(""), n)
	if r.eachOnce() {
		if way := e.c.over(n, r.vias[0]); way != "" {
			from = way
		}
	}
	return fmt.Sprintf("%sSELECT %s FROM %s ORDER BY %s", e.c.with(), strings.Join(exprs, ", "), from, e.p.list("t", order)), cols, nil
}

// eachOnce reports whether a way to the rows of a set finds each of them once: nothing of a person's has to be collected then before the
// first row is handed over.
func (r *rowset) eachOnce() bool {
	if len(r.entries) > 0 || len(r.vias) != 1 || !r.vias[0].unique() || r.vias[0].from == r || r.p.circle || byUnicode(r.vias[0].identity) {
		return false
	}
	for up := r; ; up = up.vias[0].from { // rows of other sets stand there once, unless others may share them
		if up.up || len(up.vias) > 1 {
			return false
		}
		if len(up.vias) == 0 {
			return true
		}
	}
}

// stream writes one collection's rows into a part, unless there are none, and returns how many.
func (e *export) stream(ctx context.Context, n int, r *rowset, fields []*datamap.Field) (int64, error) {
	query, cols, err := e.streamQuery(n, r, fields)
	if err != nil {
		return 0, err
	}
	rows, err := e.tx.QueryContext(ctx, query, e.c.args...)
	if err != nil {
		return 0, failed("read "+r.label(), err)
	}
	defer rows.Close() // rows.Err says what there is to say
	if !rows.Next() {
		return 0, failed("read "+r.label(), rows.Err())
	}
	var count int64
	write := func(part *responder.Part) error {
		enc, err := newEncoder(e.p.d, fields, cols, r.rows.Exclude)
		if err != nil {
			return failed("encode the rows of "+r.label(), err)
		}
		add, encode := part.Line, enc.line
		if e.format == CSV {
			add, encode = part.Row, enc.row
		}
		for more := true; more; more = rows.Next() {
			line, err := encode(rows)
			if err != nil {
				return failed("encode a row of "+r.label(), err)
			}
			if err := add(line); err != nil {
				return err
			}
			count++
		}
		return failed("read "+r.label(), rows.Err())
	}
	if e.format != CSV {
		err = e.sink.Records(ctx, r.label(), write)
		return count, err
	}
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.Name
	}
	err = e.sink.Table(ctx, r.label(), names, write)
	return count, err
}
