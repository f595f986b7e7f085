// Package kafka carries bytes over Apache Kafka for the rest of Lethe: it publishes, consumes in groups, creates and checks
// topics, and reads topics from end to end. It is the only importer of segmentio/kafka-go, scripts apart, knows nothing about requests or
// Avro, and refuses to guess: what was not acknowledged by every in-sync replica is an error, what retention took away
// before it was read halts its partition, a topic that is not there is named.
//
// The life of a message:
//
//  1. [Producer.Send] splits the messages by partition (producer.go); a lane for each partition (lane.go) has one batch
//     under way at a time, so that messages of one partition stay in order and what arrives meanwhile shares the next one;
//     batches of several lanes travel in one request (parcel.go).
//  2. [Client.Consume] joins a group (consumer.go), works each assigned partition in order and in batches (partition.go),
//     several partitions in one call where the handler gains by that (gather.go), commits what was settled (commit.go) and
//     survives rebalances (generation.go).
//  3. [Client.Tail] and [Client.Lag] read without joining a group.
//
// Delivery is at least once: a message may come twice, after a retry whose first attempt did arrive, a rebalance or a crash.
//
// kafka-go's Writer and Reader are not used. Writer answers one error for a batch of strangers and reorders what it
// retries; Reader skips silently what retention has removed, hands out transaction markers as messages and misreads batches
// that compaction has emptied (segmentio/kafka-go#1107). Underneath stand its Client and its ConsumerGroup, which give each
// answer of the broker as it is.
package kafka
