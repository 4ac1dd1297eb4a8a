"""Bodies in `application/vnd.kubernetes.protobuf`, as Go clients send them: kubectl since v1.32, kubelets, operators.

Answers stay JSON, which all of these clients accept; of protobuf only reading is needed. `decoder` turns a message into
the document that the same client would have sent as JSON; from there on it goes the way of every other body.
`fields.json` holds the field numbers and is generated (`tools/generate_protobuf.py`).
"""

from __future__ import annotations

from .decoder import MEDIA_TYPE, to_document

__all__ = ["MEDIA_TYPE", "to_document"]
