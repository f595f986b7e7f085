// Package roles turns a configuration into running services: it is the one place where they are wired together. The command's
// subcommands, the demo and the end-to-end tests all start services through it, so that there is one path with other
// addresses.
package roles
