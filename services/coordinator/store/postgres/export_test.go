package postgres

// DeleteOf is for a test that reads its plan.
var DeleteOf = deleteOf
