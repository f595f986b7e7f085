"""A client of Lethe that shares no code with it: confluent-kafka, fastavro and an HPKE library.

    client.py BROKERS TOPIC_PREFIX PUBLIC_KEY_FILE kind=value [kind=value ...]

For each person named it publishes an access request with sealed identifiers, and when its record is there an erasure request with
identifiers in clear (which the coordinator must be told to accept). It follows each on the status topic and reads its completion
record. It prints one line of JSON for each request and ends with 1 when a request has no record after two minutes.
"""

import base64
import datetime
import json
import pathlib
import sys
import time
import uuid

from confluent_kafka import Consumer, Producer, TopicPartition

from seal import frame, load_schema, seal_identifiers, unframe

WITHIN = 120  # seconds


def request(kind, **fields):
    """A subject request with every field that has no default."""
    return {
        "request_id": str(uuid.uuid4()),
        "kind": kind,
        "received_at": datetime.datetime.now(datetime.timezone.utc),
        "channel": "web form",
        "source": "python",
        **fields,
    }


def publish(brokers, topic, schema, requests):
    """Send requests and wait for the broker to have them."""
    failed = []
    producer = Producer({"bootstrap.servers": brokers, "acks": "all", "enable.idempotence": True})
    for r in requests:
        producer.produce(
            topic,
            key=r["request_id"],
            value=frame(schema, r),
            headers={"ce_specversion": "1.0", "ce_id": r["request_id"], "ce_type": "io.lethe.subject_request.v1", "ce_source": "python"},
            on_delivery=lambda err, _: failed.append(err) if err else None,
        )
    if producer.flush(30) or failed:
        raise RuntimeError(f"{len(failed)} requests were not acknowledged")


def consumer(brokers, topics):
    """Read the topics from their beginning, without a group of one's own to keep."""
    c = Consumer({"bootstrap.servers": brokers, "group.id": f"python-{uuid.uuid4()}", "enable.auto.commit": False, "auto.offset.reset": "earliest"})
    parts = []
    for topic in topics:
        meta = c.list_topics(topic, 10).topics[topic]
        parts += [TopicPartition(topic, p, 0) for p in meta.partitions]
    c.assign(parts)
    return c


def follow(brokers, prefix, ids):
    """Wait for the record of each request, and return what was read of each."""
    status_schema, completion_schema, rejected_schema = (
        load_schema("request_status"), load_schema("completion"), load_schema("rejected_request"),
    )
    status, completions, rejected = prefix + "request-status", prefix + "completions", prefix + "subject-requests.rejected"
    seen = {i: {"request_id": i, "states": [], "version": 0} for i in ids}
    c = consumer(brokers, [status, completions, rejected])
    end = time.monotonic() + WITHIN
    try:
        while time.monotonic() < end and not all(settled(s) for s in seen.values()):
            m = c.poll(1)
            if m is None or m.error() or m.value() is None:
                continue
            if m.topic() == status:
                r = unframe([status_schema], m.value())
                s = seen.get(r["request_id"])
                if s and r["version"] > s["version"]:
                    s["version"] = r["version"]
                    s["states"].append(r["state"])
            elif m.topic() == rejected:
                r = unframe([rejected_schema], m.value())
                if r.get("request_id") in seen:
                    seen[r["request_id"]]["rejected"] = r["reason"]
            else:
                r = unframe([completion_schema], m.value())
                if r["request_id"] in seen:
                    seen[r["request_id"]].update(record_of(r))
    finally:
        c.close()
    return list(seen.values())


def settled(s):
    """Whether a request is rejected, or has its record and its last status: they come on two topics, in any order."""
    return "rejected" in s or ("result" in s and s["states"][-1:] == ["sealed"])


def record_of(completion):
    """What a record says, read out of its envelope. Its signature is `lethe record verify`'s business."""
    envelope = json.loads(completion["envelope"])
    record = json.loads(base64.b64decode(envelope["payload"]))
    return {
        "result": record["result"],
        "kind": record["request"]["kind"],
        "systems": {s["name"]: sorted({c["outcome"] for c in s["collections"]}) for s in record["systems"]},
    }


def main():
    brokers, prefix, key_file, *pairs = sys.argv[1:]
    pem = pathlib.Path(key_file).read_text()
    schema = load_schema("subject_request")
    people = [tuple(p.split("=", 1)) for p in pairs]
    sealed, clear = [], []
    for kind, value in people:
        r = request("access")
        r["sealed_identifiers"] = seal_identifiers(pem, r["request_id"], [(kind, value)])
        sealed.append(r)
        clear.append(request("erasure", identifiers=[{"kind": kind, "value": value}]))
    read = []
    for requests in (sealed, clear):
        publish(brokers, prefix + "subject-requests", schema, requests)
        read += follow(brokers, prefix, [r["request_id"] for r in requests])
    for r in read:
        print(json.dumps(r))
    sys.exit(0 if all(settled(r) for r in read) else 1)


if __name__ == "__main__":
    main()
