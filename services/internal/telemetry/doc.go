// Package telemetry installs what the libraries only call: the OpenTelemetry SDK, and the handler of the logs.
//
// Traces and metrics are set up by the standard OTEL_… variables and nothing else, as any program of the trade is: exporter,
// endpoint, protocol, headers, sampler, resource attributes. With none of them set nothing is installed: spans cost a call,
// nothing runs and nothing connects. Only the propagator is always there, so that a trace which passes through a program without
// an exporter still goes on behind it.
//
// Logs are lines on a writer. What a line belongs to is said by its trace_id; OpenTelemetry's own logs are not used.
package telemetry
