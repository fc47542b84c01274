"""What a saved picture says of itself: its request there and back, its signature, its watermark.

`python -m klein_ui.provenance FILE` tells it of a file. The schemas are in docs/provenance.md.
"""

from klein_ui.provenance.record import (
    CHUNK,
    MAX_LINEAGE,
    SCHEMA,
    Makers,
    Record,
    lineage,
    record_of,
    request_digest,
    request_from,
    request_json,
    texts,
)

__all__ = [
    "CHUNK",
    "MAX_LINEAGE",
    "SCHEMA",
    "Makers",
    "Record",
    "lineage",
    "record_of",
    "request_digest",
    "request_from",
    "request_json",
    "texts",
]
