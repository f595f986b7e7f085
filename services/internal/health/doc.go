// Package health answers on HTTP whether a process lives and whether it is ready, for whatever starts and restarts processes.
//
// Ready means that everything it needs answers: brokers, topics, the coordinator's database, the system. Alive is false only when a
// partition has lain still for longer than a limit although something waits in it and all that is needed was there: then a restart
// may help. A process that waits for a database is alive, for a restart would bring nothing back.
package health
