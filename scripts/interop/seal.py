"""What a client in Python needs to publish sealed subject requests, with libraries that are not Lethe's.

    frame(schema, record)                    a message in Avro single-object encoding
    unframe(schemas, message)                its record, by the fingerprint of the writer's schema
    seal_identifiers(pem, request_id, ids)   the bytes of sealed_identifiers

The formats are described in schemas/README.md. As a program: seal.py PUBLIC_KEY_FILE REQUEST_ID kind=value ...
prints the sealed identifiers in hexadecimal.
"""

import hashlib
import io
import json
import pathlib
import sys

import fastavro
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)
from fastavro.schema import fingerprint, to_parsing_canonical_form
from pyhpke import AEADId, CipherSuite, KDFId, KEMId, KEMKey

SCHEMAS = pathlib.Path(__file__).resolve().parents[2] / "schemas"
MARKER = b"\xc3\x01"


def load_schema(name):
    """Parse schemas/NAME.avsc."""
    return fastavro.parse_schema(json.loads((SCHEMAS / f"{name}.avsc").read_text()))


def schema_fingerprint(schema):
    """CRC-64-AVRO of the canonical form, in the byte order of the frame (little-endian), as fastavro prints it."""
    return bytes.fromhex(fingerprint(to_parsing_canonical_form(schema), "CRC-64-AVRO"))


def frame(schema, record):
    """Encode a record as one message."""
    body = io.BytesIO()
    fastavro.schemaless_writer(body, schema, record, strict_allow_default=True)
    return MARKER + schema_fingerprint(schema) + body.getvalue()


def unframe(schemas, message):
    """Decode a message whose schema is one of schemas; refuse trailing bytes."""
    if message[:2] != MARKER:
        raise ValueError("not in Avro single-object encoding")
    by_fingerprint = {schema_fingerprint(s): s for s in schemas}
    schema = by_fingerprint[message[2:10]]
    body = io.BytesIO(message[10:])
    record = fastavro.schemaless_reader(body, schema, None)
    if body.read(1):
        raise ValueError("trailing bytes")
    return record


def seal_identifiers(pem, request_id, identifiers):
    """Seal [(kind, value), ...] for one request to the coordinator's public key, given as the text of its PEM file."""
    plaintext = io.BytesIO()
    fastavro.schemaless_writer(
        plaintext, load_schema("identifiers"), [{"kind": k, "value": v} for k, v in identifiers]
    )
    # Lines that begin with # are comments.
    pem = "".join(line for line in pem.splitlines(keepends=True) if not line.startswith("#"))
    key = load_pem_public_key(pem.encode())
    raw = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    suite = CipherSuite.new(
        KEMId.DHKEM_X25519_HKDF_SHA256, KDFId.HKDF_SHA256, AEADId.AES256_GCM
    )
    info = b"lethe/v1/identifiers/" + request_id.lower().encode()
    enc, sender = suite.create_sender_context(KEMKey.from_pyca_cryptography_key(key), info=info)
    return hashlib.sha256(raw).digest()[:8] + enc + sender.seal(plaintext.getvalue())


def main():
    path, request_id, *pairs = sys.argv[1:]
    identifiers = [tuple(p.split("=", 1)) for p in pairs]
    print(seal_identifiers(pathlib.Path(path).read_text(), request_id, identifiers).hex())


if __name__ == "__main__":
    main()
