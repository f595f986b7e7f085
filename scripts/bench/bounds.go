package main

// Bounds that -check holds: about half of the ratio that a full run reached (or twice, where less is better), so that a busy machine does not
// break them and a real regression does.
const (
	boundThroughput3  = 0.07
	boundThroughput20 = 0.03
	boundLatency50    = 27
	boundLatency99    = 22
	boundErase        = 4
	boundExportLarge  = 0.45
	boundExportSmall  = 0.1
	boundStart        = 1_000 // ms
	boundIdleCPU      = 4     // %
	boundIdleMiB      = 128
)
