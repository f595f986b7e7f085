package sql

import (
	"slices"
	"strings"
)

// refersByName reports whether a column could refer to a table and is named as if it did: user_id for users and for wp_users, emp_no for what has
// that key.
func refersByName(c *column, to *table) bool {
	if len(to.primaryKey) > 0 && !slices.ContainsFunc(to.primaryKey, func(k *column) bool { return k.class == c.class }) {
		return false
	}
	return namedAfter(c, to) || namedAsKey(c, to)
}

// namedAfter reports whether a column's name ends with that of a table and _id.
func namedAfter(c *column, to *table) bool {
	name, of := tokens(c.name), tokens(to.name)
	if len(of) == 0 || len(name) < 2 || name[len(name)-1] != "id" {
		return false
	}
	last := of[len(of)-1]
	joined := "_" + strings.Join(name, "_")
	return strings.HasSuffix(joined, "_"+singular(last)+"_id") || strings.HasSuffix(joined, "_"+last+"_id")
}

// namedAsKey reports whether a column bears the name of a table's key, where that is more than one word for any key.
func namedAsKey(c *column, to *table) bool {
	if len(to.primaryKey) != 1 {
		return false
	}
	key := tokens(to.primaryKey[0].name)
	return !(len(key) == 1 && slices.Contains(anyKey, key[0])) && slices.Equal(tokens(c.name), key)
}

var anyKey = strings.Fields("id uuid guid oid pk key code name no nr number email mail")
