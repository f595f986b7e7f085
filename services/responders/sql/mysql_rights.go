package sql

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// myGrantee is the name under which the catalogue lists the rights of the connection's user.
const myGrantee = `CONCAT(QUOTE(LEFT(CURRENT_USER(), CHAR_LENGTH(CURRENT_USER()) - CHAR_LENGTH(SUBSTRING_INDEX(CURRENT_USER(), '@', -1)) - 1)), '@', QUOTE(SUBSTRING_INDEX(CURRENT_USER(), '@', -1)))`

// privilegeColumns lists what one of the catalogue's views of rights has: a database's name, or a pattern for some, a table's, a column's, and the right.
func privilegeColumns(view string) string {
	switch {
	case strings.HasPrefix(view, "user_"):
		return "'%', '', '', p.privilege_type"
	case strings.HasPrefix(view, "schema_"):
		return "p.table_schema, '', '', p.privilege_type"
	case strings.HasPrefix(view, "table_"):
		return "p.table_schema, p.table_name, '', p.privilege_type"
	}
	return "p.table_schema, p.table_name, p.column_name, p.privilege_type"
}

// held is a right that the user of the connection has. Of a table or a column the database's name is no pattern.
type held struct{ schema, table, column, verb string }

func (h held) covers(verb, schema, table, column string) bool {
	switch {
	case h == all:
		return true
	case !strings.EqualFold(h.verb, verb):
		return false
	case h.table == "":
		return likeMatches(h.schema, schema)
	}
	return h.schema == schema && h.table == table && (h.column == "" || strings.EqualFold(h.column, column))
}

// all covers everything.
var all = held{schema: "%", verb: "ALL"}

// rightsHeld reads what the user may do. The catalogue does not list what comes by a role: where one is active nothing is judged, and what
// is missing fails when it is done.
func rightsHeld(ctx context.Context, q reader) ([]held, error) {
	parts := []string{"SELECT '%', '', '', 'ALL' FROM DUAL WHERE CURRENT_ROLE() IS NOT NULL"}
	for _, view := range []string{"user_privileges p", "schema_privileges p", "table_privileges p", "column_privileges p"} {
		parts = append(parts, "SELECT "+privilegeColumns(view)+" FROM information_schema."+view+" WHERE p.grantee = "+myGrantee)
	}
	var out []held
	err := q.read(ctx, func(s scanner) error {
		var h held
		err := s.Scan(&h.schema, &h.table, &h.column, &h.verb)
		out = append(out, h)
		return err
	}, strings.Join(parts, "\nUNION ALL "))
	return out, err
}

// hidden looks for SELECT on a whole database: of a table that the role has no right on, it sees neither the table nor its foreign
// keys.
func (m mysql) hidden(ctx context.Context, q reader, schemas []string) ([]string, error) {
	has, err := rightsHeld(ctx, q)
	if err != nil {
		return nil, failed("read the rights of the role", err)
	}
	return slices.DeleteFunc(schemas, func(s string) bool {
		return slices.ContainsFunc(has, func(h held) bool { return h.covers(selecting, s, "", "") })
	}), nil
}

func (m mysql) lacking(ctx context.Context, q reader, wanted []right) ([]right, error) {
	has, err := rightsHeld(ctx, q)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(wanted), func(r right) bool {
		verb, schema := r.verb, r.on.schema
		switch verb {
		case using: // there is no such right
			return true
		case temporary:
			verb, schema = "CREATE TEMPORARY TABLES", m.database
		}
		return slices.ContainsFunc(has, func(h held) bool { return h.covers(verb, schema, r.on.name, r.column) })
	}), nil
}

// whole names a database where a right is given on all of it: there _ and % stand for other letters, even in quotes.
func (m mysql) whole(database string) string {
	return m.quote(strings.NewReplacer("_", `\_`, "%", `\%`).Replace(database)) + ".*"
}

// grants gives SELECT on whole databases, as hidden demands it. A role's name may name its host, too, after the last @.
func (m mysql) grants(_ context.Context, _ reader, role string, wanted []right) ([]string, error) {
	to := " TO " + m.account(role)
	out := []string{"GRANT CREATE TEMPORARY TABLES ON " + m.whole(m.database) + to}
	for i := 0; i < len(wanted); i++ {
		r := wanted[i]
		what, on := r.verb, m.qualified(r.on.schema, r.on.name)
		switch {
		case r.verb == temporary || r.verb == using:
			continue
		case r.verb == selecting:
			on = m.whole(r.on.schema)
		case r.column != "":
			columns := []string{m.quote(r.column)}
			for i+1 < len(wanted) && wanted[i+1].verb == r.verb && wanted[i+1].on == r.on {
				i++
				columns = append(columns, m.quote(wanted[i].column))
			}
			what += " (" + strings.Join(columns, ", ") + ")"
		}
		if g := fmt.Sprintf("GRANT %s ON %s%s", what, on, to); !slices.Contains(out, g) {
			out = append(out, g)
		}
	}
	return out, nil
}

// account quotes the name of a user, with its host where it has one.
func (m mysql) account(role string) string {
	at := strings.LastIndex(role, "@")
	if at < 0 {
		return m.quote(role)
	}
	return m.quote(role[:at]) + "@" + m.quote(role[at+1:])
}
