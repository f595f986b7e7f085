"""Reads Lethe's golden messages with fastavro: each must decode, and encode again to the same bytes.

Exit status: 0 all agree, 1 not.
"""

import io
import sys

import fastavro
import seal

MESSAGES = [
    "subject_request",
    "dispatched_request",
    "acknowledgement",
    "request_status",
    "rejected_request",
    "completion",
]


def again(name, version, message):
    """Decode a golden file and encode what it says."""
    path = f"history/{name}/{version}"
    if name == "identifiers":
        schema = seal.load_schema(path)
        body = io.BytesIO()
        fastavro.schemaless_writer(
            body, schema, fastavro.schemaless_reader(io.BytesIO(message), schema, None)
        )
        return body.getvalue()
    schema = seal.load_schema(path)
    return seal.frame(schema, seal.unframe([schema], message))


def main():
    golden = seal.SCHEMAS.parent / "pkg" / "event" / "testdata"
    files = sorted(golden.glob("*/v*/*.avro"))
    bad = 0
    for f in files:
        name, version = f.parts[-3], f.parts[-2]
        if again(name, version, f.read_bytes()) != f.read_bytes():
            print(f"{f}: fastavro writes other bytes", file=sys.stderr)
            bad += 1
    missing = set(MESSAGES) - {f.parts[-3] for f in files}
    for name in sorted(missing):
        print(f"{golden}: no golden file of {name}", file=sys.stderr)
    print(f"{len(files)} golden files, {bad} differ")
    return 1 if bad or missing else 0


if __name__ == "__main__":
    sys.exit(main())
