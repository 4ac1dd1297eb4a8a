"""What every Kubernetes type is made of: the base class and the scalar aliases.

All types are mutable records with keyword arguments. An optional field is `None` when absent and is then not written; a field
that the API requires has its zero value and is always written. Quantities, times and base64 stay text here: what they may
hold is validation's business, how they are computed with is `podling.api.quantity`'s and `podling.api.times`'. The aliases
carry a mark in `Meta.extra` by which `podling.api.schema` tells them apart; to a type checker they are plain `str` and `int`.
"""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Raw, Struct


class ApiType(Struct, kw_only=True, omit_defaults=True, gc=False, rename="camel", forbid_unknown_fields=True):
    """The base of all Kubernetes types; JSON names are the attributes' in camel case unless a field says otherwise.

    That unknown fields are refused is for `podling.api.codec`, which then drops them: a text that decodes at the first
    attempt is thereby known to hold nothing unknown, which is what `podling.api.strict` wants to know on every write.
    """


Int32 = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]
Int64 = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
IntOrString = Annotated[Int32 | str, Meta(extra={"format": "int-or-string"})]
Quantity = Annotated[str, Meta(extra={"format": "quantity"})]
Time = Annotated[str, Meta(extra={"format": "date-time"})]
MicroTime = Annotated[str, Meta(extra={"format": "date-time-micro"})]
Base64 = Annotated[str, Meta(extra={"format": "byte"})]


def none() -> Any:
    """The zero value of a required time: null, which is written."""
    return None


def null_raw() -> Raw:
    """The zero value of required free-form JSON."""
    return Raw(b"null")
