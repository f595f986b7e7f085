// Package event turns the values of package dsr into what travels on a topic, and back: Avro bytes in single-object encoding
// (two bytes of marker, the fingerprint of the writer's schema, the value) and headers (W3C trace context, CloudEvents 1.0 in
// Kafka's binary mode).
//
// A [Codec] decodes every version of a schema that was ever released and resolves it to the newest, as the Avro specification
// says: a field that the reader does not know is dropped, one that the writer did not know takes its default, numbers widen.
// It refuses, by name, a schema that this build does not know ([UnknownSchemaError]) and everything else that is wrong with
// the bytes ([MalformedError]): trailing bytes, text that is not UTF-8, instants beyond the year 9999, arrays that announce
// more than the message can hold. [At] adds the topic, partition and offset.
//
// goavro writes and reads every message, in whatever version: a value is filled into a form of goavro's native maps, and read
// out of such maps. What the package adds is what goavro leaves to its caller: bounds before it allocates, schema resolution,
// the frame.
//
// The package knows neither brokers nor keys. It never puts a value of a message into an error.
//
// Where to read next: schemas/README.md, then codec.go for the frame, wire.go for the schema that goavro is given, scan.go
// for what is checked before anything is allocated, resolve.go for old and new writers, form.go for how values are written;
// one file a message.
package event
