package event

import "fmt"

// UnknownSchemaError says that a message is well framed, with the fingerprint of a schema that this build does not hold:
// most likely a newer writer. On an internal topic the reader must stop rather than step past it.
type UnknownSchemaError struct{ Fingerprint uint64 }

func (e *UnknownSchemaError) Error() string {
	return fmt.Sprintf("unknown schema: this build holds none with fingerprint %016x", e.Fingerprint)
}

// MalformedError says that a message, or a value that was to become one, is wrong for good. Neither Field nor Reason ever
// holds a value of the message.
type MalformedError struct {
	Schema string // name of the schema, empty where the frame itself is wrong
	Field  string // path of the field, such as collections[2].name; empty where it is the whole
	Reason string
}

func (e *MalformedError) Error() string {
	s := "malformed message"
	if e.Schema != "" {
		s = "malformed " + e.Schema
	}
	if e.Field != "" {
		s += ": field " + e.Field
	}
	return s + ": " + e.Reason
}

// DecodeError says where the message stands that could not be decoded.
type DecodeError struct {
	Topic     string
	Partition int
	Offset    int64
	Err       error
}

func (e *DecodeError) Error() string {
	return fmt.Sprintf("decode message at %s/%d@%d: %v", e.Topic, e.Partition, e.Offset, e.Err)
}

func (e *DecodeError) Unwrap() error { return e.Err }

// At names the place of the message whose decoding gave err. It returns nil for nil.
func At(topic string, partition int, offset int64, err error) error {
	if err == nil {
		return nil
	}
	return &DecodeError{Topic: topic, Partition: partition, Offset: offset, Err: err}
}
