// Package config reads what an operator says: one YAML file and environment variables over it.
//
// It is strict. A name that no setting has, a value of another type or out of range, and a required setting that is missing
// are problems, and [Load] returns all of them at once, each with its file, line and column or with the variable that it came
// from. No value of a secret ever stands in an error or in what a Config prints.
//
// The settings, their defaults and their meaning stand in one table, settings.go. [Reference] renders it for people
// (deployments/CONFIG.md), and deployments/lethe.example.yml says every default aloud; tests hold both to the table.
//
// The package knows what a value may be, not what it is for: names of systems are held against the data map, and addresses
// against the network, by those who use them.
package config
