package main

// Bounds that CI holds on the short cases: half of the ratio that was reached with them (or twice, where less is better), so that a busy machine
// does not break them and a real regression does.
const (
	boundThroughput3  = 0.08
	boundThroughput20 = 0.1
	boundLatency50    = 8
	boundLatency99    = 16
	boundErase        = 4
	boundExportLarge  = 0.2
	boundExportSmall  = 0.1
	boundStart        = 1_000 // ms
	boundIdleCPU      = 4     // %
	boundIdleMiB      = 128
)
