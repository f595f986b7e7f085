package ledger

// Grants returns the statements by which PostgreSQL and MariaDB give a role, quoted where its name must be, what it needs of the tables that [Schema]
// makes, and no more.
func Grants(role string) []string {
	return []string{
		"GRANT SELECT ON lethe_ledger_version TO " + role,
		"GRANT SELECT, INSERT, UPDATE, DELETE ON lethe_ledger TO " + role,
	}
}
